"""Connected components and cheapest paths on small maps."""

from __future__ import annotations

import numpy as np

from dioptre.features.subject.components import label_regions, travel_cost


def test_parts_are_numbered_by_size() -> None:
    mask = np.array(
        [
            [1, 0, 1, 1, 1],
            [1, 0, 0, 0, 1],
            [0, 1, 0, 1, 1],  # The 1 in the second column touches the other 1s only at corners.
        ],
        bool,
    )
    labels, count = label_regions(mask)
    assert count == 3
    np.testing.assert_array_equal(labels, [[2, 0, 1, 1, 1], [2, 0, 0, 0, 1], [0, 3, 0, 1, 1]])


def test_branches_that_meet_later_are_one_part() -> None:
    mask = np.array([[1, 0, 1, 0, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1]], bool)
    labels, count = label_regions(mask)
    assert count == 1
    np.testing.assert_array_equal(labels, mask.astype(int))


def test_nothing_has_no_parts() -> None:
    labels, count = label_regions(np.zeros((3, 4), bool))
    assert count == 0
    assert not labels.any()


def test_a_path_goes_round_a_wall() -> None:
    features = np.zeros((9, 9, 1), np.float32)
    features[:8, 4] = 10.0  # The wall is open only in the last row.
    cost = travel_cost(features, [(0, 0)], floor=1.0)
    assert cost[0, 0] == 0
    assert 10 < cost[0, 8] < 20  # The path leads through the gap, not across the wall, which would cost 20.
    assert cost[0, 4] > 10
    nearest = np.minimum(cost, travel_cost(features, [(0, 8)], floor=1.0))
    np.testing.assert_array_equal(travel_cost(features, [(0, 0), (0, 8)], floor=1.0), nearest)
