"""Recipes that come with Dioptre, one .json file each; their names are the files'."""

from __future__ import annotations

import difflib
from functools import cache
from importlib import resources

from dioptre.recipes.recipe import Recipe
from dioptre_link.errors import UsageError

_SUFFIX = ".json"


@cache
def presets() -> dict[str, Recipe]:
    """All of them by name, in the order of their names."""
    files = [file for file in resources.files(__name__).iterdir() if file.name.endswith(_SUFFIX)]
    return {
        file.name.removesuffix(_SUFFIX): Recipe.from_json(file.read_text(encoding="utf-8"), origin=file.name)
        for file in sorted(files, key=lambda file: file.name)
    }


def preset(name: str) -> Recipe:
    """The preset of that name; raises UsageError with the nearest one."""
    try:
        return presets()[name]
    except KeyError:
        close = difflib.get_close_matches(name, presets(), n=1, cutoff=0.5)
        hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(presets())}."
        raise UsageError(f"There is no preset {name!r}.", hint=hint) from None
