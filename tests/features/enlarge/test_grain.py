"""New grain has the strength of the grain that was removed, is grey, even, and always the same."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.features.enlarge.grain import add_grain, kept_level, removed_grain
from dioptre.imaging.numbers import LUMA


def grained(level: float, size: tuple[int, int], scale: int) -> np.ndarray:
    """Return a grey field of `size`, enlarged, with grain."""
    enlarged = np.full((size[0] * scale, size[1] * scale, 3), 0.5, np.float32)
    add_grain(enlarged, np.full(size, level, np.float32))
    return enlarged


def test_light_grain_is_kept_and_noise_is_not() -> None:
    levels = [kept_level(grain / 255) * 255 for grain in (0, 2, 4, 6, 8, 20)]
    assert levels == pytest.approx([0, 2, 4, 2, 0, 0])


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_grain_has_its_level_and_is_grey(scale: int) -> None:
    result = grained(0.016, (300 // scale + 40, 60), scale)
    assert result.std(axis=(0, 1)).mean() == pytest.approx(0.016, rel=0.03)
    assert result.mean() == pytest.approx(0.5, abs=0.001)
    assert np.ptp(result, axis=2).max() == 0


def test_bands_leave_no_seams() -> None:
    """The differences between neighbouring rows are equally large everywhere."""
    steps = np.abs(np.diff(grained(0.016, (80, 800), 4)[..., 0], axis=0)).mean(axis=1)
    assert steps.std() < 0.03 * steps.mean()


def test_grain_is_always_the_same_and_does_not_repeat() -> None:
    first, again = (grained(0.016, (80, 80), 4)[..., 0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    bands = (first.reshape(-1, 64, 320)[:5] - 0.5).reshape(5, -1)
    assert np.abs(np.corrcoef(bands) - np.eye(5)).max() < 0.05


def test_nothing_changes_where_there_is_no_grain() -> None:
    enlarged = np.random.default_rng(0).random((64, 96, 3), np.float32)
    deviation = np.zeros((32, 48), np.float32)
    deviation[:, 40:] = 0.01
    result = enlarged.copy()
    add_grain(result, deviation)
    np.testing.assert_array_equal(result[:, :78], enlarged[:, :78])
    assert (result[:, 84:] != enlarged[:, 84:]).any()
    assert result.min() >= 0
    assert result.max() <= 1


def test_removed_grain_is_measured_locally_and_limited() -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, (60, 90, 1)).astype(np.float32)
    noise[:, :30] = 0
    noise[:, 60:] *= 3
    clean = np.full((60, 90, 3), 0.5, np.float32)
    deviation = removed_grain(clean + noise, clean, level=0.012)
    assert deviation[:, :20].max() < 1e-6
    assert deviation[:, 40:50].mean() == pytest.approx(0.01, rel=0.05)
    assert deviation[:, 70:].mean() == pytest.approx(0.012, rel=0.01)
    coloured = clean + np.random.default_rng(0).normal(0, 0.01, clean.shape).astype(np.float32)
    expected = 0.01 * float(np.sqrt((LUMA**2).sum()))
    assert removed_grain(coloured, clean, level=1.0).mean() == pytest.approx(expected, rel=0.05)
