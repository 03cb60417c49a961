"""Enlarge a layered file layer by layer. Imported only when there is something to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dioptre import files, runtime
from dioptre.files.atomic import check_free
from dioptre_link.errors import UsageError
from dioptre_link.operations import operation

from .reporting import Reporter

LAYERED = ".ora"
_READ, _MADE = 0.03, 0.9  # shares of the progress; writing is the rest


def enlarge(source: Path, options: Mapping[str, Any], *, file: Path, force: bool, told: Reporter) -> None:
    """Enlarge every layer of an OpenRaster file, and write another.

    Raises UsageError when the result is to be no layered file, and what reading, enlarging and writing raise.
    """
    if file.suffix.lower() != LAYERED:
        raise UsageError(
            f"{source} has layers, {file} cannot hold them.", hint=f"Give the result a name that ends in {LAYERED}."
        )
    checked = operation("super_resolution").check(options)
    check_free(file, force=force)
    told.begin(str(source))
    runtime.prepare_if_needed()
    document = files.read_openraster(source)
    from dioptre.pipelines.super_resolution import enlarge_layers  # with JAX, after its set-up

    result = enlarge_layers(
        document.layers,
        checked,
        progress=lambda fraction, phase: told.progress(_READ + fraction * (_MADE - _READ), phase),
    )
    told.progress(_MADE, "Writing the result")
    files.write_openraster(result.layers, file, recipe=document.recipe, force=force)
    told.result(str(source), [file], values=result.values, messages=result.messages)
