"""Mixed light: two illuminants are separated and balanced individually, while a single one stays one."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dioptre.colour import D65_XY, WhitePoint, adapt
from dioptre.contract import Inputs
from dioptre.features.white_balance.balance import white_balance
from dioptre.features.white_balance.illuminant import Estimate
from dioptre.features.white_balance.mixed_light import light_field
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.recipes.apply import apply


@pytest.fixture(scope="module")
def person(checkout: Path) -> np.ndarray:
    with Image.open(checkout / "examples" / "astronaut.jpg") as picture:
        return 0.8 * np.asarray(picture.convert("RGB").resize((192, 192)), np.float32) / 255


@pytest.fixture(scope="module")
def lit_twice(person: np.ndarray) -> np.ndarray:
    """A lamp on the left, and a blue window on the right."""
    linear, daylight = srgb_to_linear(jnp.asarray(person)), jnp.array(D65_XY)
    lamp, window = (adapt(linear, daylight, jnp.array(WhitePoint(cct_kelvin=k).xy)) for k in (3000, 11000))
    share = jnp.clip(jnp.linspace(-0.5, 1.5, 192), 0, 1)[None, :, None]
    return np.clip(np.asarray(linear_to_srgb(lamp * (1 - share) + window * share)), 0, 1)


def test_the_field_is_warm_at_the_lamp_and_cool_at_the_window(lit_twice: np.ndarray) -> None:
    field = light_field(lit_twice)
    warmth = field.chroma[..., 0] - field.chroma[..., 1]
    third = warmth.shape[1] // 3
    assert field.count == 2
    assert warmth[:, :third].mean() > warmth[:, -third:].mean() + 0.4


def test_each_part_comes_nearer_the_truth_than_with_one_light(lit_twice: np.ndarray, person: np.ndarray) -> None:
    one, several = white_balance(lit_twice), white_balance(lit_twice, mixed=True)
    assert several.lights == 2
    error = {name: np.abs(made.image - person).mean(axis=(0, 2)) for name, made in (("one", one), ("two", several))}
    assert error["two"].mean() < 0.6 * error["one"].mean()  # The measured ratio is 0.40.
    for third in (slice(0, 64), slice(128, 192)):  # Measured: 0.34 on the lamp's side, 0.43 on the window's.
        assert error["two"][third].mean() < 0.6 * error["one"][third].mean()


def test_disparity_may_lead_the_light(lit_twice: np.ndarray) -> None:
    disparity = np.where(np.arange(192) < 96, 1.0, 0.0).astype(np.float32)[None].repeat(192, axis=0)
    chroma = light_field(lit_twice, disparity=disparity).at_size((192, 192))
    assert np.isfinite(chroma).all()
    step = np.abs(np.diff(chroma[..., 1].mean(axis=0)))
    assert step[90:102].max() > 1.5 * np.median(step)


def test_an_even_picture_has_one_light() -> None:
    assert light_field(np.full((80, 60, 3), 0.4, np.float32)).count == 1


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_warm_and_cool_things_under_one_light_are_one_light(checkout: Path, name: str) -> None:
    with Image.open(checkout / "examples" / f"{name}.jpg") as photo:
        assert light_field(np.asarray(photo.convert("RGB"), np.float32) / 255).count == 1


def test_a_light_set_by_hand_is_one_light(lit_twice: np.ndarray) -> None:
    assert white_balance(lit_twice, mixed=True, temperature=4000, tint=0.0).lights == 1


def test_the_message_and_the_values_are_those_of_several_lights(
    lit_twice: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The estimate for the whole picture, of which nothing would be removed, plays no part."""
    none = Estimate(
        light=WhitePoint(cct_kelvin=6504), expected_de=1.0, confidence=0.9, share=0.0, models={"x": "0"}
    )
    monkeypatch.setattr("dioptre.features.white_balance.balance.estimate_light", lambda _, whole: none)
    result = apply("white_balance", {"mixed": True, "strength": 0.8}, Inputs(picture=lit_twice))
    assert result.values["lights"] == 2
    assert result.values["strength"] == pytest.approx(0.8)
    assert result.messages[0].startswith("Mixed lighting, ")
    assert "80% of each cast is removed" in result.messages[0]
