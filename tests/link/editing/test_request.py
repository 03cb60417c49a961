"""The contents of a recipe's preview."""

from __future__ import annotations

from dioptre_link.chain import CHAIN
from dioptre_link.editing import traits
from dioptre_link.editing.request import preview_of
from dioptre_link.presets import preset


def test_a_recipe_of_one_step_is_its_operation() -> None:
    found = preview_of(preset("night-street"))
    assert (found.operation.name, found.note, found.shown) == ("portrait", "", True)
    assert found.options["blades"] == 8


def test_several_steps_are_shown_together() -> None:
    found = preview_of(preset("product"))
    assert (found.operation.name, found.note, found.shown) == (CHAIN, "", True)


def test_an_enlargement_is_left_out_and_said() -> None:
    found = preview_of(preset("old-scan"))
    assert found.operation.name == "white_balance"
    assert not traits.enlarges(found.operation)
    assert "2 times" in found.note
    alone = preview_of(preset("print"))
    assert (alone.shown, alone.operation.name) == (False, "super_resolution")
    assert "4 times" in alone.note
