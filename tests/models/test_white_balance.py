"""The white-balance estimator: shapes and types, and a stronger cast gives a stronger estimate."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.models.loading import load_model
from dioptre.models.white_balance.module import _contrasts, _extremes


@pytest.fixture(scope="module")
def thumbnail(checkout: Path) -> np.ndarray:
    with Image.open(checkout / "examples" / "astronaut.jpg") as picture:
        return np.asarray(picture.convert("RGB").resize((192, 192), Image.Resampling.BOX), np.float32) / 255


@pytest.mark.parametrize("flat", [0.0, 1.0])
def test_pictures_without_a_usable_pixel_give_numbers(flat: float) -> None:
    parts = load_model("white-balance")(np.full((1, 192, 192, 3), flat, np.float32))
    assert all(np.isfinite(part).all() for part in parts)


def test_a_stronger_cast_is_read_as_a_stronger_one(thumbnail: np.ndarray) -> None:
    linear = srgb_to_linear(jnp.asarray(0.8 * thumbnail))
    casts = [jnp.array([np.exp(k), 1.0, np.exp(-k)], jnp.float32) for k in (-0.6, -0.3, 0.0, 0.3, 0.6)]
    pictures = jnp.stack([jnp.clip(linear_to_srgb(linear * cast), 0, 1) for cast in casts])
    chroma = np.asarray(load_model("white-balance")(pictures).chroma)
    warmth = chroma[:, 0] - chroma[:, 1]
    assert (np.diff(warmth) > 0.2).all()  # Each cast is 0.6 warmer than the previous one.


def test_contrasts_have_the_lights_colour_under_any_haze() -> None:
    grey = np.random.default_rng(0).uniform(0, 0.4, (1, 64, 64, 1)).astype(np.float32)
    light, haze = np.array([1.0, 0.8, 0.3], np.float32), np.array([0.01, 0.0, 0.1], np.float32)
    for linear in (grey * light, grey * light + haze):
        found = np.asarray(_contrasts(linear_to_srgb(jnp.asarray(linear)), jnp.asarray(linear)))[0]
        expected = np.log(light[[0, 2]] / light[1])
        np.testing.assert_allclose(found, np.tile(expected, 2), atol=0.06)


def test_the_last_digit_of_a_code_of_8_bits_decides_nothing() -> None:
    """Thumbnails of small pictures contain 8-bit codes; as floats, their last digit differs between editors."""
    codes = np.arange(256, dtype=np.float32).repeat(3).reshape(1, 16, 16, 3) / np.float32(255)
    above, below = (np.nextafter(codes, np.float32(end), dtype=np.float32) for end in (1, 0))
    np.testing.assert_allclose(_extremes(jnp.asarray(above)), _extremes(jnp.asarray(below)), atol=1e-3)
