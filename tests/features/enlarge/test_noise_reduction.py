"""Shrinking cosine coefficients removes noise and JPEG blocks, preserves edges and adds no seams."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.features.enlarge import noise_reduction
from dioptre.features.enlarge.noise_reduction import reduce_noise


@pytest.fixture(scope="module")
def picture(checkout: Path) -> np.ndarray:
    with Image.open(checkout / "examples" / "coffee.jpg") as opened:
        half = opened.convert("RGB").reduce(2)  # At half size, the file's own JPEG blocks no longer show.
        return np.asarray(half, np.float32) / 255


def psnr(found: np.ndarray, truth: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((found - truth) ** 2)))


def test_strength_zero_changes_nothing(picture: np.ndarray) -> None:
    assert reduce_noise(picture, strength=0.0) is picture


def test_noise_goes(picture: np.ndarray) -> None:
    noisy = np.clip(picture + np.random.default_rng(0).normal(0, 0.05, picture.shape), 0, 1).astype(np.float32)
    assert psnr(reduce_noise(noisy, strength=0.6), picture) > psnr(noisy, picture) + 4


@pytest.mark.parametrize("quality", [20, 40])
def test_jpeg_artefacts_go(picture: np.ndarray, quality: int) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.uint8(picture * 255 + 0.5)).save(buffer, "JPEG", quality=quality)
    worn = np.asarray(Image.open(buffer), np.float32) / 255
    assert psnr(reduce_noise(worn, strength=0.3), picture) > psnr(worn, picture) + 0.3


def test_a_clean_edge_stays() -> None:
    edge = np.full((64, 64, 3), 0.2, np.float32)
    edge[:, 30:] = (0.9, 0.4, 0.1)
    assert np.abs(reduce_noise(edge, strength=0.5) - edge).max() < 0.03


def test_windows_leave_no_seams(picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another window has another block grid, but the result averages all shifts of the grid by two pixels."""
    tall = np.concatenate([picture[:, :40]] * 2)
    whole = reduce_noise(tall[:250], strength=0.4)
    parts = reduce_noise(tall, strength=0.4)[:250]
    np.testing.assert_allclose(parts[:180], whole[:180], atol=1e-5)


def test_any_size_compiles_once(picture: np.ndarray) -> None:
    reduce_noise(picture[:30, :30], strength=0.2)
    before = noise_reduction._shrink._cache_size()
    for size in ((1, 1), (1, 300), (270, 9)):
        assert np.isfinite(reduce_noise(np.full((*size, 3), 0.3, np.float32), strength=0.7)).all()
    assert noise_reduction._shrink._cache_size() == before
