"""A recipe's steps as one operation: its inputs, outputs, validation and scaling."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dioptre_link.catalogue import IN_EDITORS, OPERATIONS
from dioptre_link.chain import CHAIN, Chain, as_operation, chain, described, steps_of
from dioptre_link.errors import UsageError
from dioptre_link.operation import Input, Role
from dioptre_link.presets import presets
from dioptre_link.recipe import Recipe, Step
from dioptre_link.records import Entry, Link


def of(*names: str, **options: Any) -> Chain:
    steps = [{"operation": name, "options": options.get(name, {})} for name in names]
    return chain({"title": "Mine", "steps": steps})


def test_one_step_is_its_own_operation() -> None:
    made, options = as_operation(presets()["landscape"])
    assert made is OPERATIONS["white_balance"]
    assert options == presets()["landscape"].steps[0].options


def test_several_steps_are_one_operation_that_json_carries() -> None:
    recipe = presets()["product"]
    made, options = as_operation(recipe)
    assert (made.name, made.title) == (CHAIN, "Product on a table")
    there = json.loads(json.dumps(options))
    again = described(CHAIN, there)
    assert isinstance(again, Chain)
    assert again.steps == recipe.steps
    assert again.check(there) == again.check(options) == options


@pytest.mark.parametrize(
    ("names", "inputs", "optional", "outputs"),
    [
        (("white_balance", "portrait"), "picture", "disparity", "result subject background depth"),
        (("white_balance", "super_resolution"), "picture", "disparity", "result"),
        (("depth", "lens_blur"), "picture", "disparity", "result foreground subject background depth"),
        (("white_balance", "lens_blur"), "picture", "disparity", "result foreground subject background depth"),
        (("repair_depth", "portrait"), "picture disparity selection", "", "result subject background depth"),
        (("portrait", "super_resolution"), "picture", "disparity", "result depth"),
    ],
)
def test_what_it_needs_and_makes(names: tuple[str, ...], inputs: str, optional: str, outputs: str) -> None:
    made = of(*names)
    assert made.inputs == tuple(Input(name) for name in inputs.split())
    assert made.optional_inputs == tuple(Input(name) for name in optional.split())
    assert made.outputs == tuple(Role(name) for name in outputs.split())


@pytest.mark.parametrize(
    ("names", "finds"),
    [
        (("white_balance", "lens_blur"), True),
        (("depth", "lens_blur"), False),
        (("white_balance", "portrait"), False),
    ],
)
def test_a_depth_layer_is_looked_for_where_no_step_before_makes_one(names: tuple[str, ...], finds: bool) -> None:
    assert of(*names).finds_depth_layer is finds


def test_it_has_the_kinds_of_options_of_all_steps() -> None:
    names = {parameter.name for parameter in of("portrait", "super_resolution").parameters}
    assert {"depth_source", "scale", "focus"} <= names


def test_points_and_lengths_of_every_step_are_scaled() -> None:
    made = of("portrait", "lens_blur", portrait={"focus": [10, 20]}, lens_blur={"max_radius": 6.0})
    scaled = made.scaled(made.defaults(), 2.0)["steps"]
    assert tuple(scaled[0]["options"]["focus"]) == (20.0, 40.0)
    assert scaled[1]["options"]["max_radius"] == 12.0
    assert made.scaled(made.defaults(), 2.0)["title"] == "Mine"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "a title and steps"),
        ({"steps": "depth"}, "a title and steps"),
        ({"title": 1, "steps": [{"operation": "depth"}]}, "a title and steps"),
        ({"steps": [{"operation": "depth"}], "more": 1}, "a title and steps"),
        ({"steps": []}, "no list of steps"),
        ({"steps": [{"operation": "dept"}]}, "no operation named 'dept'"),
        ({"steps": [{"operation": "portrait", "options": {"f_number": 99}}]}, "out of range"),
        ({"steps": [{"operation": "depth"}] * 33}, "more than 32 steps"),
    ],
)
def test_what_is_wrong_is_said(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as told:
        described(CHAIN, options)
    assert words in f"{told.value.message} {told.value.hint}"


def test_steps_of() -> None:
    assert list(steps_of("depth", {"refine": False})) == [("depth", {"refine": False})]
    made = of("depth", "lens_blur")
    assert [name for name, _ in steps_of(CHAIN, made.defaults())] == ["depth", "lens_blur"]


def test_a_documents_record_knows_what_made_a_result() -> None:
    made, options = as_operation(Recipe(steps=(Step(operation="depth"), Step(operation="lens_blur"))))
    entry = Entry(operation=made.name, options=options, inputs={"picture": Link(id=1, name="Photo")}, outputs={})
    assert entry.described == made
    unknown = Entry(operation="of_tomorrow", options={}, inputs=entry.inputs, outputs={})
    assert unknown.known is None
    with pytest.raises(UsageError, match="of_tomorrow"):
        _ = unknown.described


def test_what_is_only_for_files_is_refused_in_editors() -> None:
    recipe = Recipe(steps=(Step(operation="portrait"), Step(operation="spatial")))
    with pytest.raises(UsageError, match="for layers"):
        as_operation(recipe)
    assert set(OPERATIONS) - set(IN_EDITORS) == {"spatial"}
