"""Look up the function that runs an operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dioptre.imaging.layers import Inputs, Progress, Result

Run = Callable[[Inputs, Mapping[str, Any], Progress], Result]
"""A function that runs an operation on inputs, with complete and checked options, and reports its progress."""


def pipeline(name: str) -> Run:
    """Return the function that runs the operation `name`.

    Its module, and with it JAX, is imported on the first call.

    Raises:
        LookupError: no operation has this name.
    """
    match name:
        case "portrait":
            from dioptre.pipelines.portrait import run
        case "depth":
            from dioptre.pipelines.depth import run
        case "repair_depth":
            from dioptre.pipelines.repair_depth import run
        case "lens_blur":
            from dioptre.pipelines.lens_blur import run
        case "select_subject":
            from dioptre.pipelines.select_subject import run
        case "select_depth":
            from dioptre.pipelines.select_depth import run
        case "white_balance":
            from dioptre.pipelines.white_balance import run
        case "super_resolution":
            from dioptre.pipelines.super_resolution import run
        case _:
            raise LookupError(name)
    return run
