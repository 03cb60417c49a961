"""Old recipes are migrated step by step and keep their meaning."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from dioptre_link import recipe as recipes
from dioptre_link.chain import CHAIN
from dioptre_link.editing.results import to_edit
from dioptre_link.errors import UsageError
from dioptre_link.language import Message
from dioptre_link.migrations import (
    IGNORED,
    MIGRATIONS,
    NEUTRAL,
    REMOVED,
    RETIRED,
    UnknownVersionError,
    migrated,
    migrated_options,
)
from dioptre_link.recipe import VERSION, Recipe, RecipeError
from dioptre_link.records import Record


def rename(recipe: dict[str, Any]) -> None:
    for step in recipe["steps"]:
        if "aperture" in step["options"]:
            step["options"]["f_number"] = step["options"].pop("aperture")


def wrap(recipe: dict[str, Any]) -> None:
    recipe["steps"] = [{"operation": recipe.pop("operation"), "options": recipe.pop("options")}]


FORMATS = {-1: wrap, 0: rename}
OLD = {"version": -1, "operation": "portrait", "options": {"aperture": 4.0}}


def test_one_migration_after_the_other() -> None:
    now = migrated(OLD, to=1, migrations=FORMATS)
    assert now == {"version": 1, "steps": [{"operation": "portrait", "options": {"f_number": 4.0}}]}
    assert OLD == {"version": -1, "operation": "portrait", "options": {"aperture": 4.0}}


def test_recipes_are_read_through_the_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = {**FORMATS, **MIGRATIONS}
    monkeypatch.setattr(recipes, "migrated", lambda content, to: migrated(content, to=to, migrations=chain))
    assert Recipe.from_dict(OLD).steps[0].options["f_number"] == 4.0
    with pytest.raises(RecipeError, match="no supported version"):
        Recipe.from_dict({"version": 0, "steps": None})


@pytest.mark.parametrize("content", [{}, {"version": None}, {"version": True}, {"version": 2}, {"version": -9}])
def test_unknown_versions(content: dict[str, Any]) -> None:
    with pytest.raises(UnknownVersionError):
        migrated(content, to=1, migrations=FORMATS)


def test_there_is_a_chain_from_every_version_that_was_released() -> None:
    assert sorted(MIGRATIONS) == list(range(1, VERSION))


def test_a_tint_in_duv_becomes_one_in_units_of_raw_converters() -> None:
    steps = [
        {"operation": "white_balance", "options": {"temperature": 4300.0, "tint": 0.01}},
        {"operation": "white_balance", "options": {"tint": None}},
        {"operation": "portrait"},
    ]
    old = Recipe.from_dict({"version": 1, "steps": steps})
    assert [step.options.get("tint") for step in old.steps] == [30, None, None]
    assert old.steps[0].options["temperature"] == 4300.0
    again = Recipe.from_dict(old.to_dict())
    assert again == old


def test_a_strength_of_1_becomes_automatic() -> None:
    chosen = {"strength": 1}, {"strength": 0.5}, {}
    steps = [{"operation": "white_balance", "options": options} for options in chosen]
    old = Recipe.from_dict({"version": 2, "steps": steps})
    assert [step.options["strength"] for step in old.steps] == [None, 0.5, None]
    assert Recipe.from_dict({"version": VERSION, "steps": steps}).steps[0].options["strength"] == 1


def test_lens_blur_without_a_focus_range_keeps_none() -> None:
    steps = [{"operation": "lens_blur"}, {"operation": "lens_blur", "options": {"focus_range": 0.1}}]
    old = Recipe.from_dict({"version": 1, "steps": steps})
    assert [step.options["focus_range"] for step in old.steps] == [0.0, 0.1]
    new = Recipe.from_dict({"version": 2, "steps": steps})
    assert new.steps[0].options["focus_range"] is None


@pytest.mark.parametrize("operation", ["lens_blur", "portrait"])
def test_a_blur_of_version_1_ignores_the_photos_own(operation: str) -> None:
    steps = [{"operation": operation}, {"operation": operation, "options": {"existing_defocus": "measure"}}]
    old = Recipe.from_dict({"version": 1, "steps": steps})
    assert [step.options["existing_defocus"] for step in old.steps] == ["ignore", "measure"]
    new = Recipe.from_dict({"version": 2, "steps": steps})
    assert new.steps[0].options["existing_defocus"] == "auto"


@pytest.mark.parametrize(
    "steps", [None, 3, [3], [{"operation": 3}], [{"operation": "white_balance", "options": 3}]]
)
def test_an_old_recipe_that_is_malformed_is_refused_for_what_is_wrong(steps: Any) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_dict({"version": 1, "steps": steps})
    assert "version" not in caught.value.message


def test_options_in_a_document_come_to_the_present_version() -> None:
    steps = [{"operation": "white_balance", "options": {"tint": -0.002}}]
    assert migrated_options("white_balance", {"tint": 0.1}, version=1, to=2) == {"tint": 300}
    assert migrated_options("white_balance", {"tint": 10}, version=2, to=2) == {"tint": 10}
    chain = migrated_options("recipe", {"title": "Mine", "steps": steps}, version=1, to=2)
    assert chain == {"title": "Mine", "steps": [{"operation": "white_balance", "options": {"tint": -6}}]}
    assert steps[0]["options"] == {"tint": -0.002}


PICTURE = {"id": 1, "name": "Photo"}


@pytest.mark.parametrize(
    ("option", "value", "note"),
    [
        *((*key, note) for key, note in RETIRED.items()),
        *((name, True, f"The option {name} no longer exists and is ignored.") for name in IGNORED),
        *((name, value, None) for name, value in NEUTRAL.items()),
    ],
)
def test_removed_options_still_open_and_are_told_once(option: str, value: Any, note: Message | None) -> None:
    told = () if note is None else (note,)
    kept = {"operation": "portrait", "options": {"f_number": 2.0}}
    old = {"operation": "portrait", "options": {"f_number": 2.0, option: value}}
    recipe = Recipe.from_dict({"version": 2, "steps": [old, old]})
    assert recipe == Recipe.from_dict({"version": 2, "steps": [kept, kept]})
    assert recipe.notes == told
    assert Recipe.from_json(recipe.to_json()).notes == ()
    for operation, options in (("portrait", old["options"]), (CHAIN, {"title": "", "steps": [old, old]})):
        result = {"operation": operation, "options": options, "inputs": {"picture": PICTURE}, "outputs": {}}
        stored = [json.dumps({"version": 2, "results": [result]}).encode()]
        record = Record(lambda stored=stored: stored[0], partial(stored.__setitem__, 0))
        (entry,) = record.load()
        assert entry.notes == told
        wanted = kept["options"] if operation == "portrait" else {"title": "", "steps": [kept, kept]}
        assert entry.described.check(entry.options) == entry.described.check(wanted)
        record.save([entry])
        assert record.load()[0].notes == ()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *((name, value) for name, values in REMOVED.items() for value in values),
        *((name, 0.123) for name in NEUTRAL),
    ],
)
def test_a_result_that_depends_on_what_was_removed_is_refused_and_stays_recorded(option: str, value: Any) -> None:
    old = {"operation": "portrait", "options": {"f_number": 2.0, option: value}}
    with pytest.raises(RecipeError, match=f"{option}: {value!r} is no longer part of Dioptre") as refused:
        Recipe.from_dict({"version": 2, "steps": [old]})
    assert "0.2" in str(refused.value.hint)
    for operation, options in (("portrait", old["options"]), (CHAIN, {"title": "", "steps": [old]})):
        result = {"operation": operation, "options": options, "inputs": {"picture": PICTURE}, "outputs": {}}
        stored = [json.dumps({"version": 2, "results": [result]}).encode()]
        record = Record(lambda stored=stored: stored[0], partial(stored.__setitem__, 0))
        for _ in range(2):
            (entry,) = record.load()
            assert (entry.operation, entry.options, entry.known) == (operation, options, None)
            with pytest.raises(UsageError, match="no longer part of Dioptre"):
                to_edit([entry], lambda _: True)
            record.save([entry])
