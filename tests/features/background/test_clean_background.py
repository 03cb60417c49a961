"""The background continues behind the subject, with its own texture and never with the subject."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from dioptre.caching.caches import DiskCache
from dioptre.contract import all_rows
from dioptre.features.background import filling
from dioptre.features.background.filling import clean_background
from dioptre.imaging.pull_push import pull_push

SIZE = 120, 120


def disc(size: tuple[int, int] = SIZE, radius: float = 18, centre: tuple[float, float] = (60, 55)) -> np.ndarray:
    y, x = np.mgrid[: size[0], : size[1]]
    return ((y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2).astype(np.float32)


def stripes(size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return green stripes of 12 pixels with some noise."""
    y, x = np.mgrid[: size[0], : size[1]]
    wave = 0.5 + 0.3 * np.sin((x + 0.5 * y) * 2 * np.pi / 12)
    noise = np.random.default_rng(3).normal(0, 0.02, size)
    return np.stack([0.3 * wave, wave + noise, 0.2 * wave], axis=-1).astype(np.float32)


def filled(picture: np.ndarray, alpha: np.ndarray, disparity: np.ndarray | None = None) -> np.ndarray:
    near = np.zeros(alpha.shape, np.float32) + alpha * np.float32(0.8) if disparity is None else disparity
    return all_rows(picture.shape, clean_background(picture, alpha, near))


def energy(picture: np.ndarray, where: np.ndarray) -> float:
    down, across = np.gradient(picture[..., 1])
    return float((down**2 + across**2)[where].mean())


def test_texture_and_structure_continue() -> None:
    truth, alpha = stripes(), disc()
    picture = np.where(alpha[..., None] > 0, np.float32([0.9, 0.1, 0.1]), truth)
    plate, inside = filled(picture, alpha), disc(radius=14) > 0
    assert 0.75 < energy(plate, inside) / energy(truth, inside) < 1.25
    assert np.sqrt(np.mean((plate - truth)[inside] ** 2)) < 0.08, "the stripes must line up"
    smooth = pull_push(picture, 1 - alpha)
    assert energy(smooth, inside) / energy(truth, inside) < 0.3, "a smooth filling would fail here"


def test_no_colour_of_the_subject_is_left() -> None:
    """Red beyond the mask's edge, as where a matte ends inside hair, must not be copied either."""
    picture, alpha = stripes(), disc()
    picture[disc(radius=19) > 0] = (0.9, 0.1, 0.1)
    plate = filled(picture, alpha)
    assert (plate[..., 0] < plate[..., 1] + 0.05).all()


def test_a_narrow_nearer_object_is_not_copied() -> None:
    picture, alpha = stripes(), disc()
    near = alpha * np.float32(0.8)
    picture[:, 84:96], near[:, 84:96] = (0.1, 0.2, 0.9), 0.7
    plate = filled(picture, alpha, near)
    assert (plate[alpha > 0][:, 2] < 0.4).all()


def test_copies_that_do_not_fit_the_rim_are_not_used() -> None:
    """Only squares of bright colours may be copied, because the stripes around the subject are much nearer."""
    picture, alpha = stripes(), disc()
    squares = np.random.default_rng(2).random((8, 3, 3)).astype(np.float32)
    picture[:, 82:] = np.kron(squares, np.ones((15, 13, 1)))[:, :38]
    near = np.full(SIZE, 0.9, np.float32)
    near[:, 82:], near[alpha > 0] = 0.2, 0.3
    assert energy(filled(picture, alpha, near), disc(radius=14) > 0) < 0.2 * energy(stripes(), alpha > 0)


def test_a_smooth_background_stays_smooth() -> None:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    truth = np.repeat((0.3 + 0.002 * x + 0.001 * y)[..., None], 3, axis=2).astype(np.float32)
    alpha = disc()
    plate = filled(np.where(alpha[..., None] > 0, np.float32(0.9), truth), alpha)
    assert np.abs(plate - truth).max() < 0.02


