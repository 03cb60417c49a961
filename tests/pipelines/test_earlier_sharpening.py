"""Parts of a picture that were sharpened are recognised, and softened before an enlargement."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter

from dioptre.imaging.layers import Inputs
from dioptre.models.loading import load_model
from dioptre.models.sharpening.module import CELL_PX
from dioptre.pipelines.earlier_sharpening import measured_gain, softened
from dioptre.pipelines.super_resolution import super_resolution
from dioptre.recipes.apply import apply

SHARPENED = ImageFilter.UnsharpMask(1.0, 120, 0)


@pytest.fixture(scope="module")
def photo(checkout: Path) -> Image.Image:
    """A photo of 300 × 225 pixels, reduced without sharpening."""
    with Image.open(checkout / "examples" / "chelsea.jpg") as picture:
        return picture.convert("RGB").resize((300, 225), Image.Resampling.BICUBIC)


def values(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, np.float32) / 255


def test_a_reduced_photo_stays_as_it_is(photo: Image.Image) -> None:
    picture = values(photo)
    found = softened(picture)
    assert found.share < 0.01
    assert np.abs(found.picture - picture).mean() < 1e-3
    assert list(found.models) == ["dioptre-sharpening"]


def test_a_blurred_photo_stays_as_it_is_to_the_bit(photo: Image.Image) -> None:
    picture = gaussian_filter(values(photo), (1, 1, 0))
    assert softened(picture).picture is picture


def test_a_sharpened_photo_is_softened_and_enlarged_with_less_error(checkout: Path) -> None:
    with Image.open(checkout / "examples" / "astronaut.jpg") as whole:
        true = whole.convert("RGB").crop((60, 0, 380, 320))
    picture = values(true.resize((160, 160), Image.Resampling.BICUBIC).filter(SHARPENED))
    result = apply("super_resolution", {"scale": 2, "grain": 0.0}, Inputs(picture=picture))
    assert result.values["softened"] > 0.05
    assert any("had been sharpened" in message for message in result.messages)
    assert "dioptre-sharpening" in result.models
    undone, left = (
        np.mean((super_resolution(picture, scale=2, grain=0.0, undo_sharpening=undo) - values(true)) ** 2)
        for undo in (True, False)
    )
    assert undone < 0.8 * left


def test_only_the_sharpened_part_is_softened(checkout: Path) -> None:
    with Image.open(checkout / "examples" / "astronaut.jpg") as whole:
        small = whole.convert("RGB").resize((256, 256), Image.Resampling.BICUBIC)
    picture = values(small)
    picture[128:] = values(small.filter(SHARPENED))[128:]
    change = np.abs(softened(picture).picture - picture).mean(axis=(1, 2))
    assert change[150:].mean() > 5 * change[:110].mean()


def test_the_gain_of_large_pictures_does_not_depend_on_tiles(photo: Image.Image) -> None:
    picture = np.tile(values(photo.filter(SHARPENED)), (2, 2, 1))
    network = load_model("dioptre-sharpening")
    whole = measured_gain(picture, network)
    assert whole.shape == (-(-picture.shape[0] // CELL_PX), -(-picture.shape[1] // CELL_PX))
    part = measured_gain(np.ascontiguousarray(picture[100:, 200:]), network)
    np.testing.assert_allclose(part[20:60, 20:70], whole[45:85, 70:120], atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (7, 5), (257, 3)])
def test_pictures_of_any_shape_have_a_gain_for_every_cell(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).random((*shape, 3), np.float32)
    gain = measured_gain(picture, load_model("dioptre-sharpening"))
    assert gain.shape == (-(-shape[0] // CELL_PX), -(-shape[1] // CELL_PX))
    assert np.isfinite(gain).all()
    assert softened(picture).picture.shape == picture.shape


def test_a_requested_softness_replaces_it(photo: Image.Image) -> None:
    picture = values(photo.filter(SHARPENED))
    result = apply("super_resolution", {"scale": 1, "softness": 0.4}, Inputs(picture=picture))
    assert result.values["softened"] == 0
    assert "dioptre-sharpening" not in result.models


def test_without_it_nothing_is_softened(photo: Image.Image) -> None:
    picture = values(photo.filter(SHARPENED))
    result = apply("super_resolution", {"scale": 1, "undo_sharpening": False}, Inputs(picture=picture))
    assert result.values["softened"] == 0
    assert "dioptre-sharpening" not in result.models
