"""Deconvolution removes blur without seams, and without ringing at sharp edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from dioptre.features.enlarge import deconvolution
from dioptre.features.enlarge.deconvolution import deconvolved
from dioptre.features.enlarge.noise_estimation import Degradation
from dioptre.imaging.resize import resize

CLEAN = Degradation(noise=0.0, quantization=0.0)


@pytest.fixture(scope="module", params=["astronaut", "chelsea", "coffee"])
def photo(request: pytest.FixtureRequest, checkout: Path) -> np.ndarray:
    with Image.open(checkout / "examples" / f"{request.param}.jpg") as opened:
        return np.asarray(opened.convert("RGB"), np.float32) / 255


def reduced(photo: np.ndarray, *, blur: float) -> np.ndarray:
    """Blur the photo in linear light, by `blur` pixels of the result, and return it at half size, in 8 bits."""
    linear = np.where(photo <= 0.04045, photo / 12.92, ((photo + 0.055) / 1.055) ** 2.4)
    blurred = gaussian_filter(linear, (2 * blur, 2 * blur, 0)) if blur else linear
    encoded = np.where(blurred <= 0.0031308, blurred * 12.92, 1.055 * blurred ** (1 / 2.4) - 0.055)
    size = photo.shape[0] // 2, photo.shape[1] // 2
    small = np.clip(resize(encoded.astype(np.float32), size, method="bicubic"), 0, 1)
    return (small * 255).round().astype(np.float32) / 255


@pytest.mark.parametrize(("blur", "left"), [(0.4, 0.65), (0.6, 0.7), (0.9, 0.75)])
def test_a_blur_is_undone(photo: np.ndarray, blur: float, left: float) -> None:
    sharp, soft = reduced(photo, blur=0), reduced(photo, blur=blur)
    error = np.sqrt(np.mean((deconvolved(soft, softness=blur, degradation=CLEAN) - sharp) ** 2))
    assert error < left * np.sqrt(np.mean((soft - sharp) ** 2))


def test_windows_do_not_show(photo: np.ndarray) -> None:
    """Pixels beyond the filter's reach have no influence, wherever the windows begin."""
    whole = deconvolved(photo, softness=0.8, degradation=CLEAN)
    part = deconvolved(np.ascontiguousarray(photo[37:, 51:]), softness=0.8, degradation=CLEAN)
    reach = deconvolution._REACH_PX
    np.testing.assert_allclose(part[reach:, reach:], whole[37 + reach :, 51 + reach :], atol=2e-5)


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (300, 300)])
def test_flat_pictures_of_any_size_stay_as_they_are(size: tuple[int, int]) -> None:
    for value in (0.0, 0.4, 1.0):
        flat = np.full((*size, 3), value, np.float32)
        np.testing.assert_allclose(deconvolved(flat, softness=1.0, degradation=CLEAN), flat, atol=1e-5)


def test_no_outlines_where_it_was_sharp() -> None:
    """Each value stays close to those of its neighbours, and grey stays grey."""
    step = np.full((40, 40, 3), 0.2, np.float32)
    step[:, 20:] = 0.8
    made = deconvolved(step, softness=0.8, degradation=CLEAN)
    assert made.min() >= 0.2 - 0.05 * 0.6 - 1e-5
    assert made.max() <= 0.8 + 0.05 * 0.6 + 1e-5
    assert np.ptp(made, axis=2).max() < 1e-5