@pytest.mark.parametrize("std", [0.0, 0.02])
def test_a_plain_sky_keeps_its_grain_and_its_gradient(std: float) -> None:
    """The seam is as invisible as the grain is even."""
    size = 240, 300
    y, x = np.mgrid[: size[0], : size[1]]
    sky = np.repeat((0.3 + 0.001 * x + 0.001 * y)[..., None], 3, axis=2)
    noise = np.random.default_rng(6).normal(0, 1, (*size, 1))
    truth = (sky + std * ndimage.gaussian_filter(noise, (0.7, 0.7, 0)) / 0.4).astype(np.float32)
    alpha = disc(size, radius=50, centre=(120, 150))
    plate, inside = (
        filled(np.where(alpha[..., None] > 0, np.float32(0.9), truth), alpha),
        disc(size, 46, (120, 150)) > 0,
    )
    np.testing.assert_allclose(ndimage.gaussian_filter(plate, (6, 6, 0))[inside], sky[inside], atol=0.01)
    grain, expected = ((each - ndimage.gaussian_filter(each, (2, 2, 0)))[inside].std() for each in (plate, truth))
    assert grain == pytest.approx(expected, rel=0.2, abs=1e-3)


def test_what_a_soft_matte_cannot_see_leaves_no_edge() -> None:
    """Hair reaches beyond the matte by half of the width of the matte's soft edge."""
    size = 160, 160
    y, x = np.mgrid[: size[0], : size[1]]
    away = np.hypot(y - 80, x - 80)
    alpha = np.clip((50 - away) / 20, 0, 1).astype(np.float32)
    seen = np.where(away < 50, alpha, 0.15 * np.clip((56 - away) / 6, 0, 1)).astype(np.float32)[..., None]
    sky = np.repeat((0.3 + 0.001 * x)[..., None], 3, axis=2).astype(np.float32)
    plate = filled(sky + seen * (np.float32(0.9) - sky), alpha)
    assert np.abs(plate - sky).max() < 0.02


def test_the_same_picture_gives_the_same_pixels_in_any_rows() -> None:
    picture, alpha = stripes(), disc()
    read = clean_background(picture, alpha, alpha)
    parts = np.concatenate([read(slice(0, 33)), read(slice(33, 34)), read(slice(34, 120))])
    np.testing.assert_array_equal(parts, filled(picture, alpha, alpha))


def test_what_was_kept_gives_the_same_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, alpha = stripes(), disc()
    plain = np.full((*SIZE, 3), 0.4, np.float32)
    cache = DiskCache(tmp_path, limit_bytes=1 << 24)
    made = [all_rows(each.shape, clean_background(each, alpha, alpha, cache=cache)) for each in (picture, plain)]
    np.testing.assert_array_equal(made[0], filled(picture, alpha, alpha))
    monkeypatch.setattr(filling, "continue_by_shifts", None)
    for each, expected in zip((picture, plain), made, strict=True):
        again = clean_background(each, alpha, alpha, cache=cache)
        np.testing.assert_array_equal(all_rows(each.shape, again), expected)


def test_pixels_away_from_the_subject_are_unchanged() -> None:
    picture, alpha = stripes(), disc()
    far = disc(radius=26) == 0
    np.testing.assert_array_equal(filled(picture, alpha)[far], picture[far])


def test_alpha_is_kept() -> None:
    alpha = disc()
    opacity = np.linspace(0.5, 1, 120, dtype=np.float32) * np.ones((120, 1), np.float32)
    picture = np.concatenate([stripes(), opacity[..., None]], axis=-1)
    plate = filled(picture, alpha)
    np.testing.assert_array_equal(plate[..., 3], opacity)


@pytest.mark.parametrize("size", [(1, 1), (3, 90), (90, 5), (20, 24), (60, 400)])
def test_any_size_works(size: tuple[int, int]) -> None:
    picture = stripes(size)
    alpha = disc(size, radius=max(1.0, min(size) / 3), centre=(size[0] / 2, size[1] / 2))
    plate = filled(picture, alpha)
    assert np.isfinite(plate).all()
    assert plate.min() >= 0
    assert plate.max() < 1.2


def test_a_subject_at_the_corner_and_one_that_leaves_nothing() -> None:
    picture = stripes()
    corner = disc(radius=40, centre=(119, 0))
    plate = filled(picture, corner)
    assert np.isfinite(plate).all()
    assert energy(plate, corner > 0) > 0.1 * energy(picture, corner > 0)
    np.testing.assert_array_equal(filled(picture, np.zeros(SIZE, np.float32)), picture)
    assert np.isfinite(filled(picture, np.ones(SIZE, np.float32))).all()
    few = np.ones(SIZE, np.float32)
    few[:4, :4] = 0
    assert np.abs(filled(picture, few) - picture[:4, :4].mean((0, 1))).max() < 0.5
