"""Read the note that says how Dioptre created a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .. import problems
from ..metadata import markup, xmp
from ..metadata.xmp import Note
from ..picture import Source
from .decoding import describe, opened
from .openraster import read_recipe

_MAX_RECIPE = 1 << 22  # largest size of a recipe in bytes


Describe = Callable[[Path], Source]


def inspect(path: str | os.PathLike[str], *, describe: Describe = describe) -> Note | None:
    """Return Dioptre's note in a picture, an .ora file or a recipe.

    Args:
        path: the file.
        describe: reads a picture's metadata in this process, or in another one (`apart.Reader.describe`).

    Returns:
        The note; None if there is none.

    Raises:
        MissingFile: the file does not exist.
        UnreadableFile: the file cannot be read.
        NotAPicture: the format is unknown, or a JSON file is not a recipe.
        DamagedPicture: the file is damaged.
    """
    place = Path(path)
    with opened(place) as file:
        start = file.read(4)
    if start == b"PK\3\4":
        return _of_recipe(read_recipe(place))
    if place.suffix.lower() == ".json":
        return _of_recipe(_recipe_file(place))
    return xmp.read(describe(place).xmp)


def _recipe_file(path: Path) -> Mapping[str, Any]:
    with opened(path) as file:
        data = file.read(_MAX_RECIPE + 1)
    try:
        if len(data) <= _MAX_RECIPE:
            return markup.json_object(data)
    except markup.BadMarkup:
        pass
    raise problems.NotAPicture(
        "{file} is not a recipe.", hint="Specify a file that Dioptre wrote.", file=problems.shown(path)
    )


def _of_recipe(recipe: Mapping[str, Any]) -> Note | None:
    if not isinstance(recipe.get("steps"), list):
        return None
    steps = [str(step.get("operation", "")) for step in recipe["steps"] if isinstance(step, dict)]
    models = recipe.get("models")
    return Note(
        software=f"Dioptre {recipe.get('dioptre_version', '')}".strip(),
        operation=steps[-1] if steps else "",
        models={str(k): str(v) for k, v in models.items()} if isinstance(models, dict) else {},
        recipe=recipe,
        source_type=xmp.ALTERED,
    )
