"""Views from beside the camera, and their layouts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from dioptre.contract import Inputs, Result
from dioptre.features.spatial import Scene, anaglyph, quilt, side_by_side, view, views, without_traces
from dioptre.recipes.apply import apply
from dioptre_link.errors import DioptreError

pytestmark = pytest.mark.usefixtures("subject_by_depth")

HEIGHT, WIDTH, SHIFT = 24, 96, 8
NEAR = np.s_[6:18, 36:60]


def texture(*, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.1, 0.9, (HEIGHT, WIDTH, 3)).astype(np.float32)


def blue_behind_red() -> tuple[np.ndarray, np.ndarray]:
    """A picture of a red square at disparity 1 before a blue wall at 0, and its disparity."""
    picture, disparity = texture(), np.zeros((HEIGHT, WIDTH), np.float32)
    picture[..., 0] = 0.0
    picture[NEAR] = (0.9, 0.0, 0.0)
    disparity[NEAR] = 1.0
    return picture, disparity


def spatial(picture: np.ndarray, disparity: np.ndarray, **options: Any) -> Result:
    return apply("spatial", options, Inputs(picture=picture, disparity=disparity))


@pytest.mark.parametrize("shift", [-5.0, 5.0])
def test_a_plane_moves_as_a_whole_and_is_mirrored_at_the_side(shift: float) -> None:
    picture = texture()
    seen = view(Scene.of(picture, np.ones((HEIGHT, WIDTH), np.float32), screen=0.0), shift)
    moved = np.roll(picture, int(shift), axis=1)
    inside = np.s_[:, 5:-5]
    np.testing.assert_allclose(seen.pixels[inside], moved[inside], atol=1e-5)
    assert seen.invented.mean() == pytest.approx(5 / WIDTH)
    edge = np.s_[:, :5] if shift > 0 else np.s_[:, -5:]
    beside = picture[:, :5] if shift > 0 else picture[:, -5:]
    np.testing.assert_allclose(seen.pixels[edge], beside[:, ::-1], atol=1e-5)


@pytest.mark.parametrize("shift", [-SHIFT, SHIFT])
def test_a_gap_shows_what_is_behind_and_no_stretched_rim(shift: int) -> None:
    picture, disparity = blue_behind_red()
    seen = view(Scene.of(picture, disparity, screen=0.0), shift)
    red = seen.pixels[..., 0] > 0.5
    expected = np.zeros_like(red)
    expected[NEAR] = True
    np.testing.assert_array_equal(red, np.roll(expected, shift, axis=1))
    assert not (seen.pixels[..., 0] * (1 - red)).any()
    gap = seen.invented[NEAR[0], 30:66]
    assert gap.sum(axis=1).min() >= SHIFT
    assert not seen.invented[:5].any()


def test_the_clean_plate_shows_in_the_gap() -> None:
    picture, disparity = blue_behind_red()
    plate = picture.copy()
    plate[NEAR] = (0.0, 1.0, 0.0)
    alpha = disparity.copy()
    seen = view(Scene.of(picture, disparity, alpha=alpha, plate=plate, screen=0.0), SHIFT)
    shown = np.s_[8:16, 38:42]  # between the square's new place with the rim around it, and its old one
    np.testing.assert_allclose(seen.pixels[shown], np.broadcast_to((0, 1, 0), (8, 4, 3)), atol=1e-5)
    assert not seen.invented[shown].any()


def test_the_photos_own_camera_sees_the_photo_whatever_the_matte() -> None:
    picture, disparity = blue_behind_red()
    alpha = ndimage.gaussian_filter(disparity, 2)
    plate = np.where((ndimage.maximum_filter(alpha, 3) > 0.02)[..., None], np.float32([0, 1, 0]), picture)
    seen = view(Scene.of(picture, disparity, alpha=alpha, plate=plate, screen=0.0), 0.0)
    np.testing.assert_allclose(seen.pixels, picture, atol=1e-5)


@pytest.mark.parametrize("as_near", [True, False])
def test_no_rim_of_the_subject_stays_behind_it(as_near: bool) -> None:
    picture, disparity = blue_behind_red()
    plate = picture.copy()
    plate[NEAR] = (0.0, 1.0, 0.0)
    alpha = disparity.copy()
    alpha[8:16, 59] = 0.0  # missed by the matte
    disparity[8:16, 59] = float(as_near)
    seen = view(Scene.of(picture, disparity, alpha=alpha, plate=plate, screen=0.0), -SHIFT)
    np.testing.assert_allclose(seen.pixels[9:15, 59], np.float32([[0, 1, 0]] * 6), atol=1e-5)
    assert not (seen.pixels[9:15, 60 - SHIFT :, 0] > 1e-3).any()


def test_a_thing_that_the_matte_leaves_half_way_stays_whole() -> None:
    """What goes on at the subject's distance, such as what it holds, is behind itself: nothing opens."""
    picture, disparity = texture(), np.zeros((HEIGHT, WIDTH), np.float32)
    thing, alpha, plate = np.s_[:, 36:90], disparity.copy(), picture.copy()
    picture[thing], disparity[thing] = (0.9, 0.0, 0.0), 1.0
    alpha[:, 36:60], alpha[:, 60:66] = 1.0, np.linspace(0.9, 0.1, 6)
    plate[:, 36:69] = (0.0, 1.0, 0.0)
    seen = view(Scene.of(picture, disparity, alpha=alpha, plate=plate, screen=0.0), SHIFT)
    np.testing.assert_allclose(seen.pixels[:, 46:86], np.broadcast_to((0.9, 0, 0), (HEIGHT, 40, 3)), atol=0.02)


