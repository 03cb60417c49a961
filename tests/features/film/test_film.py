"""Films of a photo: moving cameras, what they invent, and the focus."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from dioptre.contract import Film, Inputs, Result
from dioptre.features.film import Camera, Lens, Sheets, cameras, drawn, invented, sheets_of
from dioptre.features.spatial import Scene
from dioptre.recipes.apply import apply
from dioptre_link.errors import Cancelled, DioptreError

pytestmark = pytest.mark.usefixtures("subject_by_depth")

HEIGHT, WIDTH = 64, 96
SIZE = HEIGHT, WIDTH
NEAR = np.s_[20:44, 36:60]
CENTRED = Lens(focal=1.0, x=0.0, y=0.0)


def blue_behind_red() -> tuple[np.ndarray, np.ndarray]:
    """A picture of a red square at disparity 1 before a blue wall at 0.2, and its disparity."""
    noise = np.random.default_rng(0).uniform(0.1, 0.9, (HEIGHT, WIDTH, 3))
    picture = ndimage.gaussian_filter(noise, (1.5, 1.5, 0)).astype(np.float32)
    disparity = np.full(SIZE, 0.2, np.float32)
    picture[..., 0] = 0.0
    picture[NEAR] = (0.9, 0.0, 0.0)
    disparity[NEAR] = 1.0
    return picture, disparity


def sheets(picture: np.ndarray, disparity: np.ndarray, **more: Any) -> Sheets:
    given = {"inverse_at": (0.0, 1.0), "reach_px": 10.0, **more}
    return sheets_of(Scene.of(picture, disparity), **given)


def film(picture: np.ndarray, disparity: np.ndarray, **options: Any) -> Result:
    given = {"seconds": 0.5, "fps": 10, **options}
    return apply("film", given, Inputs(picture=picture, disparity=disparity))


def made(result: Result) -> Film:
    assert result.film is not None
    return result.film


def test_the_photos_own_camera_sees_the_photo_and_invents_nothing() -> None:
    picture, disparity = blue_behind_red()
    cut = sheets(picture, disparity)
    assert len(cut.packed) == 2
    seen = drawn(cut, Camera(), CENTRED, SIZE)
    np.testing.assert_allclose(seen / np.float32(255), picture, atol=1.01 / 255)
    assert not invented(cut, Camera(), CENTRED, SIZE).any()


@pytest.mark.parametrize("right", [-0.1, 0.1])
def test_points_move_by_their_inverse_distance_without_stretched_rims(right: float) -> None:
    picture, disparity = blue_behind_red()
    cut, camera = sheets(picture, disparity), Camera(right=right)
    seen = drawn(cut, camera, CENTRED, SIZE)
    red = seen[..., 0] > 115
    expected = np.zeros(SIZE, bool)
    expected[NEAR] = True
    moved = np.roll(expected, -round(right * WIDTH), axis=1)
    assert (red != moved).sum() <= 2 * 24  # a column at each side, because 9.6 pixels are not whole
    assert not (seen[..., 0][~ndimage.binary_dilation(moved, iterations=2)] > 5).any()
    gap = invented(cut, camera, CENTRED, SIZE)[NEAR[0]]
    assert gap.sum(axis=1).min() >= 5
    assert not gap[:, 4:24].any()


def test_every_pixel_that_the_photo_does_not_show_is_known() -> None:
    picture, disparity = blue_behind_red()
    other = picture.copy()
    other[NEAR] = (0.0, 1.0, 0.0)  # what is behind the square, and what no film of the photo can know
    camera = Camera(right=0.1)
    ours = sheets(picture, disparity)
    truth = drawn(sheets(other, np.full(SIZE, 0.2, np.float32) + disparity * 1e-6), camera, CENTRED, SIZE)
    seen, mask = drawn(ours, camera, CENTRED, SIZE), invented(ours, camera, CENTRED, SIZE)
    red = ndimage.binary_dilation(seen[..., 0] > 5, iterations=1)
    wrong = (np.abs(seen.astype(int) - truth) > 12).any(axis=2) & ~red
    assert wrong.any()
    assert not (wrong & ~ndimage.binary_dilation(mask, iterations=1)).any()


@pytest.mark.parametrize("move", ["push-in", "dolly-zoom", "orbit"])
def test_the_target_stays_in_its_place(move: Any) -> None:
    from dioptre.features.film.camera import places

    lens = Lens(focal=0.9, x=0.2, y=-0.1)
    path = cameras(move, 12, lens=lens, limits=(0.0, 2.0), strength=1.0)
    assert path[0] == Camera()
    assert len({*path}) > 3
    for camera in path:
        assert [float(v) for v in places(lens.x, lens.y, 1.0, camera, lens)] == pytest.approx([0.2, -0.1], abs=1e-5)


def test_a_dolly_zoom_keeps_the_subjects_size_and_a_push_in_enlarges_it() -> None:
    picture, disparity = blue_behind_red()
    sizes = {}
    for move in ("dolly-zoom", "push-in"):
        result = film(picture, disparity, move=move, strength=200)
        frames = [made(result).frame(number) for number in (0, made(result).count - 1)]
        sizes[move] = [int((frame[..., 0] > 115).sum()) for frame in frames]
    assert sizes["dolly-zoom"][1] == pytest.approx(sizes["dolly-zoom"][0], rel=0.03)
    assert sizes["push-in"][1] > 1.3 * sizes["push-in"][0]


def test_a_focus_pull_ends_with_the_target_sharp_and_all_else_blurred() -> None:
    rng = np.random.default_rng(0)
    picture = rng.uniform(0, 1, (HEIGHT, WIDTH, 3)).astype(np.float32)
    disparity = blue_behind_red()[1]
    result = film(picture, disparity, move="focus-pull", strength=300, target=(48, 32))
    first, last = (made(result).frame(number) / 255 for number in (0, made(result).count - 1))
    inner = np.s_[24:40, 40:56]
    np.testing.assert_allclose(last[inner], picture[inner], atol=1.01 / 255)
    assert first[inner].std() < 0.6 * picture[inner].std()
    assert last[2:14].std() < 0.6 * picture[2:14].std()
    np.testing.assert_allclose(first[2:14], picture[2:14], atol=1.01 / 255)


def test_the_figures_are_those_of_the_masks() -> None:
    large = (np.repeat(np.repeat(each, 4, axis=0), 4, axis=1) for each in blue_behind_red())
    result = film(*large, move="orbit", strength=300)
    told = [made(result).mask(number).mean() for number in range(made(result).count)]
    np.testing.assert_allclose(result.values["invented"], told, atol=1e-4)
    parts = result.values["invented"]
    most = int(np.argmax(parts))
    assert f"at most {100 * parts[most]:.1f} % in frame {most + 1}" in result.messages[-1]
    assert max(told) > 0.005


@pytest.mark.parametrize("shape", [(2, 2), (1, 9), (7, 5), (65, 31), (40, 90)])
@pytest.mark.parametrize("move", ["push-in", "orbit", "focus-pull"])
def test_any_size_also_upright_with_transparency_and_hdr(shape: tuple[int, int], move: str) -> None:
    rng = np.random.default_rng(0)
    picture = rng.uniform(0, 1.6, (*shape, 4)).astype(np.float32)
    disparity = rng.uniform(0, 1, shape).astype(np.float32)
    result = film(picture, disparity, move=move, size=64)
    height, width = made(result).shape
    assert height % 2 == 0
    assert width % 2 == 0
    assert max(height, width) <= 64
    assert made(result).frame(1).shape == (height, width, 3)
    assert "Transparent areas are white." in result.messages


def test_flat_depth_has_nothing_to_film() -> None:
    with pytest.raises(DioptreError, match="the same everywhere"):
        film(np.full((8, 8, 3), 0.5, np.float32), np.full((8, 8), 0.5, np.float32))


def test_a_preview_shows_its_frame_without_counting() -> None:
    picture, disparity = blue_behind_red()
    phases: list[str] = []
    inputs = Inputs(picture=picture, disparity=disparity, preview=True)
    seen = apply("film", {"seconds": 0.5}, inputs, progress=lambda _, phase: phases.append(phase))
    assert not any(phase.startswith("Counting") for phase in phases)
    np.testing.assert_array_equal(made(seen).frame(3), made(film(picture, disparity, fps=30)).frame(3))


def test_it_can_be_cancelled_while_it_counts() -> None:
    def stop(fraction: float, phase: str) -> None:
        if phase.startswith("Counting"):
            raise Cancelled

    picture, disparity = blue_behind_red()
    with pytest.raises(Cancelled):
        apply("film", {"seconds": 0.5}, Inputs(picture=picture, disparity=disparity), progress=stop)
