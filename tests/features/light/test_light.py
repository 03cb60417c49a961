"""A photo in new light: which side is lit, where shadows fall, what stays as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

import dioptre_link
from dioptre.contract import Inputs, Result
from dioptre.features.light import Light, relight
from dioptre.features.subject import Subject
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.recipes.apply import apply
from dioptre_link.errors import Cancelled, DioptreError, UsageError
from dioptre_link.operation import Role

HEIGHT, WIDTH = 120, 160
RECIPES = Path(dioptre_link.__file__).parent / "recipes"
WHITE = 254.5 / 255  # shown as white with 8 bits
BALL = (60.0, 80.0, 26.0)  # row, column, radius


@pytest.fixture(autouse=True)
def subject_by_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use near areas as the subject, instead of running the networks on grey."""

    def near(_: Inputs, disparity: np.ndarray, **__: object) -> Subject:
        alpha = (disparity >= 0.5).astype(np.float32)
        found = bool(alpha.any())
        return Subject(
            alpha=alpha,
            disparity_range=(1.0, 1.0),
            focal_disparity=1.0,
            kind="subject" if found else "region",
            found=found,
            confidence=1.0,
        )

    monkeypatch.setattr("dioptre.features.light.lighting.kept_subject", near)


def ball() -> tuple[np.ndarray, np.ndarray]:
    """Return the disparity of a ball before a wall, and its coverage."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    bulge = 1 - ((y - BALL[0]) ** 2 + (x - BALL[1]) ** 2) / BALL[2] ** 2
    inside = bulge > 0
    disparity = np.where(inside, 0.7 + 0.3 * np.sqrt(np.maximum(bulge, 0)), 0.3 + 0.002 * y).astype(np.float32)
    return disparity, inside.astype(np.float32)


def grey(value: float = 0.5, *, channels: int = 3) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, channels), value, np.float32)


def light(picture: np.ndarray, disparity: np.ndarray, **options: Any) -> Result:
    return apply("light", options, Inputs(picture=picture, disparity=disparity))


def ratio(picture: np.ndarray, made: np.ndarray) -> np.ndarray:
    after, before = (np.asarray(srgb_to_linear(jnp.asarray(each[..., :3]))) for each in (made, picture))
    return after / before


@pytest.mark.parametrize(("angle", "side"), [(0.0, (0, 1)), (180.0, (0, -1)), (90.0, (-1, 0)), (-90.0, (1, 0))])
@pytest.mark.parametrize("kind", ["area", "point", "directional"])
def test_the_side_towards_the_light_is_brighter(kind: str, angle: float, side: tuple[int, int]) -> None:
    made = light(grey(), ball()[0], kind=kind, light_angle=angle).layers[0].pixels[..., 1]
    row, column = (round(middle + 14 * way) for middle, way in zip(BALL, side, strict=False))
    far_row, far_column = (round(middle - 14 * way) for middle, way in zip(BALL, side, strict=False))
    assert made[row, column] > made[far_row, far_column] + 0.08


def test_a_light_placed_on_the_wall_stands_beside_the_subject() -> None:
    disparity = ball()[0]
    made = light(grey(), disparity, light_at=(150.0, 60.0)).layers[0].pixels[..., 1]
    row, column = (int(value) for value in BALL[:2])
    assert made[row, column + 14] > made[row, column - 14] + 0.08
    assert made[row, column + 14] > 0.5


@pytest.mark.parametrize("side", [-1, 1])
def test_a_shadow_falls_away_from_the_light(side: int) -> None:
    disparity, alpha = ball()
    lamp = Light(at=(BALL[1] + side * 60, BALL[0]), distance=0.6, kind="point", size=0.05, strength=2.0)
    lit = ratio(grey(), relight(grey(), disparity, lights=[lamp], ambient=0.2, alpha=alpha))[..., 1]
    edge = int(BALL[1] - side * (BALL[2] + 6)), int(BALL[1] + side * (BALL[2] + 6))
    shaded, open_ = (lit[int(BALL[0]), column] for column in edge)
    assert shaded < 0.6 * open_
    assert shaded == pytest.approx(0.2, abs=0.12)


def test_a_larger_light_has_softer_shadows() -> None:
    disparity, alpha = ball()

    def steepest(size: float) -> float:
        lamp = Light(at=(130.0, BALL[0]), distance=0.6, kind="point", size=size)
        lit = ratio(grey(), relight(grey(), disparity, lights=[lamp], alpha=alpha))[int(BALL[0]), :50, 1]
        return float(np.abs(np.diff(lit)).max())

    assert steepest(1.5) < 0.8 * steepest(0.02)


def test_a_light_behind_the_subject_lights_its_rim_and_hardly_the_wall() -> None:
    disparity, alpha = ball()
    lit = ratio(
        grey(),
        light(grey(), disparity, light_angle=0.0, light_depth=-0.3, strength=2.0, ambient=1.0).layers[0].pixels,
    )
    row, column, radius = (int(value) for value in BALL)
    assert lit[row, column + radius - 2, 1] > 1.2
    assert lit[row, column, 1] == pytest.approx(1, abs=0.01)
    assert lit[alpha == 0].max() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("rim", [True, False])
def test_a_rim_is_lit_only_where_what_is_behind_lies_farther_away(*, rim: bool) -> None:
    disparity, alpha = ball()
    if not rim:  # a coin on a wall
        disparity = np.where(alpha > 0, 0.66 + 0.05 * disparity, 0.68).astype(np.float32)
    made = light(grey(), disparity, light_angle=0.0, light_depth=-0.5, strength=4.0, ambient=0.7)
    middle, outline = (int(BALL[0]), int(BALL[1])), (int(BALL[0]), int(BALL[1] + BALL[2]) - 2)
    lit = ratio(grey(), made.layers[0].pixels)[..., 1]
    assert (lit[outline] > lit[middle] + 0.3) == rim
    assert any("the photo stays as it is" in str(message) for message in made.messages) != rim
    assert np.array_equal(made.layers[0].pixels, grey()) != rim


def test_light_on_hair_leaves_the_wall_between_it() -> None:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    random = np.random.default_rng(0).uniform(-6, 6, (HEIGHT, WIDTH)).astype(np.float32)
    alpha = np.clip((BALL[2] - np.hypot(y - BALL[0], x - BALL[1]) + random) / 8 + 0.5, 0, 1).astype(np.float32)
    disparity = np.where(alpha > 0.5, 0.8, 0.2).astype(np.float32)
    dark, bright = (np.asarray(srgb_to_linear(jnp.asarray(grey(each)))) for each in (0.15, 0.85))
    cover = alpha[..., None]
    picture = np.asarray(linear_to_srgb(jnp.asarray(cover * dark + (1 - cover) * bright)))
    lamp = Light(at=(BALL[1], BALL[0]), distance=0.5, strength=3.0)
    factor = ratio(picture, relight(picture, disparity, lights=[lamp], ambient=0.15, alpha=alpha))
    around = np.hypot(y - BALL[0], x - BALL[1]) < BALL[2] + 12
    on_hair, on_wall = factor[alpha == 1].mean(), factor[around & (alpha == 0)].mean()
    band = (alpha > 0.1) & (alpha < 0.9)
    truth = (cover * dark * on_hair + (1 - cover) * bright * on_wall)[band]
    mixed = ((cover * dark + (1 - cover) * bright) * (cover * on_hair + (1 - cover) * on_wall))[band]
    made = (np.asarray(srgb_to_linear(jnp.asarray(picture))) * factor)[band]
    assert on_hair > 3 * on_wall
    assert np.abs(made - truth).mean() < 0.4 * np.abs(mixed - truth).mean()


def test_flat_surfaces_have_no_shadow_acne() -> None:
    y = np.linspace(0.2, 1, HEIGHT, dtype=np.float32)[:, None]
    ground = np.repeat(y, WIDTH, axis=1)
    ground += np.random.default_rng(0).normal(0, 0.002, ground.shape).astype(np.float32)
    lamp = Light(at=(20.0, 20.0), distance=1.5, kind="directional", size=0.1)
    lit = ratio(grey(), relight(grey(), ground.clip(0, 1), lights=[lamp], ambient=0.3))[..., 1]
    inner = lit[20:-20, 20:-20]
    assert np.abs(np.diff(inner, axis=1)).max() < 0.04
    assert inner.std() < 0.1 * inner.mean()


@pytest.mark.parametrize("channels", [3, 4])
def test_nothing_changes_without_an_effect(channels: int) -> None:
    picture = np.random.default_rng(0).uniform(0, 1, (HEIGHT, WIDTH, channels)).astype(np.float32)
    made = light(picture, ball()[0], strength=0.0, ambient=1.0).layers[0].pixels
    np.testing.assert_array_equal(made, picture)


def test_what_no_light_reaches_stays_bit_equal() -> None:
    disparity, alpha = ball()
    lamp = Light(at=(-3000.0, 60.0), distance=1.0, kind="area", strength=1e-5)
    picture = np.random.default_rng(1).uniform(0, 1, (HEIGHT, WIDTH, 3)).astype(np.float32)
    np.testing.assert_array_equal(relight(picture, disparity, lights=[lamp], ambient=1.0, alpha=alpha), picture)


def test_alpha_stays_and_large_values_are_kept() -> None:
    picture = np.concatenate(
        [grey(), np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH, 1)], 2
    )
    picture[:5, :5, :3] = 1.7
    made = light(picture, ball()[0], ambient=1.0, warmth=6504.0).layers[0].pixels
    np.testing.assert_array_equal(made[..., 3], picture[..., 3])
    assert made[:5, :5, :3].min() >= 1.7 - 1e-3
    assert made.dtype == np.float32


def test_light_has_more_steps_than_8_bits() -> None:
    lit = light(grey(), ball()[0]).layers[0].pixels[..., 1]
    assert len(np.unique(lit)) > 2000


@pytest.mark.parametrize("preset", ["window-light", "rim-light", "golden-hour", "candle-light"])
def test_no_preset_clips_what_the_photo_did_not(preset: str) -> None:
    (step,) = json.loads((RECIPES / f"{preset}.json").read_text(encoding="utf-8"))["steps"]
    shades = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(WIDTH, HEIGHT).T
    picture = np.stack([shades, shades[::-1], shades[:, ::-1]], axis=2)  # white fur, and saturated colours
    made = light(picture, ball()[0], **step["options"] | {"strength": 4.0}).layers[0].pixels
    clipped = picture.max(axis=2) >= WHITE
    assert clipped.any()
    assert not (made.max(axis=2) >= WHITE)[~clipped].any()
    assert (made > picture + 0.02).any()


def test_the_sky_and_bright_windows_stay_as_they_are_and_white_things_do_not() -> None:
    disparity, alpha = ball()
    disparity = np.where(alpha > 0, disparity, 0.0).astype(np.float32)
    picture = np.full((HEIGHT, WIDTH, 3), 0.97, np.float32)
    made = light(picture, disparity, ambient=0.3, light_angle=0.0, strength=0.2).layers[0].pixels
    far = ndimage.minimum_filter(alpha == 0, 9)
    np.testing.assert_allclose(made[far], picture[far], atol=1e-4)
    assert made[int(BALL[0]), int(BALL[1] - 12), 1] < 0.8
    grown = light(picture, disparity + np.float32(0.3) * (1 - alpha), ambient=0.3, light_angle=0.0, strength=0.2)
    assert grown.layers[0].pixels[far].max() < 0.8  # a white wall that is not far


def test_highlights_bend_and_stay_below_white() -> None:
    ramp = np.repeat(np.linspace(0.05, 1, WIDTH, dtype=np.float32)[None, :, None], HEIGHT, 0).repeat(3, 2)
    flat = np.linspace(0.2, 0.3, HEIGHT, dtype=np.float32)[:, None].repeat(WIDTH, 1)
    lamp = Light(at=(80.0, 60.0), distance=1.0, kind="directional", strength=2.0)
    made = relight(ramp, flat, lights=[lamp], ambient=1.0)[60, :, 1]
    assert made.max() <= 1 + 1e-6
    assert (np.diff(made) > 0).all()


def test_warm_light_is_red_and_cold_light_blue() -> None:
    for warmth, order in ((2500.0, 1), (12000.0, -1)):
        made = light(grey(), ball()[0], warmth=warmth).layers[0].pixels[int(BALL[0]), int(BALL[1])]
        assert (np.diff(made[:3])[::1] * order < 0).all()


def test_a_picture_larger_than_one_chunk_equals_a_small_one() -> None:
    disparity, alpha = ball()
    lamp = Light(at=(20.0, 10.0), distance=1.0)
    large = [np.repeat(np.repeat(each, 6, 0), 6, 1) for each in (grey(), disparity, alpha)]
    small = relight(grey(), disparity, lights=[lamp], alpha=alpha)
    scaled = Light(at=(20.0 * 6, 10.0 * 6), distance=1.0)
    made = relight(large[0], large[1], lights=[scaled], alpha=large[2])
    apart = np.abs(made[3::6, 3::6] - small)
    assert apart.mean() < 0.02
    assert np.quantile(apart, 0.98) < 0.12  # shadows in the larger picture are finer


def test_several_lights_add_up() -> None:
    disparity, alpha = ball()
    lamps = [Light(at=(x, 20.0), distance=1.0, warmth=w) for x, w in ((10.0, 3000.0), (150.0, 9000.0))]
    both = ratio(grey(0.2), relight(grey(0.2), disparity, lights=lamps, ambient=0.3, alpha=alpha))
    each = [
        ratio(grey(0.2), relight(grey(0.2), disparity, lights=[one], ambient=0.3, alpha=alpha)) for one in lamps
    ]
    np.testing.assert_allclose(both, each[0] + each[1] - 0.3, atol=0.05)
    assert len(light(grey(), disparity, light_at=(10.0, 10.0), more_lights=((150.0, 10.0),)).layers) == 1


@pytest.mark.parametrize(("depth", "said"), [(0.3, 0), (-1.0, 1)])
def test_lights_that_light_nothing_are_mentioned(depth: float, said: int) -> None:
    made = light(grey(), ball()[0], light_at=(BALL[1], BALL[0]), light_depth=depth, strength=2.0)
    assert sum("the photo stays as it is" in str(message) for message in made.messages) == said


def test_five_lights_are_refused() -> None:
    with pytest.raises(UsageError, match="at most four lights"):
        light(grey(), ball()[0], light_at=(1.0, 1.0), more_lights=tuple((float(x), 5.0) for x in range(4)))


@pytest.mark.parametrize("shape", [(1, 1), (5, 7)])
def test_flat_depth_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(DioptreError, match="same everywhere"):
        light(np.full((*shape, 3), 0.5, np.float32), np.full(shape, 0.4, np.float32))


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (3, 5), (40, 700)])
def test_odd_shapes(shape: tuple[int, int]) -> None:
    disparity = np.linspace(0, 1, shape[0] * shape[1], dtype=np.float32).reshape(shape)
    made = light(np.full((*shape, 3), 0.5, np.float32), disparity).layers[0].pixels
    assert np.isfinite(made).all()


def test_nan_counts_as_black() -> None:
    picture = grey()
    picture[3, 4] = np.nan
    assert np.isfinite(light(picture, ball()[0]).layers[0].pixels).all()


def test_cancelling_stops_it() -> None:
    def stop(fraction: float, phase: str) -> None:
        if phase == "Following the light":
            raise Cancelled

    with pytest.raises(Cancelled):
        apply("light", {}, Inputs(picture=grey(), disparity=ball()[0]), progress=stop)


def test_estimated_depth_is_a_layer() -> None:
    blocks = np.random.default_rng(0).uniform(0, 1, (12, 16, 3)).astype(np.float32)
    result = apply("light", {}, Inputs(picture=blocks.repeat(10, 0).repeat(10, 1)))
    assert [layer.role for layer in result.layers] == [Role.RESULT, Role.DEPTH]
