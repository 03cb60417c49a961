"""The soft edge of a matte divides pixels between an object and what is beside it, wherever the focus lies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from dioptre.imaging.shapes import cut
from dioptre.optics.aperture import Aperture
from dioptre.optics.defocus import Focus
from dioptre.optics.draft import blur_draft
from dioptre.optics.lens_blur import blur
from dioptre.optics.scene import Scene
from dioptre.optics.soft_edges import SoftEdges

SIDE = 192
OBJECT, WALL = 0.8, 0.2


def hair() -> np.ndarray:
    """Return a matte of a solid half, with strands of a coverage of about a third that grow out of it."""
    alpha = np.zeros((SIDE, SIDE), np.float32)
    alpha[:, : SIDE // 2] = 1
    alpha[::6, : SIDE // 2 + 40] = 1
    return np.clip(ndimage.gaussian_filter(alpha, 0.8), 0, 1)


def both(alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the linear light of a dark object and of a bright, textured wall, each as if alone."""
    rng = np.random.default_rng(5)
    mine = (0.05 + 0.05 * rng.random((*alpha.shape, 1))) * np.ones(3)
    wall = 0.4 + 0.4 * ndimage.gaussian_filter(rng.random(alpha.shape), 2)[..., None] * np.ones(3)
    return mine.astype(np.float32), wall.astype(np.float32)


def scene(focal: float, *, soft: bool, alpha: np.ndarray | None = None) -> Scene:
    """Return a scene whose depth steps where the object covers half of a pixel."""
    alpha = hair() if alpha is None else alpha
    mine, wall = both(alpha)
    at = np.flatnonzero((alpha > 0.02) & (alpha < 0.98)).astype(np.int32)
    edges = SoftEdges(
        size=(SIDE, SIDE),
        at=at,
        planes=np.concatenate([mine * alpha[..., None], alpha[..., None]], -1).reshape(-1, 4)[at].T,
        disparity=np.repeat(np.float32([[OBJECT], [WALL]]), at.size, axis=1),
    )
    return Scene(
        image=alpha[..., None] * mine + (1 - alpha[..., None]) * wall,
        disparity=np.where(alpha > 0.5, np.float32(OBJECT), np.float32(WALL)),
        focus=Focus(focal_disparity=focal, max_radius_px=15.0),
        encoded=False,
        soft_edges=edges if soft else None,
    )


def truth(focal: float) -> np.ndarray:
    """Return the blur of the object over the blur of the wall."""
    alpha = hair()
    mine, wall = both(alpha)

    def spread(planes: np.ndarray, disparity: float) -> np.ndarray:
        radius = 15.0 * abs(disparity - focal)
        psf = Aperture().kernel(radius, size=2 * int(radius) + 5)
        return np.stack([ndimage.convolve(plane, psf) for plane in planes.transpose(2, 0, 1)], -1)

    sharp = np.concatenate([mine * alpha[..., None], alpha[..., None]], -1)
    front, back = (sharp, spread(wall, WALL)) if focal == OBJECT else (spread(sharp, OBJECT), wall)
    return front[..., :3] + (1 - front[..., 3:]) * back


@pytest.mark.parametrize("focal", [OBJECT, WALL])
def test_hair_is_composited_over_the_wall(focal: float) -> None:
    """Strands stay in front of a blurred wall, and blurred strands leave no copies on a sharp one."""
    wanted = truth(focal)
    edge = np.s_[20:-20, SIDE // 2 + 4 : SIDE // 2 + 36]
    errors = [
        float(np.abs(blur(scene(focal, soft=soft)) - wanted)[edge].mean()) / float(wanted[edge].std())
        for soft in (False, True)
    ]
    assert errors[1] < 0.25
    assert errors[1] < 0.5 * errors[0]


def test_the_draft_has_the_strands_too() -> None:
    edge = np.s_[20:-20, SIDE // 2 + 4 : SIDE // 2 + 36]
    whole = blur(scene(OBJECT, soft=True))
    with_edges, without = (
        float(np.abs(blur_draft(scene(OBJECT, soft=soft)) - whole)[edge].mean()) for soft in (True, False)
    )
    assert with_edges < 0.7 * without


def test_where_both_are_in_focus_nothing_changes() -> None:
    given = scene(OBJECT, soft=True)
    edges = given.soft_edges
    assert edges is not None
    edges.disparity[:] = OBJECT
    given.disparity[:, :-8] = OBJECT
    made = blur(given)
    np.testing.assert_allclose(made[:, :-40], given.image[:, :-40], atol=1e-4)


@pytest.mark.parametrize(("top", "left"), [(-30, -50), (0, 10), (150, 120), (-200, 300)])
def test_a_tile_is_reflected_like_the_picture(top: int, left: int) -> None:
    edges = scene(OBJECT, soft=True).soft_edges
    assert edges is not None
    numbers = np.full((SIDE, SIDE), -1)
    numbers.ravel()[edges.at] = np.arange(edges.at.size)
    where, number = edges.within(top, left, 64)
    wanted = cut(numbers, (top, left), (64, 64)).ravel()
    np.testing.assert_array_equal(where, np.flatnonzero(wanted >= 0))
    np.testing.assert_array_equal(number, wanted[where])