def test_a_faint_trace_of_the_matte_elsewhere_is_not_the_subject() -> None:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[NEAR] = 1.0
    alpha[8:16, 60] = 0.3  # a soft rim
    traced = alpha.copy()
    traced[2, 2:20:3] = 0.2
    np.testing.assert_array_equal(without_traces(traced), alpha)


def test_the_budget_is_the_distance_between_nearest_and_farthest_and_the_screen_stays() -> None:
    picture, disparity = blue_behind_red()
    left, right = views(Scene.of(picture, disparity, screen=0.0), 2, budget=SHIFT / WIDTH)
    place = [np.flatnonzero(each.pixels[12, :, 0] > 0.5)[0] for each in (left, right)]
    assert place == [36 + SHIFT // 2, 36 - SHIFT // 2]
    np.testing.assert_allclose(left.pixels[:4], picture[:4], atol=1e-5)


def test_views_stand_beside_each_other() -> None:
    left, right = np.zeros((4, 6, 3), np.float32), np.ones((4, 6, 3), np.float32)
    pair = side_by_side(left, right)
    assert pair.shape == (4, 12, 3)
    assert (pair[:, :6].max(), pair[:, 6:].min()) == (0, 1)


def test_an_anaglyph_of_equal_grey_views_is_that_grey_and_each_eye_has_its_colours() -> None:
    grey = np.full((4, 6, 3), 0.5, np.float32)
    np.testing.assert_allclose(anaglyph(grey, grey), grey, atol=0.01)
    only_left = anaglyph(grey, np.zeros_like(grey))[0, 0]
    assert only_left[0] > 0.45
    assert only_left[1:].max() < 0.05


def test_a_quilt_begins_at_the_bottom_left() -> None:
    tiles = [np.full((2, 3, 3), number, np.float32) for number in range(6)]
    whole = quilt(tiles, 2)
    assert whole.shape == (6, 6, 3)
    assert [whole[-1, 0, 0], whole[-1, -1, 0], whole[0, 0, 0], whole[0, -1, 0]] == [0, 1, 4, 5]


@pytest.mark.parametrize(
    ("layout", "size", "count"),
    [
        ("parallel", (HEIGHT, 2 * WIDTH), 1),
        ("crossed", (HEIGHT, 2 * WIDTH), 1),
        ("anaglyph", (HEIGHT, WIDTH), 1),
        ("rgbd", (HEIGHT, 2 * WIDTH), 1),
        ("quilt", (6 * HEIGHT, 8 * WIDTH), 1),
        ("mpo", (HEIGHT, WIDTH), 2),
    ],
)
def test_every_layout_has_its_size_also_upright_and_with_transparency(
    layout: str, size: tuple[int, int], count: int
) -> None:
    picture, disparity = blue_behind_red()
    made = spatial(picture, disparity, layout=layout)
    assert {layer.shape for layer in made.layers} == {(*size, 3)}
    assert len(made.layers) == count
    holed = np.concatenate([picture, disparity[..., None]], axis=2)
    upright = spatial(holed.transpose(1, 0, 2).copy(), disparity.T.copy(), layout=layout)
    assert all(np.isfinite(layer.pixels).all() for layer in upright.layers)
    assert "Transparent areas are white." in upright.messages
    if layout == "rgbd":
        np.testing.assert_array_equal(made.layers[0].pixels[..., WIDTH:, 1], disparity)
    if layout == "quilt":
        assert "ends in _qs8x6a4, before" in str(made.messages[-1])


def test_crossed_eyes_see_what_parallel_ones_see() -> None:
    picture, disparity = blue_behind_red()
    pairs = [spatial(picture, disparity, layout=name).layers[0].pixels for name in ("parallel", "crossed")]
    np.testing.assert_array_equal(pairs[0], np.roll(pairs[1], WIDTH, axis=1))


def test_the_point_on_the_screen_is_the_same_in_both_views() -> None:
    picture, disparity = blue_behind_red()
    for point, rows in (((2.0, 2.0), np.s_[:4]), ((WIDTH, HEIGHT), np.s_[-4:])):
        left, right = (
            layer.pixels for layer in spatial(picture, disparity, layout="mpo", screen=point, budget=8).layers
        )
        np.testing.assert_allclose(left[rows], right[rows], atol=1e-5)


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (1, 1)])
def test_flat_depth_has_nothing_to_show(size: tuple[int, int]) -> None:
    disparity = np.full(size, 0.5, np.float32)
    disparity[0, 0] += 0.002
    with pytest.raises(DioptreError, match="the same everywhere"):
        spatial(np.full((*size, 3), 0.5, np.float32), disparity)


def test_light_above_white_is_kept() -> None:
    picture, disparity = blue_behind_red()
    picture[NEAR] = 2.0
    assert spatial(picture, disparity).layers[0].pixels.max() == pytest.approx(2.0, abs=0.01)
