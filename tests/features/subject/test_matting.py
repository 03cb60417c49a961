"""Matting recovers a known alpha from a coarse mask, in pictures of any size."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.features.subject import matting
from dioptre.features.subject.matting import refine_matte
from dioptre.imaging.resize import resize


def disc(size: tuple[int, int], *, rim_px: float) -> np.ndarray:
    """Return the alpha of a centred disc with a soft rim."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    distance = np.hypot(y - size[0] / 2, (x - size[1] / 2)) - 0.3 * min(size)
    return np.clip(0.5 - distance / rim_px, 0, 1).astype(np.float32)


def composed(alpha: np.ndarray) -> np.ndarray:
    front, back = np.array([0.8, 0.5, 0.3], np.float32), np.array([0.2, 0.3, 0.6], np.float32)
    return alpha[..., None] * front + (1 - alpha[..., None]) * back


@pytest.mark.parametrize("size", [(576, 576), (300, 450), (900, 700)])
def test_recovers_a_soft_rim_from_a_coarse_mask(size: tuple[int, int]) -> None:
    truth = disc(size, rim_px=4.0)
    coarse = resize(disc(size, rim_px=0.02 * min(size)), (160, 160), method="area")
    found = refine_matte(composed(truth), coarse)
    before = np.abs(resize(coarse, size, method="bilinear") - truth).mean()
    after = np.abs(found - truth).mean()
    assert after < 0.4 * before
    assert after < 2e-3


def test_what_is_certain_stays() -> None:
    picture = np.random.default_rng(0).random((200, 200, 3)).astype(np.float32)
    coarse = np.zeros((100, 100), np.float32)
    coarse[:, 50:] = 1
    found = refine_matte(picture, coarse)
    assert found[:, :80].max() < 0.02
    assert found[:, 120:].min() > 0.98


def test_flat_pictures_keep_the_mask() -> None:
    coarse = disc((160, 160), rim_px=2.0)
    found = refine_matte(np.full((320, 320, 3), 0.5, np.float32), coarse)
    assert np.isfinite(found).all()
    assert np.abs(found - resize(coarse, (320, 320), method="bilinear")).mean() < 0.02


def test_a_new_size_compiles_nothing() -> None:
    coarse = disc((64, 64), rim_px=2.0)
    refine_matte(np.zeros((64, 80, 3), np.float32), coarse)
    before = matting._solve._cache_size()
    for size in ((1, 1), (1, 500), (333, 77)):
        assert refine_matte(np.full((*size, 3), 0.2, np.float32), coarse).shape == size
    assert matting._solve._cache_size() == before
