"""Haze that is added and removed by depth."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from dioptre.contract import Inputs, Result
from dioptre.features.haze import add_haze, measured_haze, remove_haze
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.recipes.apply import apply
from dioptre_link.errors import DioptreError
from dioptre_link.operation import Role

HEIGHT, WIDTH = 192, 320
AIR = np.array([0.8, 0.85, 0.9], np.float32)


def texture(*, seed: int = 0, low: float = 0.0) -> np.ndarray:
    blocks = np.random.default_rng(seed).uniform(low, 0.9, (HEIGHT // 8, WIDTH // 8, 3))
    blocks[:, ::4] = low
    return blocks.repeat(8, 0).repeat(8, 1).astype(np.float32)


def slope() -> np.ndarray:
    """A ground that recedes from the bottom to the top."""
    return np.repeat(np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None], WIDTH, axis=1)


def haze(picture: np.ndarray, disparity: np.ndarray, **options: Any) -> Result:
    return apply("haze", options, Inputs(picture=picture, disparity=disparity))


def linear(encoded: np.ndarray) -> np.ndarray:
    return np.asarray(srgb_to_linear(jnp.asarray(encoded)))


def lost(picture: np.ndarray, hazy: np.ndarray, air: np.ndarray = AIR) -> np.ndarray:
    """The fraction of the light that was lost, by Koschmieder's law."""
    before, after = linear(picture), linear(hazy)
    share = np.median((after - before) / (air - before), axis=(1, 2))
    return np.repeat(share[:, None], picture.shape[1], axis=1)


def test_haze_follows_koschmieders_law_and_grows_with_the_distance() -> None:
    picture = texture()
    hazy = add_haze(picture, slope(), amount=0.6, air=AIR, nearest=0.2)
    share = lost(picture, hazy)
    assert share[0].mean() == pytest.approx(0.98 * 0.6, abs=0.04)
    assert share[-1].mean() == pytest.approx(0, abs=0.01)
    distance = 1 / (slope() * 0.8 + 0.2)
    expected = 1 - (1 - 0.98 * 0.6) ** ((distance - 1) / 4)
    np.testing.assert_allclose(share, expected, atol=0.04)


@pytest.mark.parametrize("sign", [1, -1])
def test_nothing_changes_at_amount_0_and_alpha_never(sign: int) -> None:
    picture = np.concatenate([texture(), texture(seed=1)[..., :1]], axis=2)
    np.testing.assert_array_equal(haze(picture, slope(), density=0.0).layers[0].pixels, picture)
    changed = haze(picture, slope(), density=sign * 0.8).layers[0].pixels
    np.testing.assert_array_equal(changed[..., 3], picture[..., 3])
    assert (changed != picture).any()


def test_haze_is_measured_and_removed() -> None:
    clear = texture()
    arriving = np.exp(-1.2 * (1 / (slope() * 0.8 + 0.2)) / 5)[..., None]
    hazy = np.asarray(linear_to_srgb(jnp.asarray(linear(clear) * arriving + AIR * (1 - arriving))))
    found = measured_haze(hazy, slope(), air=AIR)
    np.testing.assert_allclose(found.veil[[0, -1]], 1 - arriving[[0, -1], 0, 0], atol=0.1)
    back = remove_haze(hazy, slope(), found)
    assert np.abs(back - clear).mean() < 0.35 * np.abs(hazy - clear).mean()


def test_bright_things_without_haze_stay_as_they_are() -> None:
    picture = texture()
    picture[60:] = texture(seed=2, low=0.7)[60:]  # snow in front
    kept = haze(picture, slope(), density=-1.0)
    np.testing.assert_allclose(kept.layers[0].pixels, picture, atol=0.06)
    assert kept.values["veil"] < 0.1


