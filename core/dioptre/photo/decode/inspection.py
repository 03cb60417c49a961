"""Read the note that says how Dioptre created a file: in its metadata, in an archive of layers, or in a recipe."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dioptre_link.recipe import read_json

from .. import problems
from ..metadata import markup, xmp
from ..metadata.xmp import Note
from ..picture import Source
from .decoding import describe, opened

RECIPE = "dioptre/recipe.json"
"""The archive's entry with the recipe."""
_MAX_RECIPE = 1 << 22  # largest size of a recipe in an archive, in bytes


Describe = Callable[[Path], Source]
_ZIP_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""Exceptions that `zipfile` raises for damaged, encrypted or unusually packed files, and for invalid names."""


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
        RecipeError: a recipe is not JSON, or cannot be read.
        DamagedPicture: the file is damaged.
    """
    place = Path(path)
    with opened(place) as file:
        start = file.read(4)
    if start == b"PK\3\4":
        return _of_recipe(read_recipe(place))
    if place.suffix.lower() == ".json":
        content = read_json(place)
        if not isinstance(content, dict):
            raise problems.NotAPicture(
                "{file} is not a recipe.", hint="Specify a file that Dioptre wrote.", file=problems.shown(place)
            )
        return _of_recipe(content)
    return xmp.read(describe(place).xmp)


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


def read_recipe(path: Path) -> Mapping[str, Any]:
    """Return the recipe in an .ora file without reading its layers; empty if there is none.

    Raises:
        DamagedPicture: the archive or the recipe is damaged, or packed in an unsupported way.
        PictureTooLarge: the recipe exceeds the limit.
    """
    with opened(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                if RECIPE not in archive.namelist():
                    return {}
                entry = archive.getinfo(RECIPE)
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise _damaged(path)  # the format allows no other methods
                with archive.open(entry) as content:
                    data = content.read(_MAX_RECIPE + 1)  # no more, whatever the entry declares
            if len(data) <= _MAX_RECIPE:
                return markup.json_object(data)
        except (*_ZIP_DAMAGES, markup.BadMarkup) as error:
            raise _damaged(path) from error
    raise problems.PictureTooLarge(
        "{file} contains {filename} of {file_size} MB, which is too large.",
        hint="Open it in an editor and save it again.",
        file=problems.shown(path),
        filename=repr(entry.filename),
        file_size=format(entry.file_size / 1e6, ".0f"),
    )


def _damaged(path: Path) -> problems.DamagedPicture:
    """Return the error for a damaged file."""
    return problems.DamagedPicture(
        "{file} is not a complete OpenRaster file.",
        hint="Open it in an editor and save it again.",
        file=problems.shown(path),
    )
