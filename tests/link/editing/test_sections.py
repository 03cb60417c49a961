"""The sections of a dialog's further options."""

from __future__ import annotations

import pytest

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.editing.sections import FEW, Extra, rows_of
from dioptre_link.operation import Kind, Operation


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.name)
def test_at_most_twelve_further_options_are_visible_at_once(operation: Operation) -> None:
    rows = rows_of(operation)
    assert len(rows.further) <= 3
    assert all(len(parts) <= FEW + (Extra.DISC in parts) for _, parts in rows.further)
    assert rows.first


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.name)
def test_each_option_has_one_control(operation: Operation) -> None:
    rows = rows_of(operation)
    parts = [*rows.first, *(part for _, parts in rows.further for part in parts)]
    assert len(set(parts)) == len(parts)
    without = {one.name for one in operation.parameters if one not in parts}
    strokes = {one.name for one in operation.parameters if one.kind is Kind.STROKES}
    focus = {"focal_disparity", "focus_m"} if Extra.DISTANCE in parts else set()
    assert without == strokes | focus


def test_the_rows_of_a_blur_begin_with_its_amount() -> None:
    first = rows_of(OPERATIONS["lens_blur"]).first
    assert [getattr(part, "name", part) for part in first] == ["f_number", "SHAPES", "focus", "focus_range"]
    assert rows_of(OPERATIONS["depth"]).further == []  # nothing is shown first, so nothing is hidden


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
