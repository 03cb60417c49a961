"""Motion blur: streaks, and what stays sharp."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from dioptre.contract import Inputs, Result
from dioptre.features.motion_blur import motion_blur
from dioptre.features.subject import Subject
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.recipes.apply import apply
from dioptre_link.errors import Cancelled, DioptreError
from dioptre_link.operation import Role

HEIGHT, WIDTH = 64, 96
NEAR = np.s_[20:44, 36:60]


@pytest.fixture(autouse=True)
def subject_by_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use near areas as the subject, instead of running the networks on noise."""

    def near(_: Inputs, disparity: np.ndarray, *, at: tuple[float, float] | None, **__: object) -> Subject:
        least = 0.5 if at is None else float(disparity[int(at[1]), int(at[0])])
        alpha = (disparity >= least).astype(np.float32)
        return Subject(
            alpha=alpha,
            disparity_range=(1.0, 1.0),
            focal_disparity=1.0,
            kind="subject",
            found=bool(alpha.any()),
            confidence=1.0,
        )

    monkeypatch.setattr("dioptre.features.motion_blur.moving.kept_subject", near)


def noise(*, seed: int = 0, shape: tuple[int, ...] = (HEIGHT, WIDTH, 3)) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.05, 0.95, shape).astype(np.float32)


def square() -> np.ndarray:
    """The disparity of a square at 1 before a wall at 0.2."""
    disparity = np.full((HEIGHT, WIDTH), 0.2, np.float32)
    disparity[NEAR] = 1.0
    return disparity


def blurred(picture: np.ndarray, disparity: np.ndarray, **options: Any) -> Result:
    return apply("motion_blur", {"length": 10, **options}, Inputs(picture=picture, disparity=disparity))


def linear(picture: np.ndarray) -> np.ndarray:
    return np.asarray(srgb_to_linear(jnp.asarray(picture)), np.float64)


def box(picture: np.ndarray, length: float, axis: int = 1) -> np.ndarray:
    """The mean over streaks in linear light, encoded, by sums in double precision."""
    light = np.moveaxis(linear(picture), axis, 0)
    sums = np.concatenate([np.zeros_like(light[:1]), light.cumsum(axis=0)])
    middle = np.arange(len(light)) + 0.5

    def until(place: np.ndarray) -> np.ndarray:
        whole = np.minimum(place.astype(int), len(light) - 1)
        return sums[whole] + (place - whole)[:, None, None] * light[whole]

    ends = (middle + side * length / 2 for side in (1, -1))
    high, low = (until(np.clip(end, 0, len(light))) for end in ends)
    return np.asarray(linear_to_srgb(jnp.asarray(np.moveaxis((high - low) / length, 0, axis), jnp.float32)))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("length", [2.0, 9.3, 40.0])
def test_streaks_are_means_along_the_motion_in_linear_light(length: float, axis: int) -> None:
    picture = noise(shape=(300, 2300, 3) if axis else (2300, 300, 3))
    picture[100:120, 100:120] = 0.002  # rounding of long sums shows in the dark
    made = motion_blur(picture, length_px=length, angle=0 if axis else 90)
    inner = np.s_[40:-40, 40:-40]
    expected = box(picture, length, axis)
    np.testing.assert_allclose(made[inner], expected[inner], atol=0.4 / 255)


@pytest.mark.parametrize("angle", [-70.0, -30.0, 15.0, 45.0, 60.0])
def test_a_point_becomes_a_line_in_the_direction_of_the_angle(angle: float) -> None:
    picture = np.zeros((121, 161, 3), np.float32)
    picture[60, 80] = 1.0
    light = linear(motion_blur(picture, length_px=31.0, angle=angle))[..., 0]
    y, x = np.nonzero(light > 1e-4)
    weight = light[y, x]
    dx, dy = x - 80.0, 60.0 - y
    assert weight.sum() == pytest.approx(1, abs=0.05)
    turn = np.radians(angle)
    along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    assert abs(float((weight * along).sum())) < 0.5
    assert float((weight * along**2).sum()) == pytest.approx(31**2 / 12, rel=0.08)
    assert float((weight * across**2).sum()) < 0.6


def test_panning_keeps_the_subject_and_leaves_no_ghost_of_it() -> None:
    picture = noise()
    picture[..., 0] = 0.0
    picture[NEAR] = (0.9, 0.0, 0.0)
    made = blurred(picture, square()).layers[0].pixels
    np.testing.assert_array_equal(made[NEAR], picture[NEAR])
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[NEAR] = False
    assert made[..., 0][outside].max() < 0.02
    rest = np.s_[:16]
    assert made[rest, ..., 1].std() < 0.6 * picture[rest, ..., 1].std()


