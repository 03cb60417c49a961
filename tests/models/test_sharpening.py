"""The sharpening network: its shapes, and its estimates of unsharp masks."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageFilter

from dioptre.imaging.luma import LUMA
from dioptre.models.loading import load_model
from dioptre.models.sharpening.module import MARGIN_PX

MARGIN = sum(MARGIN_PX)


def test_every_cell_inside_the_margin_has_an_estimate() -> None:
    network = load_model("dioptre-sharpening")
    for height, width in ((4, 8), (64, 100)):
        detail = jnp.zeros((2, height + MARGIN, width + MARGIN), jnp.float32)
        gains, weights = network(detail)
        assert gains.shape == weights.shape == (2, height // 4, width // 4)
        assert bool((weights > 0).all())


def test_other_sides_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 4"):
        load_model("dioptre-sharpening").forward(
            load_model("dioptre-sharpening").state, jnp.zeros((1, 50, 64), jnp.float32)
        )


def test_stronger_sharpening_gives_a_larger_gain(checkout: Path) -> None:
    with Image.open(checkout / "examples" / "astronaut.jpg") as picture:
        small = picture.convert("RGB").resize((256, 256), Image.Resampling.BICUBIC)
    found = []
    for percent in (0, 60, 120, 180):
        luma = np.asarray(small.filter(ImageFilter.UnsharpMask(0.7, percent, 0)), np.float32) @ LUMA / 255
        gains, weights = (np.asarray(part) for part in load_model("dioptre-sharpening")((luma - luma.mean())[None]))
        found.append(float((gains * weights).sum() / weights.sum()))
    assert found == sorted(found)
    assert found[-1] > found[0] + 0.3
