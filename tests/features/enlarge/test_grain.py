"""New grain has the strength of the grain that was removed, is grey, even, and always the same."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.features.enlarge.grain import add_grain, kept_level


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
