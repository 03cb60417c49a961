"""White balance: manual settings are exact, estimates are stable, and nothing else in the picture changes."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dioptre.colour import D65_XY, WhitePoint, adapt
from dioptre.contract import Inputs
from dioptre.features.white_balance.balance import white_balance
from dioptre.features.white_balance.illuminant import Reading, estimate_light
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.resize import resize
from dioptre.recipes.apply import apply
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.errors import UsageError
from dioptre_link.operation import Role

WARM = WhitePoint(cct_kelvin=3400, duv=0.003)


@pytest.fixture(scope="module")
def person(checkout: Path) -> np.ndarray:
    with Image.open(checkout / "examples" / "astronaut.jpg") as picture:
        return np.asarray(picture.convert("RGB").resize((160, 160)), np.float32) / 255


def lit(picture: np.ndarray, light: WhitePoint) -> np.ndarray:
    """Return the picture as taken with the camera set to daylight: a pure von Kries cast."""
    cast = adapt(srgb_to_linear(jnp.asarray(picture)), jnp.array(D65_XY), jnp.array(light.xy))
    return np.asarray(linear_to_srgb(cast))


def luminance(colour: np.ndarray) -> float:
    return float(srgb_to_linear(jnp.asarray(colour)) @ jnp.array([0.2126, 0.7152, 0.0722]))


@pytest.fixture(scope="module")
def warm(person: np.ndarray) -> np.ndarray:
    return np.clip(lit(0.85 * person, WARM), 0, 1)


def test_a_given_light_is_undone_exactly(person: np.ndarray) -> None:
    dim = 0.6 * person  # Dimmed so that the cast does not exceed the range anywhere.
    undone = white_balance(lit(dim, WARM), temperature=WARM.cct_kelvin, tint=WARM.tint).image
    np.testing.assert_allclose(undone, dim, atol=1e-4)


def test_strength_0_is_the_identity_to_the_bit(warm: np.ndarray) -> None:
    np.testing.assert_array_equal(white_balance(warm, strength=0.0).image, warm)


def test_strength_1_removes_even_what_may_belong_to_the_scene(
    warm: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network sees a strong warm light but takes it for the scene's own, as at sunset."""
    reading = Reading(
        chroma=np.array([[0.5, -0.6]], np.float32),
        residual=np.zeros((1, 9, 3), np.float32),
        belief=np.array([0.01], np.float32),
        expected_de=np.array([5.0], np.float32),
        coloured=np.array([True]),
    )
    monkeypatch.setattr("dioptre.features.white_balance.illuminant.read", lambda *_: reading)
    np.testing.assert_allclose(white_balance(warm).image, warm, atol=1e-4)
    whole = white_balance(warm, strength=1.0)
    assert whole.applied == 1
    grey = np.tile(np.asarray(linear_to_srgb(jnp.exp(jnp.array([0.5, 0.0, -0.6]) - 1.5))), (8, 8, 1))
    assert np.ptp(white_balance(grey, strength=1.0).image[0, 0]) < 0.01
    assert whole.image[..., 0].mean() - whole.image[..., 2].mean() < warm[..., 0].mean() - warm[..., 2].mean()


def test_a_warm_cast_is_taken_out_for_the_most_part(person: np.ndarray, warm: np.ndarray) -> None:
    before, after = np.abs(warm - 0.85 * person).mean(), np.abs(white_balance(warm).image - 0.85 * person).mean()
    assert after < 0.6 * before


def test_grey_is_read_exactly_where_it_is_pointed_at(warm: np.ndarray) -> None:
    patched = warm.copy()
    patched[10:30, 10:30] = lit(np.full((1, 1, 3), 0.5, np.float32), WARM)
    balanced = white_balance(patched, neutral=(20, 20), neutral_radius=4)
    assert np.ptp(balanced.image[20, 20]) < 1e-3
    assert balanced.cct == pytest.approx(WARM.cct_kelvin, rel=0.01)
    assert luminance(balanced.image[20, 20]) == pytest.approx(luminance(patched[20, 20]), rel=0.01)


