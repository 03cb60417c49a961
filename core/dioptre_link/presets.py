"""Recipes that come with Dioptre, one .json file each; the file name is the name of the preset."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from .errors import UsageError
from .language import Message
from .operation import nearest
from .recipe import Recipe

_FOLDER = Path(__file__).with_name("recipes")

FIRST = "portrait"
"""The preset that windows show first."""


@cache
def presets() -> dict[str, Recipe]:
    """Return all presets by name, in alphabetical order."""
    files = sorted(_FOLDER.glob("*.json"), key=lambda file: file.name)
    return {file.stem: Recipe.read(file) for file in files}


def preset(name: str) -> Recipe:
    """Return the preset with this name; raise UsageError with the most similar name if there is none."""
    try:
        return presets()[name]
    except KeyError:
        raise UsageError(
            Message("There is no preset named {name}.", name=repr(name)), hint=nearest(name, list(presets()))
        ) from None
