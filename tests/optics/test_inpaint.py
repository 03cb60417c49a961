"""Areas hidden by nearer slices are filled from their visible surroundings."""

from __future__ import annotations

import numpy as np

from dioptre.optics.inpaint import inpaint_host


def with_hole(size: int, hole: slice) -> tuple[np.ndarray, np.ndarray]:
    """Return a smooth picture multiplied by the mask of its known pixels, and the mask."""
    y, x = np.mgrid[:size, :size] / size
    known = np.ones((size, size), np.float32)
    known[hole, hole] = 0
    return np.stack([0.2 + 0.6 * x, 0.8 - 0.5 * y, np.full_like(x, 0.4)]).astype(np.float32) * known, known


def test_a_hole_gets_what_is_around_it_and_what_is_known_stays() -> None:
    planes, known = with_hole(64, slice(20, 40))
    filled = inpaint_host(planes, known)
    whole, _ = with_hole(64, slice(0))
    np.testing.assert_array_equal(filled[:, known > 0], planes[:, known > 0])
    np.testing.assert_allclose(filled[2], 0.4, atol=1e-6)
    assert np.abs(filled - whole).max() < 0.12  # The limit is a third of the range over the hole.