@pytest.mark.parametrize("kelvin", [2200, 2800, 4000, 5500, 8000, 12000])
def test_the_temperature_of_a_rendered_black_body_is_read_back(person: np.ndarray, kelvin: float) -> None:
    """Planck's spectrum on a grey card, for the CIE 1931 observer as fitted by Wyman, Sloan and Shirley 2013."""
    nm = np.arange(380.0, 781.0, 5.0)
    spectrum = 1 / ((nm * 1e-9) ** 5 * np.expm1(1.438776877e-2 / (nm * 1e-9 * kelvin)))
    xyz = spectrum @ observer(nm)
    matrix = [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
    linear = (np.array(matrix) @ xyz / xyz[1] * 0.3).astype(np.float32)
    rendered = person.copy()
    rendered[60:80, 60:80] = np.asarray(linear_to_srgb(jnp.asarray(linear)))
    assert white_balance(rendered, neutral=(70, 70), neutral_radius=5).cct == pytest.approx(kelvin, rel=0.05)


def observer(nm: np.ndarray) -> np.ndarray:
    def bell(height: float, centre: float, below: float, above: float) -> np.ndarray:
        return height * np.exp(-0.5 * ((nm - centre) * np.where(nm < centre, below, above)) ** 2)

    x = (
        bell(0.362, 442.0, 0.0624, 0.0374)
        + bell(1.056, 599.8, 0.0264, 0.0323)
        + bell(-0.065, 501.1, 0.0490, 0.0382)
    )
    y = bell(0.821, 568.8, 0.0213, 0.0247) + bell(0.286, 530.9, 0.0613, 0.0322)
    z = bell(1.217, 437.0, 0.0845, 0.0278) + bell(0.681, 459.0, 0.0385, 0.0725)
    return np.stack([x, y, z], axis=1)


def test_a_cast_bluer_than_any_temperature_is_taken_out_whole() -> None:
    """The colour lies beyond the end of the Planckian locus, as with a camera set to candlelight in daylight."""
    patch = np.full((12, 12, 3), (0.2, 0.45, 0.9), np.float32)
    whole, half = (white_balance(patch, neutral=(6, 6), strength=s).image[6, 6] for s in (1.0, 0.5))
    assert np.ptp(whole) < 2e-3
    assert 0.2 < np.ptp(half) < 0.6


@pytest.mark.parametrize(
    ("colour", "told"),
    [
        ((200, 80, 30), True),  # an orange suit
        ((90, 130, 50), True),  # grass
        ((70, 120, 200), True),  # the sky
        ((255, 170, 70), False),  # white in candlelight
        ((200, 225, 190), False),  # white under a green fluorescent lamp
        ((190, 205, 235), False),  # white in the shade
    ],
)
def test_a_neutral_area_that_no_usual_light_colours_is_told(
    warm: np.ndarray, colour: tuple[int, ...], told: bool
) -> None:
    patched = warm.copy()
    patched[10:30, 10:30] = np.float32(colour) / 255
    options = {"neutral": (20.0, 20.0), "neutral_radius": 4}
    picked, by_hand = (
        apply("white_balance", {**options, **more}, Inputs(picture=patched))
        for more in ({}, {"temperature": 5000.0})
    )
    assert any("far from grey" in one for one in picked.messages) == told
    assert not any("far from grey" in one for one in by_hand.messages)


@pytest.mark.parametrize("point", [(200.0, 5.0), (-1.0, 5.0)])
def test_a_neutral_point_outside_is_refused(warm: np.ndarray, point: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="outside"):
        white_balance(warm, neutral=point)


def test_black_is_no_neutral(warm: np.ndarray) -> None:
    with pytest.raises(UsageError, match="too dark"):
        white_balance(np.zeros_like(warm), neutral=(5, 5))


def test_the_estimate_does_not_mind_mirroring(warm: np.ndarray) -> None:
    there, mirrored = estimate_light(warm).light, estimate_light(np.ascontiguousarray(warm[:, ::-1])).light
    assert mirrored.mired == pytest.approx(there.mired, abs=0.1)


def test_the_estimate_hardly_minds_size(warm: np.ndarray) -> None:
    there, larger = estimate_light(warm), estimate_light(resize(warm, (480, 480), method="bilinear"))
    assert larger.light.mired == pytest.approx(there.light.mired, abs=6)


def test_alpha_stays_and_hidden_colours_do_not_count(warm: np.ndarray) -> None:
    alpha = np.ones((*warm.shape[:2], 1), np.float32)
    alpha[:, 120:] = 0
    first = np.concatenate([warm, alpha], axis=2)
    second = first.copy()
    second[:, 120:, :3] = (0, 1, 0)
    balanced = [white_balance(picture) for picture in (first, second)]
    np.testing.assert_array_equal(balanced[0].image[..., 3:], alpha)
    assert balanced[0].cct == pytest.approx(balanced[1].cct, rel=1e-3)
    np.testing.assert_allclose(balanced[0].image[:, :120], balanced[1].image[:, :120], atol=1e-3)


def test_nothing_is_pushed_above_white_and_bright_values_stay_bright(warm: np.ndarray) -> None:
    assert white_balance(warm, temperature=2500).image.max() <= 1 + 1e-5
    bright = warm.copy()
    bright[:20, :20] = 3.0
    assert white_balance(bright, temperature=5000).image[10, 10].min() > 2


def test_the_mood_can_be_kept(warm: np.ndarray) -> None:
    def warmth(picture: np.ndarray) -> float:
        return float(picture[..., 0].mean() - picture[..., 2].mean())

    none, half, all_of_it = (
        warmth(white_balance(warm, temperature=3400, keep_warmth=k).image) for k in (0.0, 0.5, 1.0)
    )
    assert none < half < all_of_it
    assert all_of_it == pytest.approx(warmth(warm), abs=2e-3)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1)])
