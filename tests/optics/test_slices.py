"""Depth slices: fractions that add up to 1, the exact spread of each radius, and the occlusion of each slice."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.optics.slices import (
    groups,
    levels_for,
    signed_square,
    slice_share,
)

RADII = np.concatenate([-np.geomspace(250, 0.1, 400), [0.0], np.geomspace(0.1, 250, 400)])
SERIES = {"plain": {}, "three layers": {"subject_px": 3.0}, "coarse": {"coarse": True}}


@pytest.mark.parametrize("arguments", SERIES.values(), ids=SERIES)
def test_every_radius_is_in_slices_in_full_with_its_exact_spread(arguments: dict) -> None:
    squares = signed_square(RADII)
    slices = [bounds for group in groups(**arguments) for bounds in group.bounds]
    shares = np.array([slice_share(squares, bounds) for bounds in slices])
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-6)
    # A disc's second moment is proportional to its squared radius. Where two groups meet, radii may be off by a
    # thousandth.
    moment = sum(share * signed_square(bounds.radius) for share, bounds in zip(shares, slices, strict=True))
    np.testing.assert_allclose(moment, squares, rtol=3e-3, atol=1e-9)


def test_wide_discs_are_blurred_small() -> None:
    series = groups()
    assert [group.level for group in series] == [3, 2, 1, 0, 1, 2, 3]
    assert [levels_for(radius, series) for radius in (1.0, 15.0, 40.0, 200.0)] == [1, 2, 3, 4]
    assert len(groups(subject_px=3.0)) == len(series) + 2
