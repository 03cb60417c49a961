"""Strokes on a depth map end at the edges of the photo.

On photographs with true mattes (`python -m benchmarks.snapping`), snapping takes away 34 to 48 % of the error.
"""

from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import Float32
from scipy import ndimage

from dioptre.features.depth import snapped_strokes

SIDE, RADIUS = 200, 50
NEAR = 0.85

Map = Float32[np.ndarray, "h w"]


@pytest.fixture
def disc() -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    return rows**2 + columns**2 < RADIUS**2


@pytest.fixture
def photo(disc: np.ndarray) -> np.ndarray:
    """Return an orange disc on blue, with noise."""
    noise = np.random.default_rng(5).normal(0, 0.02, (SIDE, SIDE, 3))
    colours = np.where(disc[..., None], (0.8, 0.5, 0.2), (0.2, 0.3, 0.7))
    return np.clip(colours + noise, 0, 1).astype(np.float32)


@pytest.fixture
def before() -> np.ndarray:
    return np.tile(np.linspace(0.1, 0.4, SIDE, dtype=np.float32)[:, None], (1, SIDE))


def stroke(before: np.ndarray, radius: float, *, soft_px: float = 0.0) -> np.ndarray:
    """Paint a disc of another size near."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    painted = (rows**2 + columns**2 < radius**2).astype(np.float32)
    if soft_px:
        painted = ndimage.gaussian_filter(painted, soft_px)
    return (before + painted * (NEAR - before)).astype(np.float32)


@pytest.mark.parametrize("radius", [RADIUS - 5, RADIUS, RADIUS + 5])
@pytest.mark.parametrize("soft_px", [0.0, 2.0])
def test_a_stroke_ends_at_the_edge(
    photo: np.ndarray, disc: np.ndarray, before: np.ndarray, radius: float, soft_px: float
) -> None:
    painted = stroke(before, radius, soft_px=soft_px)
    truth = np.where(disc, np.float32(NEAR), before)
    snapped = snapped_strokes(photo, painted, before)
    wrong, was = (np.abs(each - truth).mean() for each in (snapped, painted))
    assert wrong < 0.35 * was + 0.0005  # The last part is for a stroke that was right.


def test_nothing_changes_far_from_edges_and_strokes(photo: np.ndarray, before: np.ndarray) -> None:
    painted = stroke(before, RADIUS + 5)
    snapped = snapped_strokes(photo, painted, before)
    rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    distance = np.hypot(rows, columns)
    for far in (distance < RADIUS - 35, distance > RADIUS + 45):
        np.testing.assert_allclose(snapped[far], painted[far], atol=1e-3)
    np.testing.assert_array_equal(snapped_strokes(photo, before, before), before)


@pytest.mark.parametrize("soft_px", [0.0, 6.0])
def test_a_stroke_without_an_edge_stays(before: np.ndarray, soft_px: float) -> None:
    flat = np.full((SIDE, SIDE, 3), 0.5, np.float32)
    level = np.full_like(before, 0.3)
    painted = stroke(level, 40, soft_px=soft_px)
    snapped = snapped_strokes(flat, painted, level)
    assert np.abs(snapped - painted).mean() < 0.01
