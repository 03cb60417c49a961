"""What runs each operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dioptre.imaging.layers import Inputs, Progress, Result

Run = Callable[[Inputs, Mapping[str, Any], Progress], Result]
"""Options are complete and checked."""


def pipeline(name: str) -> Run:
    """The function of the operation called `name`, imported, and JAX with it, when it is first asked for."""
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