def test_the_noise_of_the_distance_is_hardly_amplified() -> None:
    random = np.random.default_rng(3)
    near = slope()
    picture = (0.75 + 0.01 * random.standard_normal((HEIGHT, WIDTH, 3))).astype(np.float32)
    picture[48:] = texture()[48:]
    cleared = haze(picture, near, density=-1.0, air=(80.0, 2.0)).layers[0].pixels
    sky = np.s_[:20, 20:-20]
    assert cleared[sky].std() < 3 * picture[sky].std()  # 5 times without the limit


@pytest.mark.parametrize("room", [(0.5, 0.5, 0.5), (0.78, 0.62, 0.5)], ids=["dim", "wood"])
def test_a_far_dim_room_or_wall_of_wood_is_no_haze(room: tuple[float, float, float]) -> None:
    picture = texture(low=0.3)
    picture[:60] = np.float32(room) + 0.02 * texture(seed=1)[:60]
    made = haze(picture, slope(), density=-1.0)
    np.testing.assert_array_equal(made.layers[0].pixels, picture)
    assert made.values["veil"] == 0
    assert any("no haze" in str(message) for message in made.messages)


def test_a_dark_thing_that_the_depth_sees_in_the_haze_keeps_its_contrast() -> None:
    clear = texture()
    arriving = np.exp(-2.0 * (1 / (slope() * 0.8 + 0.2)) / 5)[..., None]
    hazy = np.array(linear_to_srgb(jnp.array(linear(clear) * arriving + AIR * (1 - arriving))))
    bark = texture(seed=5)[:40, 100:124] * 0.2 + 0.05
    hazy[:40, 100:124] = bark  # a near twig before the sky
    back = remove_haze(hazy, slope(), measured_haze(hazy, slope(), air=AIR))
    inner = np.s_[8:32, 108:116]
    assert back[inner].std() > 0.7 * hazy[inner].std()
    assert back[inner].mean() > 0.6 * hazy[inner].mean()


def test_ground_mist_is_thinner_above() -> None:
    wall = np.full((HEIGHT, WIDTH), 0.2, np.float32)
    wall[-30:] = np.linspace(0.2, 1, 30, dtype=np.float32)[:, None]
    picture = texture()
    mist = lost(picture, add_haze(picture, wall, amount=0.8, air=AIR, mist=1.0))
    assert mist[60:66].mean() > 2 * mist[:10].mean()


def test_no_halo_beside_a_near_edge() -> None:
    """The depth's edge lies a pixel beside the picture's, as in estimates."""
    picture = np.full((HEIGHT, WIDTH, 3), 0.1, np.float32)
    picture[:, 80:] = 0.8
    disparity = np.zeros((HEIGHT, WIDTH), np.float32)
    disparity[:, 79:] = 1
    hazy = add_haze(picture, disparity, amount=0.8, air=AIR)
    far = hazy[48, 60:80, 0]
    assert np.ptp(far) < 0.25  # 0.7 without the alignment with edges


def test_a_point_gives_the_colour_of_the_haze() -> None:
    picture = texture()
    picture[:16, :16] = (0.9, 0.5, 0.3)
    values = haze(picture, slope(), air=(5.0, 5.0)).values
    np.testing.assert_allclose(values["air"], linear(np.float32([0.9, 0.5, 0.3])), atol=1e-3)


def test_a_dark_distance_gives_pale_haze() -> None:
    made = haze(np.full((HEIGHT, WIDTH, 3), 0.05, np.float32), slope(), density=0.9).layers[0].pixels
    assert made[0].mean() > 0.6


@pytest.mark.parametrize("shape", [(1, 1), (5, 7)])
def test_flat_depth_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(DioptreError, match="same everywhere"):
        haze(np.full((*shape, 3), 0.5, np.float32), np.full(shape, 0.4, np.float32))


def test_nan_counts_as_black() -> None:
    picture = texture()
    picture[3, 4] = np.nan
    assert np.isfinite(haze(picture, slope()).layers[0].pixels).all()


def test_estimated_depth_is_a_layer() -> None:
    result = apply("haze", {}, Inputs(picture=texture()))
    assert [layer.role for layer in result.layers] == [Role.RESULT, Role.DEPTH]
