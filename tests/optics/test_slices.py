"""Depth slices: fractions that add up to 1, the exact spread of each radius, and the occlusion of each slice."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.optics.slices import (
    LIKE_SLICES,
    blocking_share,
    groups,
    levels_for,
    not_hiding_share,
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


def test_only_slices_clearly_nearer_hide_a_slice() -> None:
    for group in groups():
        radii = [bounds.radius for bounds in group.bounds]
        for index, bounds in enumerate(group.bounds):
            like = signed_square(np.array(radii[: index + LIKE_SLICES]))
            beyond = signed_square(np.array([*radii[index + LIKE_SLICES :], group.nearest]))
            assert (not_hiding_share(like, bounds) == 1).all()
            assert (not_hiding_share(beyond, bounds) == 0).all()


def test_only_what_is_blurred_less_blocks_a_slice_behind_the_focus() -> None:
    for group in groups():
        for bounds in group.bounds:
            blocking = blocking_share(signed_square(RADII), bounds)
            if bounds.radius >= 0:
                assert not blocking.any()
            else:
                assert not blocking[np.abs(RADII) > 1.21 * abs(bounds.radius)].any()
