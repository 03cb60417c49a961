"""Run one described operation: the single way in for the command line, the worker and recipes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.imaging.layers import Inputs, Progress, Result, no_progress
from dioptre_link.errors import UsageError
from dioptre_link.operations import Input, operation

Run = Callable[[Inputs, Mapping[str, Any], Progress], Result]
"""Each pipeline module has one, named `run`; options are complete and checked."""


def apply(name: str, options: Mapping[str, Any], inputs: Inputs, *, progress: Progress = no_progress) -> Result:
    """Check `options` against the operation's description and run it.

    Raises UsageError for a wrong operation, option or missing input, and whatever DioptreError the pipeline has.
    """
    described = operation(name)
    checked = described.check(options)
    if Input.DISPARITY in described.inputs and inputs.disparity is None:
        raise UsageError(
            f"{described.title} needs a depth layer.", hint="Make one first with Depth from this picture."
        )
    run: Run = import_module(f"dioptre.pipelines.{name}").run
    return run(replace(inputs, picture=without_idle_alpha(inputs.picture)), checked, progress)


def without_idle_alpha(picture: Float32[np.ndarray, "h w c"]) -> Float32[np.ndarray, "h w C"]:
    """An opaque picture without its alpha, another one as it is.

    Transparency is computed with where there is some, and then a result is not the same to the last code value. An
    editor's layer has alpha whether it needs it or not; the same pixels must give the same result everywhere.
    """
    if picture.shape[2] != 4 or not (picture[..., 3] >= 1).all():
        return picture
    return np.ascontiguousarray(picture[..., :3])
