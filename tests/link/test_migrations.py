"""Old recipes become new ones step by step, and keep what they say."""

from __future__ import annotations

from typing import Any

import pytest

from dioptre_link import recipe as recipes
from dioptre_link.migrations import MIGRATIONS, UnknownVersionError, migrated
from dioptre_link.recipe import VERSION, Recipe, RecipeError


def rename(recipe: dict[str, Any]) -> None:
    for step in recipe["steps"]:
        if "aperture" in step["options"]:
            step["options"]["f_number"] = step["options"].pop("aperture")


def wrap(recipe: dict[str, Any]) -> None:
    recipe["steps"] = [{"operation": recipe.pop("operation"), "options": recipe.pop("options")}]


CHAIN = {-1: wrap, 0: rename}
OLD = {"version": -1, "operation": "portrait", "options": {"aperture": 4.0}}


def test_one_migration_after_the_other() -> None:
    now = migrated(OLD, to=1, migrations=CHAIN)
    assert now == {"version": 1, "steps": [{"operation": "portrait", "options": {"f_number": 4.0}}]}
    assert OLD == {"version": -1, "operation": "portrait", "options": {"aperture": 4.0}}


def test_recipes_are_read_through_the_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "migrated", lambda content, to: migrated(content, to=to, migrations=CHAIN))
    assert Recipe.from_dict(OLD).steps[0].options["f_number"] == 4.0
    with pytest.raises(RecipeError, match="no version that is known"):
        Recipe.from_dict({"version": 0, "steps": None})


@pytest.mark.parametrize("content", [{}, {"version": None}, {"version": True}, {"version": 2}, {"version": -9}])
def test_unknown_versions(content: dict[str, Any]) -> None:
    with pytest.raises(UnknownVersionError):
        migrated(content, to=1, migrations=CHAIN)


def test_there_is_a_chain_from_every_version_that_was_released() -> None:
    assert sorted(MIGRATIONS) == list(range(1, VERSION))
