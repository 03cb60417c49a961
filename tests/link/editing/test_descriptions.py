"""Traits, views and scales, derived from the descriptions of all operations."""

from __future__ import annotations

import pytest

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.editing import refusals, scales, traits, views
from dioptre_link.operation import Kind, Operation, Parameter

NUMBERS = [
    parameter
    for operation in OPERATIONS.values()
    for parameter in operation.parameters
    if parameter.kind in (Kind.FLOAT, Kind.INTEGER)
]


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_a_click_resets_only_options_that_there_are_to_values_that_fit(operation: Operation) -> None:
    resets = operation.click_resets
    assert operation.check(resets).items() >= resets.items()
    assert (traits.point_of(operation) is None) <= (resets == {})


def test_a_click_on_the_focus_forgets_the_focus_depth() -> None:
    resets = {"focal_disparity": None, "focus_m": None, "subject": (), "not_subject": ()}
    assert OPERATIONS["portrait"].click_resets == resets
    assert OPERATIONS["repair_depth"].click_resets == {"value": None, "mode": "match"}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_every_operation_has_views_and_the_layer_as_it_is_among_them(operation: Operation) -> None:
    names = [view.name for view in views.views_of(operation)]
    assert views.BEFORE in names
    assert len(names) == len(set(names)) >= 2


@pytest.mark.parametrize("parameter", NUMBERS, ids=lambda parameter: parameter.name)
def test_sliders_reach_both_ends_and_come_back(parameter: Parameter) -> None:
    scale = scales.scale_of(parameter)
    assert scale.value(0.0) == pytest.approx(scale.minimum)
    assert scale.value(1.0) == pytest.approx(scale.maximum)
    for position in (0.0, 0.2, 0.5, 1.0):
        assert scale.position(scale.value(position)) == pytest.approx(position, abs=1e-9)


def option(operation: str, name: str) -> Parameter:
    return next(one for one in OPERATIONS[operation].parameters if one.name == name)


@pytest.mark.parametrize("parameter", NUMBERS, ids=lambda parameter: parameter.name)
def test_a_slider_has_its_own_range_and_typing_reaches_the_whole_one(parameter: Parameter) -> None:
    scale = scales.scale_of(parameter)
    if parameter.slider is not None:
        assert (scale.minimum, scale.maximum) == parameter.slider
    for limit in (parameter.minimum, parameter.maximum):
        assert limit is None or scale.typed(limit) == limit
        assert limit is None or scale.position(limit) in (0.0, 1.0)
    assert scale.typed(scale.most + 1) == scale.most
    assert scale.typed(scale.least - 1) == scale.least


def test_the_usual_value_is_in_the_middle_of_sliders_that_move_by_ratio() -> None:
    temperature, anamorphic = option("white_balance", "temperature"), option("portrait", "anamorphic")
    assert scales.scale_of(temperature).value(0.5) == pytest.approx(5477, abs=1)
    assert scales.scale_of(anamorphic).value(0.5) == pytest.approx(1.0)


def test_more_blur_is_a_smaller_f_number() -> None:
    f_number = option("portrait", "f_number")
    amount = scales.blur_amount(f_number)
    assert amount.value(1.0) == pytest.approx(f_number.minimum)
    assert amount.position(2.0) > amount.position(4.0)


def test_refusals_name_the_menu_and_the_operation() -> None:
    error = refusals.Refusals(menu="Filters ▸ Dioptre").needs_depth(OPERATIONS["repair_depth"].title)
    assert error.message.startswith(OPERATIONS["repair_depth"].title)
    assert "Filters ▸ Dioptre ▸" in error.hint
