"""Run one described operation: the single way in for the command line, the worker and recipes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

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
    return run(inputs, checked, progress)
