"""SPAN agrees with the original runtime on the golden picture."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.models.loading import load_model
from dioptre.models.span.convert import RULES

from ..golden import assert_golden, pattern

TOLERANCE = 2.5e-4  # The weights are stored as float16; with float32 weights the difference is 5e-7.


@pytest.mark.parametrize("scale", [2, 4])
def test_agrees_with_the_original(scale: int) -> None:
    network = load_model(f"span-x{scale}")
    enlarged = np.asarray(network(pattern(32, 48)[None]))[0]
    assert_golden(f"span-x{scale}-ch48", enlarged, tolerance=TOLERANCE)


@pytest.mark.parametrize("scale", [2, 4])
def test_outside_of_the_picture_counts_as_its_edge(scale: int) -> None:
    """A picture inside a larger array gives the same result as on its own, so tiles at its edge are exact."""
    network = load_model(f"span-x{scale}")
    alone = pattern(20, 24)
    inside = np.zeros((40, 40, 1), np.float32)
    inside[7:27, 5:29] = 1
    larger = np.full((40, 40, 3), 0.7, np.float32)
    larger[7:27, 5:29] = alone
    expected = np.asarray(network(alone[None]))[0]
    made = np.asarray(network(larger[None], inside[None]))[0][7 * scale : 27 * scale, 5 * scale : 29 * scale]
    np.testing.assert_allclose(made, expected, atol=2e-6)


def test_reach_is_as_stated() -> None:
    """A changed pixel has no effect beyond the stated radius, but some effect at that radius."""
    network = load_model("span-x2")
    radius = network.config.receptive_radius_px
    picture = np.tile(pattern(1, 64), (9, 1, 1))
    changed = picture.copy()
    changed[:, 0] += 0.5
    reach = np.abs(np.asarray(network(picture[None])) - np.asarray(network(changed[None])))[0].max(axis=(0, 2))
    assert reach[2 * (radius + 1) :].max() == 0
    assert reach[2 * radius : 2 * radius + 2].max() > 0


def test_key_map_names_every_array_once() -> None:
    targets = [rule.target for rule in RULES]
    assert len(targets) == len(set(targets))
