"""Write a result as a run of a recipe does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dioptre.contract import Result
from dioptre.photo import write_result
from dioptre.photo.outputs import Outputs
from dioptre.photo.picture import Picture
from dioptre_link.recipe import Recipe


def write_run(
    result: Result, picture: Picture, folder: Path, stem: str, *, recipe: Mapping[str, Any], **options: Any
) -> list[Path]:
    """Write the files of a run into a folder; `options` are those of `write_result`."""
    chosen = Recipe.from_dict({"version": 2, **recipe})
    outputs = Outputs(recipe=chosen, source=picture.path, folder=folder, stem=stem)
    return write_result(result, picture, outputs, **options)