def test_a_faint_trace_of_the_matte_does_not_stay_sharp(monkeypatch: pytest.MonkeyPatch) -> None:
    alpha = (square() > 0.5).astype(np.float32)
    alpha[5:8, 4:90:4] = 0.2
    found = Subject(
        alpha=alpha, disparity_range=(1, 1), focal_disparity=1, kind="subject", found=True, confidence=1
    )
    monkeypatch.setattr("dioptre.features.motion_blur.moving.kept_subject", lambda *_, **__: found)
    picture = noise()
    made = blurred(picture, square()).layers[0].pixels
    np.testing.assert_allclose(made[5:8, 12:-12], box(picture, 9.6)[5:8, 12:-12], atol=0.01)


def test_hair_keeps_its_colour_over_the_streaks() -> None:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[NEAR] = 0.5
    alpha[26:38, 42:54] = 1.0
    behind = np.full((HEIGHT, WIDTH, 3), 0.2, np.float32)
    light = linear(behind) * (1 - alpha[..., None]) + linear(np.float32([0.9, 0.6, 0.3])) * alpha[..., None]
    picture = np.asarray(linear_to_srgb(jnp.asarray(light, jnp.float32)))
    made = motion_blur(picture, length_px=12, alpha=alpha)
    np.testing.assert_allclose(made, picture, atol=1 / 255)


def test_nothing_changes_without_length_and_alpha_never_does() -> None:
    picture = noise(shape=(HEIGHT, WIDTH, 4))
    np.testing.assert_array_equal(blurred(picture, square(), length=0).layers[0].pixels, picture)
    changed = blurred(picture, square()).layers[0].pixels
    np.testing.assert_array_equal(changed[..., 3], picture[..., 3])
    assert (changed[..., :3] != picture[..., :3]).any()


def test_what_is_under_transparent_pixels_stays_out_of_the_streaks() -> None:
    picture = np.full((HEIGHT, WIDTH, 4), 0.5, np.float32)
    picture[..., 3] = 1
    picture[5:15, 20:60] = (1.0, 0.0, 0.0, 0.0)
    made = blurred(picture, square()).layers[0].pixels
    np.testing.assert_array_equal(made[5:15, 20:60], picture[5:15, 20:60])
    np.testing.assert_allclose(made[..., :3][picture[..., 3] > 0], 0.5, atol=2 / 255)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 5), (65, 31), (40, 90)])
def test_any_size_also_upright_and_hdr(shape: tuple[int, int]) -> None:
    disparity = noise(shape=shape)
    disparity[0, 0] = 1.0
    picture = noise(shape=(*shape, 3)) * 4
    made = blurred(picture, disparity, angle=30).layers[0].pixels
    assert made.shape == picture.shape
    assert np.isfinite(made).all()
    assert made.max() <= picture.max() * 1.01


def test_a_click_says_what_the_camera_follows() -> None:
    disparity = square()
    disparity[:10, :10] = 0.4
    picture = noise()
    made = blurred(picture, disparity, target=(5, 5)).layers[0].pixels
    np.testing.assert_array_equal(made[:10, :10], picture[:10, :10])


def test_without_a_subject_it_says_what_to_do() -> None:
    with pytest.raises(DioptreError, match="No subject") as caught:
        blurred(noise(), np.full((HEIGHT, WIDTH), 0.3, np.float32))
    assert "Choose what stays sharp (Target)" in caught.value.hint


def test_nan_counts_as_black() -> None:
    picture = noise()
    picture[3, 4] = np.nan
    assert np.isfinite(blurred(picture, square()).layers[0].pixels).all()


def test_it_can_be_cancelled_while_it_draws() -> None:
    def stop(fraction: float, phase: str) -> None:
        if phase.startswith("Drawing"):
            raise Cancelled

    with pytest.raises(Cancelled):
        apply("motion_blur", {}, Inputs(picture=noise(), disparity=square()), progress=stop)


def test_estimated_depth_is_a_layer() -> None:
    picture = ndimage.gaussian_filter(noise(), (2, 2, 0))
    result = apply("motion_blur", {}, Inputs(picture=picture))
    assert [layer.role for layer in result.layers] == [Role.RESULT, Role.DEPTH]
