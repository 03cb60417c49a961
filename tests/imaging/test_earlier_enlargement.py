"""Earlier enlargements of JPEG pictures are found, with their size, and undone; other pictures have none."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from dioptre.imaging.earlier_enlargement import find_earlier_enlargement, reduced_to
from dioptre.imaging.noise_estimation import measure_degradation


@pytest.fixture(scope="module", params=["astronaut", "coffee", "chelsea"])
def photo(request: pytest.FixtureRequest, checkout: Path) -> np.ndarray:
    with Image.open(checkout / "examples" / f"{request.param}.jpg") as picture:
        return np.asarray(picture.convert("RGB"))[:300, :400]


def saved(picture: np.ndarray, quality: int) -> np.ndarray:
    """Return an 8-bit picture as a JPEG file of this quality stores it."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def resized(picture: np.ndarray, factor: float) -> np.ndarray:
    size = round(picture.shape[1] * factor), round(picture.shape[0] * factor)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def values(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.float32) / 255


@pytest.mark.parametrize("factor", [1.5, 2, 2.5, 3, 4])
def test_the_factor_and_the_size_are_found(photo: np.ndarray, factor: float) -> None:
    found = find_earlier_enlargement(values(saved(resized(saved(photo, 50), factor), 90)))
    assert found is not None
    assert found.factor == pytest.approx(factor, rel=0.005)
    assert np.abs(np.subtract(found.size, photo.shape[:2])).max() <= 1


def test_a_crop_of_the_enlarged_picture_is_found_too(photo: np.ndarray) -> None:
    found = find_earlier_enlargement(values(saved(resized(saved(photo, 50), 2)[37:, 51:], 90)))
    assert found is not None
    assert found.factor == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize("quality", [30, 50, 95])
def test_pictures_that_were_not_enlarged_have_none(photo: np.ndarray, quality: int) -> None:
    """Double compression on another grid, a blur, and reduced blocks are not enlarged blocks."""
    for picture in (
        photo,
        saved(photo, quality),
        saved(saved(photo, quality)[3:, 5:], 90),
        saved(gaussian_filter(photo, (2, 2, 0)), quality),
        saved(resized(saved(photo, quality), 0.7), 90),
    ):
        assert find_earlier_enlargement(values(picture)) is None


def test_an_enlargement_without_jpeg_blocks_is_left_alone(checkout: Path) -> None:
    with Image.open(checkout / "examples" / "astronaut.jpg") as picture:
        clean = np.asarray(picture.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS))
    assert find_earlier_enlargement(values(resized(clean, 2))) is None


@pytest.mark.parametrize("shape", [(1, 1), (64, 900), (200, 200)])
def test_tiny_and_flat_pictures_have_none(shape: tuple[int, int]) -> None:
    assert find_earlier_enlargement(np.full((*shape, 3), 0.4, np.float32)) is None


def test_the_picture_before_the_enlargement_comes_back(photo: np.ndarray) -> None:
    """Without a second compression only the rounding of the pixels is lost; the steps of quality 50 are back.

    A step of 16 that is taken for 17 is an error of 0.06.
    """
    small = saved(photo, 50)
    again = reduced_to(values(resized(small, 2)), (small.shape[0], small.shape[1]))
    assert np.abs(again - values(small)).mean() < 0.6 / 255
    assert measure_degradation(again).quantization == pytest.approx(1.0, abs=0.07)
