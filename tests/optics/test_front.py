"""Objects in front of the focus hide those behind them, except through holes."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from dioptre.optics.front import foreground_occlusion, left_open
from dioptre.optics.grid import CELL, Level


def level(radii: np.ndarray) -> Level:
    """Return a level with one opaque surface of these radii."""
    planes = np.zeros((2, 4, *radii.shape), np.float32)
    planes[0] = 1
    return Level(planes, np.stack([radii, radii]), np.zeros(radii.shape, bool))


def test_a_closed_foreground_occludes_all_and_nothing_in_front_none() -> None:
    assert (foreground_occlusion(level(np.full((40, 50), 20.0, np.float32))) == 1).all()
    assert (foreground_occlusion(level(np.full((40, 50), -20.0, np.float32))) == 0).all()


def test_within_the_reach_of_a_hole_the_foreground_is_open() -> None:
    radii = np.full((60, 60), 24.0, np.float32)
    radii[29:32, 29:32] = -10.0
    occlusion = foreground_occlusion(level(radii))
    reach = int(24.0 / CELL)
    assert (occlusion[30 - reach : 31 + reach, 30 - reach : 31 + reach] == 0).all()
    assert occlusion[5, 5] == 1


def test_pixels_are_as_open_as_their_cells() -> None:
    open_px = np.asarray(left_open(jnp.asarray(np.eye(4, dtype=np.float32))))
    assert open_px.shape == (4 * CELL, 4 * CELL)
    assert open_px[CELL // 2, CELL // 2] < 0.3
    assert open_px[CELL // 2, -CELL // 2] == 1
