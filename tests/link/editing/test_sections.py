"""The sections of a dialog's further options."""

from __future__ import annotations

import pytest

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.editing import distances
from dioptre_link.editing.sections import FEW, sections
from dioptre_link.operation import Operation


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.name)
def test_at_most_twelve_further_options_are_visible_at_once(operation: Operation) -> None:
    others = [one for one in distances.rows(operation) if not one.simple]
    found = sections(others)
    assert sorted(one.name for _, members in found for one in members) == sorted(one.name for one in others)
    assert len(found) <= 3
    assert all(len(members) + sum(map(distances.is_entry, members)) <= FEW for _, members in found)


def test_the_depth_to_match_is_asked_for_only_when_matching() -> None:
    operation = OPERATIONS["repair_depth"]
    shown = {
        mode: {one.name for one in operation.parameters if one.applies({"mode": mode})} - {"mode", "feather"}
        for mode in ("estimate", "smooth", "match", "shift")
    }
    assert shown == {"estimate": {"depth_model"}, "smooth": set(), "match": {"at", "value"}, "shift": {"amount"}}


def test_the_side_of_a_light_counts_only_if_the_light_has_no_place() -> None:
    side = next(one for one in OPERATIONS["light"].parameters if one.name == "light_angle")
    assert [side.applies({"light_at": place}) for place in (None, (3.0, 4.0))] == [True, False]
