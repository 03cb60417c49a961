"""Back-projection makes an enlarged picture consistent with the original."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.features.enlarge.back_projection import back_projected
from dioptre.imaging.resize import resize


@pytest.mark.parametrize("size", [(60, 80), (90, 120), (70, 93)])
def test_reduced_it_is_the_original(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    original = resize(rng.random((10, 14, 3)).astype(np.float32), (30, 40), method="bilinear")
    wrong = np.clip(resize(original, size) + 0.1 * resize(rng.random((9, 9, 3)).astype(np.float32), size), 0, 1)
    made = back_projected(wrong, original, rounds=24)
    assert np.abs(resize(made, (30, 40)) - original).max() < 1.5 / 255
    assert np.abs(resize(wrong, (30, 40)) - original).max() > 10 / 255


def test_without_fidelity_it_is_only_clipped() -> None:
    enlarged = np.linspace(-1, 2, 48, dtype=np.float32).reshape(4, 4, 3)
    np.testing.assert_array_equal(
        back_projected(enlarged, np.zeros((2, 2, 3), np.float32), fidelity=0.0), np.clip(enlarged, 0, 1)
    )
