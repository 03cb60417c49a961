"""Enlarge a layered file layer by layer. Imported only when needed, because it loads NumPy and JAX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dioptre import files, runtime
from dioptre.files.atomic import check_free
from dioptre.imaging.layers import Layer
from dioptre_link.catalogue import super_resolution
from dioptre_link.errors import UsageError

from .reporting import Reporter

LAYERED = ".ora"


def enlarge(source: Path, options: Mapping[str, Any], *, file: Path, force: bool, report: Reporter) -> None:
    """Enlarge every layer of an OpenRaster file and write a new file with the same structure.

    Args:
        source: the OpenRaster file.
        options: options of the operation `super_resolution`.
        file: the new file.
        force: replace an existing file.

    Raises:
        UsageError: the new file is not an OpenRaster file.
        DioptreError: reading, enlarging or writing failed.
    """
    if file.suffix.lower() != LAYERED:
        raise UsageError(
            "{source} has layers, which {file} cannot store.",
            hint="Use an output name that ends in {layered}.",
            source=source,
            file=file,
            layered=LAYERED,
        )
    checked = super_resolution.OPERATION.check(options)
    check_free(file, force=force)
    report.begin(str(source))
    runtime.prepare_if_needed()
    from dioptre.pipelines.super_resolution import enlarger  # loads JAX, which has to be set up first

    messages: list[str] = []
    depth = files.read_openraster_depth(source)
    enlarge_one = enlarger(checked, disparity=depth, on_message=messages.append)

    def enlarge_layer(layer: Layer, start: float, stop: float) -> np.ndarray:
        return enlarge_one(layer, lambda done, phase: report.progress(start + done * (stop - start), phase))

    height, width = files.enlarge_openraster(
        source, file, scale=checked["scale"], enlarge=enlarge_layer, force=force
    )
    values = {"scale": checked["scale"], "width": width, "height": height}
    report.result(str(source), [file], values=values, messages=messages)
