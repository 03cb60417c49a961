"""Joining the maps of the subject network and of U²-Net-P."""

from __future__ import annotations

import numpy as np

from dioptre.features.subject.joining import joined

SIDE = 64


def block(*parts: tuple[slice, slice], value: float = 0.98) -> np.ndarray:
    plane = np.full((SIDE, SIDE), 0.02, np.float32)
    for part in parts:
        plane[part] = value
    return plane


BODY = (slice(20, 50), slice(20, 40))
WHEEL, APART, LARGE = (slice(40, 50), slice(41, 54)), (slice(40, 50), slice(50, 60)), (slice(2, 60), slice(41, 60))


def test_a_touching_part_that_only_u2net_sees_is_added() -> None:
    """For example, a bicycle under its rider."""
    made = joined(block(BODY), block(BODY, WHEEL))
    assert (made[WHEEL] > 0.9).all()
    assert (made[BODY] > 0.9).all()
    assert made[:15].max() < 0.1


def test_a_part_elsewhere_or_larger_than_half_the_subject_is_not() -> None:
    for other in (APART, LARGE):
        assert joined(block(BODY), block(BODY, other))[other].max() < 0.5


def test_what_the_subject_network_sees_alone_is_kept() -> None:
    made = joined(block(BODY, value=0.9), block((slice(20, 35), slice(20, 40))))
    assert (made[BODY] > 0.5).all()


def test_the_subject_network_has_twice_the_weight() -> None:
    for whole, other in ((0.6, 0.3), (0.4, 0.7)):
        made = joined(block(BODY, value=whole), block(BODY, value=other))
        odds = 4 / 3 * np.log(whole / (1 - whole)) + 2 / 3 * np.log(other / (1 - other))
        expected = 1 / (1 + np.exp(-odds))
        np.testing.assert_allclose(made[30, 30], expected if expected < 0.5 else max(expected, other), atol=1e-5)


def test_a_change_of_nothing_changes_nothing() -> None:
    """Editors and the command line differ by rounding; a part of half the subject's area must not come and go."""
    wide = (slice(20, 50), slice(41, 51))
    plane = block(BODY, wide)
    plane[20, 51] = 0.5 + np.float32(1e-6)
    less = plane.copy()
    less[20, 51] = 0.5 - np.float32(1e-6)
    assert np.abs(joined(block(BODY), plane) - joined(block(BODY), less))[wide].max() < 0.05
    nothing = np.full((SIDE, SIDE), 0.01, np.float32)
    assert joined(nothing, nothing).max() < 0.01
