"""Grain is measured in flat areas and restored where the blur removed it."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.optics.grain import add_grain, grain_std


def test_grain_is_measured_on_slopes_too_and_by_brightness() -> None:
    rng = np.random.default_rng(0)
    slope = np.linspace(0.1, 0.9, 512, dtype=np.float32)[None, :, None].repeat(512, 0).repeat(3, 2)
    grey = rng.normal(0, 1, (512, 512, 1)).astype(np.float32)
    measured = grain_std(slope + grey * np.where(slope < 0.5, np.float32(0.01), np.float32(0.03)))
    assert measured[2] == pytest.approx(0.01, rel=0.2)
    assert measured[6] == pytest.approx(0.03, rel=0.2)
    assert grain_std(slope).max() < 1e-4


def test_only_blurred_parts_get_grain_the_same_every_time() -> None:
    blurred = np.full((200, 200, 3), 0.5, np.float32)
    radius = np.zeros((200, 200), np.float32)
    radius[:, 100:] = 10
    once, again = blurred.copy(), blurred.copy()
    for pixels in (once, again):
        add_grain(pixels, radius, np.full(8, 0.02, np.float32), strength=0.5)
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(once[:, :100], blurred[:, :100])
    assert (once - blurred)[:, 100:].std() == pytest.approx(0.01, rel=0.05)