@pytest.mark.parametrize("mixed", [False, True])
def test_tiny_and_narrow_pictures(size: tuple[int, int], mixed: bool) -> None:
    balanced = white_balance(np.full((*size, 3), 0.4, np.float32), mixed=mixed)
    assert balanced.image.shape == (*size, 3)
    assert np.isfinite(balanced.image).all()


def test_what_is_not_a_number_counts_as_black(warm: np.ndarray) -> None:
    broken = warm.copy()
    broken[3, 3] = np.nan
    result = apply("white_balance", {}, Inputs(picture=broken))
    assert np.isfinite(result.layers[0].pixels).all()
    assert any("NaN or infinite" in message for message in result.messages)


def test_the_operation_says_what_it_found(warm: np.ndarray) -> None:
    result = apply("white_balance", {}, Inputs(picture=warm))
    assert tuple(layer.role for layer in result.layers) == OPERATIONS["white_balance"].outputs == (Role.RESULT,)
    assert result.values["lights"] == 1
    assert 0 <= result.values["confidence"] <= 1
    assert f"{result.values['cct_kelvin']:,} K" in result.messages[0]
    assert result.models.keys() == {"white-balance"}


def test_a_preview_has_the_light_of_the_whole_picture(warm: np.ndarray) -> None:
    """An illuminant estimated from fewer pixels can differ, especially if one colour is nearly black."""
    small = warm[::8, ::8]
    whole = apply("white_balance", {}, Inputs(picture=warm)).values
    assert apply("white_balance", {}, Inputs(picture=small)).values != whole
    assert apply("white_balance", {}, Inputs(picture=small, whole=warm)).values == whole
    picked = apply("white_balance", {"neutral": (5.0, 5.0)}, Inputs(picture=small)).values
    assert apply("white_balance", {"neutral": (5.0, 5.0)}, Inputs(picture=small, whole=warm)).values == picked


def test_a_grey_picture_has_no_colour_to_balance(person: np.ndarray) -> None:
    grey = person.mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.float32)
    result = apply("white_balance", {}, Inputs(picture=grey))
    assert result.messages == ("Colours unchanged: the picture is grey and has no colour to balance.",)
    assert result.values["temperature"] is None
    assert result.values["confidence"] is None
    assert result.values["strength"] == 0
    np.testing.assert_allclose(result.layers[0].pixels, grey, atol=1e-4)
    by_hand = apply("white_balance", {"temperature": 4000}, Inputs(picture=grey))
    assert by_hand.messages[0].startswith("Light: 4,000 K")


def test_a_cast_too_small_to_see_is_left(person: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = Reading(
        chroma=np.full((1, 2), 0.012, np.float32),
        residual=np.full((1, 9, 3), 0.1, np.float32),
        belief=np.array([0.999], np.float32),
        expected_de=np.array([1.0], np.float32),
        coloured=np.array([True]),
    )
    monkeypatch.setattr("dioptre.features.white_balance.illuminant.read", lambda *_: reading)
    result = apply("white_balance", {}, Inputs(picture=person))
    assert result.messages[0].startswith("Colours unchanged: ")
    np.testing.assert_allclose(result.layers[0].pixels, person, atol=1e-4)


@pytest.mark.parametrize("level", [0.0, 0.02, 0.5, 1.0])
def test_a_grey_picture_has_no_cast(level: float) -> None:
    grey = np.tile(np.linspace(0, level, 48, dtype=np.float32)[:, None, None], (1, 32, 3))
    balanced = white_balance(grey)
    assert balanced.light.cct_kelvin == pytest.approx(6504, abs=5)
    np.testing.assert_allclose(balanced.image, grey, atol=1e-5)


def test_a_grey_photograph_stays_grey_under_several_lights(warm: np.ndarray) -> None:
    grey = np.repeat(warm[..., 1:2], 3, axis=2)
    for exposure in (1.0, 0.3):
        darker = grey * np.float32(exposure)
        balanced = white_balance(darker, mixed=True)
        assert balanced.lights == 1
        np.testing.assert_allclose(balanced.image, darker, atol=1e-5)
