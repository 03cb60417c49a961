"""A layer at a depth: what covers it, its perspective, and the look of the photo that it takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dioptre.contract import Inputs
from dioptre.features.place import laid_out, on_surface, place, placing, plane_at
from dioptre.features.place.placing import blur_beside
from dioptre.recipes.apply import apply
from dioptre_link.errors import DioptreError, UsageError
from dioptre_link.operation import Role

HEIGHT, WIDTH = 120, 160
RED = np.array([0.9, 0.1, 0.1], np.float32)
GREEN = np.array([0.1, 0.8, 0.2], np.float32)
BLUE = np.array([0.1, 0.2, 0.7], np.float32)


def disc(*, softness_px: float) -> np.ndarray:
    """The coverage of a thing in the middle of the picture."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    away = np.hypot(y - HEIGHT / 2, x - WIDTH / 2)
    return np.clip(0.5 - (away - 35) / softness_px, 0, 1).astype(np.float32)


def scene(softness_px: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A blue thing in front of green; return the picture, its disparity and the thing's coverage."""
    alpha = disc(softness_px=softness_px)
    picture = alpha[..., None] * BLUE + (1 - alpha[..., None]) * GREEN
    return picture, np.where(alpha > 0.5, 0.8, 0.2).astype(np.float32), alpha


def sheet(colour: np.ndarray = RED, alpha: float = 1.0) -> np.ndarray:
    layer = np.empty((HEIGHT, WIDTH, 4), np.float32)
    layer[..., :3], layer[..., 3] = colour, alpha
    return layer


def word() -> np.ndarray:
    """A layer that shows something in a part of the picture only."""
    layer = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    layer[50:70, 30:130] = (*RED, 1)
    return layer


def test_a_layer_in_front_changes_nothing_beside_it_and_shows_its_own_colours() -> None:
    picture, disparity, alpha = scene(2)
    made = place(picture, disparity, word(), level=0.95, alpha=alpha).over(picture)
    shown = word()[..., 3] > 0
    np.testing.assert_array_equal(made[~shown], picture[~shown])
    np.testing.assert_allclose(made[shown], np.broadcast_to(RED, made[shown].shape), atol=1e-6)


@pytest.mark.parametrize("softness_px", [2, 12])
@pytest.mark.parametrize("colour", [RED, np.ones(3, np.float32), np.zeros(3, np.float32)])
def test_behind_a_soft_edge_the_old_background_is_gone(softness_px: float, colour: np.ndarray) -> None:
    picture, disparity, alpha = scene(softness_px)
    made = place(picture, disparity, sheet(colour), level=0.5, alpha=alpha).over(picture)
    truth = alpha[..., None] * BLUE + (1 - alpha[..., None]) * colour
    np.testing.assert_allclose(made, truth, atol=0.03)
    cut = np.where((disparity > 0.5)[..., None], picture, colour)
    assert np.abs(made - truth).max() < 0.3 * np.abs(cut - truth).max()


def test_things_that_no_matte_knows_cover_by_their_depth() -> None:
    picture, disparity, _ = scene(1)
    made = place(picture, disparity, sheet(), level=0.5).over(picture)
    inside, outside = disc(softness_px=1) == 1, disc(softness_px=1) == 0
    assert np.abs(made[inside] - BLUE).max(axis=1).mean() < 0.01
    assert np.abs(made[outside] - RED).max(axis=1).mean() < 0.01


def test_the_mask_and_the_layer_over_the_photo_are_the_composite() -> None:
    picture, disparity, alpha = scene(8)
    placed = place(picture, disparity, sheet(alpha=0.6), level=0.5, alpha=alpha)
    weight = (placed.layer[..., 3] * placed.mask)[..., None]
    expected = placed.layer[..., :3] * weight + picture * (1 - weight)
    np.testing.assert_allclose(placed.over(picture), expected, atol=1e-6)
    assert (placed.mask[alpha == 1] == 0).all()
    assert 0 <= placed.layer.min() <= placed.layer.max() <= 1


def test_a_transparent_photo_keeps_its_transparency_beside_the_layer() -> None:
    picture, disparity, alpha = scene(2)
    clear = np.concatenate([picture, np.full((HEIGHT, WIDTH, 1), 0.5, np.float32)], axis=2)
    made = place(clear, disparity, word(), level=0.95, alpha=alpha).over(clear)
    shown = word()[..., 3] > 0
    np.testing.assert_array_equal(made[~shown], clear[~shown])
    np.testing.assert_allclose(made[shown], np.broadcast_to((*RED, 1), made[shown].shape), atol=1e-6)


def ground(slope: float) -> np.ndarray:
    """A ground that rises towards the horizon, with a post on it."""
    row = np.arange(HEIGHT, dtype=np.float32)[:, None] - HEIGHT / 2
    disparity = np.repeat(0.5 + np.float32(slope) * row, WIDTH, axis=1)
    disparity[20:60, 75:80] = 0.9
    return disparity


def test_a_plane_is_fitted_beside_other_things() -> None:
    middle, across, down = plane_at(ground(0.004), (80, 60))
    assert (middle, across, down) == pytest.approx((0.5, 0, 0.004), abs=2e-3)


def test_a_layer_on_the_ground_narrows_with_the_distance() -> None:
    layer = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    layer[40:80, 50:110] = (*RED, 1)
    made, level = on_surface(layer, (0.5, 0.0, 0.004), focal_px=200, nearest=0.2)
    inverse = 0.2 + 0.8 * level[:, WIDTH // 2]
    width = made[..., 3].sum(axis=1)
    rows = np.flatnonzero(width > 20)[2:-2]
    middle = inverse[60]
    np.testing.assert_allclose(width[rows], 60 * inverse[rows] / middle, atol=1.0)
    assert rows.size < 40  # it is foreshortened


@pytest.mark.parametrize(("level", "slope"), [(0.02, 0.0005), (0.3, 0.004), (-0.1, 0.01), (-0.3, 0.02)])
def test_the_head_of_a_layer_on_the_ground_is_above_its_foot(level: float, slope: float) -> None:
    layer = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    layer[80:95, 50:110], layer[95:110, 50:110] = (*RED, 1), (*BLUE, 1)
    made, _ = on_surface(layer, (level, 0.0, slope), focal_px=200, nearest=0.05)
    red, blue = (np.flatnonzero(made[:, 80, channel] > 0.5) for channel in (0, 2))
    assert red.size
    assert blue.size
    assert red.max() <= blue.min()


@pytest.mark.parametrize("lean", [-20, -8, 12, 20])
def test_a_layer_stays_upright_on_ground_whose_depth_leans_to_a_side(lean: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.004, (HEIGHT, WIDTH)).astype(np.float32)
    down, across = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    slope = 0.004 * np.tan(np.radians(lean))
    disparity = np.float32(0.3) + slope * (across - WIDTH / 2) + 0.004 * (down - HEIGHT / 2) + noise
    plane = plane_at(np.asarray(disparity, np.float32), (60, 85))
    layer = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    layer[70:100, 30:90] = (*RED, 1)
    made, level = on_surface(layer, plane, focal_px=150, nearest=0.15)
    row, column = np.nonzero(made[..., 3] > 0.5)
    left, right = (row[column == at] for at in (40, 80))
    assert abs(left.min() - right.min()) <= 1  # both ends of the upper edge are at the same height
    assert abs(left.max() - right.max()) <= 1
    np.testing.assert_allclose(level, disparity - noise, atol=0.02)  # it lies in the ground that the depth shows


def test_a_plane_that_faces_the_camera_leaves_the_layer_as_it_is() -> None:
    layer = word()
    made, level = on_surface(layer, (0.4, 0.0, 0.0), focal_px=200)
    np.testing.assert_allclose(made[..., 3], layer[..., 3], atol=0.4)  # edges get as soft as a photo's
    assert (level == np.float32(0.4)).all()


def test_blur_softens_the_layer_and_grain_gives_it_noise() -> None:
    picture, disparity, _ = scene(2)
    picture += np.random.default_rng(0).normal(0, 0.03, picture.shape).astype(np.float32)
    sharp, soft, grainy = (
        place(picture, disparity, word(), level=0.95, blur_px=blur, grain=grain).layer
        for blur, grain in ((0, 0), (4, 0), (0, 1))
    )
    assert ((sharp[..., 3] > 0) & (sharp[..., 3] < 1)).sum() == 0
    assert ((soft[..., 3] > 0.1) & (soft[..., 3] < 0.9)).sum() > 500
    inside = grainy[52:68, 40:120, :3]
    assert 0.005 < inside.std(axis=(0, 1)).mean() < 0.05
    assert np.ptp(sharp[52:68, 40:120, :3], axis=(0, 1)).max() == 0


def test_a_layer_behind_the_subject_is_as_blurred_as_the_wall_beside_it() -> None:
    _, disparity, alpha = scene(2)
    radius = np.where(alpha > 0, 0, 8).astype(np.float32)
    disparity[100:] = 0.95  # something near and sharp, which the layer's edge does not reach
    assert blur_beside(radius, disparity, word(), level=0.7, alpha=alpha) == 8
    assert blur_beside(radius, disparity, word(), level=0.1, alpha=alpha) == 0
    ground = np.where(disparity == np.float32(0.2), 0.6, disparity).astype(np.float32)
    ground[:, ::2] = 0.2  # half of what is beside the layer is at its depth, and sharp
    radius[ground == np.float32(0.6)] = 1
    assert blur_beside(radius, ground, word(), level=0.7, alpha=alpha) == 1


def test_automatic_blur_leaves_letters_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The walls of a blurred photo have more blur than the strokes of small letters are wide."""
    picture, disparity, _ = scene(2)
    letters = word()
    letters[:, np.arange(WIDTH) % 16 < 6] = 0.0  # strokes of ten pixels
    monkeypatch.setattr(placing, "certain_defocus_px", lambda _edges, near: np.full_like(near, 12.7))
    given = {"layer_depth": 0.95, "grain": 0.0}
    inputs = Inputs(picture=picture, disparity=disparity, layer=letters)
    made = apply("place", given, inputs)
    (placed,) = (layer.pixels for layer in made.layers if layer.role is Role.PLACED)
    assert np.ptp(placed[60, 60:100, 3]) > 0.6
    assert made.values["blur_radius"] == pytest.approx(2.0, abs=0.1)  # less at their ends
    assert any("unreadable" in words for words in made.messages)
    assert apply("place", {**given, "blur_radius": 12.7}, inputs).values["blur_radius"] == 12.7
    whole = apply("place", given, replace(inputs, layer=sheet()))
    assert whole.values["blur_radius"] == 12.7


def test_it_says_if_the_layer_is_mostly_hidden() -> None:
    picture, disparity, _ = scene(2)
    hidden = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    hidden[50:70, 40:120] = (*RED, 1)
    for layer, told in ((hidden, True), (word(), False)):
        made = apply("place", {"layer_depth": 0.5}, Inputs(picture=picture, disparity=disparity, layer=layer))
        assert any("Most of the layer" in words for words in made.messages) is told


def test_a_shadow_falls_on_the_ground_below_and_not_on_what_is_far() -> None:
    picture = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)
    disparity = np.full((HEIGHT, WIDTH), 0.5, np.float32)
    near = place(picture, disparity, word(), level=0.52, shadow=0.8).shadow
    far = place(picture, disparity - 0.4, word(), level=0.52, shadow=0.8).shadow
    assert near is not None
    assert near[70, 80, 3] > 0.5
    assert near[100, 80, 3] < 0.01
    assert near[70, 5, 3] < 0.01
    assert far is None


def test_a_layer_that_stands_on_nothing_says_that_it_throws_no_shadow() -> None:
    picture, disparity, _ = scene(2)
    options = {"layer_depth": 1.0, "shadow": 0.8, "grain": 0.0, "blur_radius": 0.0}
    made = apply("place", options, Inputs(picture=picture, disparity=disparity, layer=word()))
    assert Role.SHADOW not in {layer.role for layer in made.layers}
    assert any("no shadow" in words for words in made.messages)


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (500, 3)])
def test_layers_of_any_size_are_laid_out(shape: tuple[int, int]) -> None:
    layer = np.ones((*shape, 4), np.float32)
    made = laid_out(layer, (HEIGHT, WIDTH))
    assert made.shape == (HEIGHT, WIDTH, 4)
    assert made[HEIGHT // 2, WIDTH // 2, 3] > 0
    assert laid_out(layer, (HEIGHT, WIDTH), at=(-900, 5000))[..., 3].max() == 0
    wide = laid_out(layer, (HEIGHT, WIDTH), width=80)[..., 3]
    assert (wide > 0.5).any(axis=0).sum() == 80


def test_an_invisible_layer_leaves_the_photo_as_it_is() -> None:
    picture, disparity, alpha = scene(2)
    placed = place(picture, disparity, sheet(alpha=0.0), level=0.5, alpha=alpha, blur_px=5.0, grain=1.0, shadow=1.0)
    np.testing.assert_array_equal(placed.over(picture), picture)


def test_bad_input_is_refused_in_words() -> None:
    picture, disparity, _ = scene(2)
    with pytest.raises(UsageError, match="layer"):
        apply("place", {}, Inputs(picture=picture, disparity=disparity))
    with pytest.raises(UsageError, match="size"):
        apply("place", {}, Inputs(picture=picture, disparity=disparity, layer=sheet()[:5]))
    flat = np.full_like(disparity, 0.3)
    with pytest.raises(DioptreError, match="same everywhere"):
        apply("place", {}, Inputs(picture=picture, disparity=flat, layer=sheet()))


def test_the_photos_haze_lies_over_the_layer_by_its_depth() -> None:
    rows = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
    disparity = np.repeat(rows, WIDTH, axis=1)
    checks = np.indices((HEIGHT, WIDTH)).sum(axis=0) // 6 % 2
    clear = np.where(checks[..., None] == 1, GREEN, np.float32(0.02)).astype(np.float32)
    air = np.array([0.75, 0.78, 0.8], np.float32)
    picture = clear * rows[..., None] + air * (1 - rows[..., None])
    black = sheet(np.zeros(3, np.float32))

    def brightness(level: float, haze: float) -> float:
        options = {"layer_depth": level, "haze": haze, "grain": 0.0, "blur_radius": 0.0}
        result = apply("place", options, Inputs(picture=picture, disparity=disparity, layer=black))
        placed = next(layer for layer in result.layers if layer.name == "Placed layer").pixels
        return float(placed[2, WIDTH // 2, :3].mean())

    assert brightness(0.1, 0.0) == 0
    assert brightness(0.1, 1.0) > brightness(0.6, 1.0) + 0.1
    assert brightness(0.1, 1.0) > brightness(0.1, 0.5) > 0.05


def test_the_layer_takes_the_colour_of_the_photos_light() -> None:
    shades = np.random.default_rng(3).uniform(0.1, 0.8, (HEIGHT // 8, WIDTH // 8, 1)).astype(np.float32)
    warm = shades.repeat(8, 0).repeat(8, 1) * np.array([1.0, 0.72, 0.4], np.float32)
    disparity = np.repeat(np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None], WIDTH, axis=1)

    def colour(light: float, grey: float) -> np.ndarray:
        options = {"layer_depth": 0.9, "light": light, "grain": 0.0, "blur_radius": 0.0}
        given = Inputs(picture=warm, disparity=disparity, layer=sheet(np.full(3, grey, np.float32)))
        result = apply("place", options, given)
        return next(layer for layer in result.layers if layer.name == "Placed layer").pixels[5, 5, :3]

    for grey in (0.6, 1.0):
        none, half, all_of_it = (colour(share, grey) for share in (0.0, 0.5, 1.0))
        assert np.ptp(none) < 1e-3
        assert none[2] > half[2] > all_of_it[2]
        assert all_of_it[2] < all_of_it[0] - 0.05
        assert all_of_it.max() <= none.max() + 1e-6


def floor_of(level: float) -> np.ndarray:
    """A grey floor with stripes, whose upper half lies in shadow."""
    stripes = np.where(np.arange(WIDTH) % 16 < 8, 0.8, 1.2).astype(np.float32) * np.float32(level)
    floor = np.repeat(np.broadcast_to(stripes, (HEIGHT, WIDTH))[..., None], 3, axis=2).copy()
    floor[: HEIGHT // 2] *= np.float32(0.5)
    return floor


def lying(floor: np.ndarray, colour: np.ndarray, *, grain: float = 1.0) -> np.ndarray:
    """A layer that covers a floor whose disparity is a plane."""
    level = np.full((HEIGHT, WIDTH), 0.5, np.float32)
    return place(floor, level - np.float32(0.02), sheet(colour), level=level, grain=grain).layer


def test_a_layer_on_a_surface_takes_on_its_texture_and_light() -> None:
    made = lying(floor_of(0.5), RED)
    red = made[..., 0]
    assert red[-20, 20] < 0.9 * red[-20, 28]  # between the middles of a dark and a bright stripe
    assert red[20, 28] < 0.8 * red[-20, 28]
    assert 0.7 < made[-20, 28, 3] < 1  # a little of the floor shows through
    np.testing.assert_array_equal(lying(floor_of(0.5), RED, grain=0.0), sheet())


def test_the_shadow_of_a_surface_goes_on_smoothly_in_a_layer() -> None:
    floor = np.full((HEIGHT, WIDTH, 3), 0.6, np.float32)
    floor *= (0.2 + 0.8 * np.clip((np.arange(HEIGHT) - 40) / 40, 0, 1)).astype(np.float32)[:, None, None]
    column = lying(floor, np.ones(3, np.float32))[10:-10, 80, 0]
    steps = np.diff(column)
    assert column[-1] > 2 * column[0]
    assert steps.min() > -0.005  # it never turns back, and has no edge
    assert steps.max() < 3 * np.ptp(column) / 40


def test_white_on_a_dark_floor_is_no_brighter_than_paint() -> None:
    dark, bright = (float(lying(floor_of(level), np.ones(3, np.float32))[-20, :, 0].max()) for level in (0.1, 0.7))
    assert 0.5 < dark < 0.85
    assert bright > 0.95


def test_rough_ground_wears_a_layer_and_smooth_ground_does_not() -> None:
    noise = np.random.default_rng(0).normal(0, 0.15, (HEIGHT, WIDTH, 1)).astype(np.float32)
    rough, smooth = (lying(np.repeat(np.clip(0.5 + part * noise, 0, 1), 3, axis=2), RED)[..., 3] for part in (1, 0))
    assert np.ptp(smooth[5:-5, 5:-5]) < 0.01
    assert rough[5:-5, 5:-5].min() < 0.6 < np.median(rough)


def test_warm_light_on_the_ground_tints_a_white_layer() -> None:
    warm = floor_of(0.6) * np.array([1, 0.8, 0.5], np.float32)
    red, green, blue = lying(warm, np.ones(3, np.float32))[20, 28, :3]
    assert red > green > blue > 0.7 * red
