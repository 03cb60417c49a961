"""The white-balance estimator: shapes and types, and a stronger cast is read as a stronger one."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.models.registry import load_model


@pytest.fixture(scope="module")
def thumbnail(checkout: Path) -> np.ndarray:
    with Image.open(checkout / "examples" / "astronaut.jpg") as picture:
        return np.asarray(picture.convert("RGB").resize((64, 64), Image.Resampling.BOX), np.float32) / 255


def test_shapes() -> None:
    read = load_model("white-balance")(np.full((3, 64, 64, 3), 0.5, np.float32))
    shapes = (read.chroma.shape, read.residual.shape, read.belief.shape, read.log_error.shape)
    assert shapes == ((3, 2), (3, 9, 3), (3,), (3,))


@pytest.mark.parametrize("flat", [0.0, 1.0])
def test_pictures_without_a_usable_pixel_give_numbers(flat: float) -> None:
    parts = load_model("white-balance")(np.full((1, 64, 64, 3), flat, np.float32))
    assert all(np.isfinite(part).all() for part in parts)


def test_a_stronger_cast_is_read_as_a_stronger_one(thumbnail: np.ndarray) -> None:
    linear = srgb_to_linear(jnp.asarray(0.8 * thumbnail))
    casts = [jnp.array([np.exp(k), 1.0, np.exp(-k)], jnp.float32) for k in (-0.6, -0.3, 0.0, 0.3, 0.6)]
    pictures = jnp.stack([jnp.clip(linear_to_srgb(linear * cast), 0, 1) for cast in casts])
    chroma = np.asarray(load_model("white-balance")(pictures).chroma)
    warmth = chroma[:, 0] - chroma[:, 1]
    assert (np.diff(warmth) > 0.2).all()  # each is 0.6 warmer than the one before
