"""Look up the options and the function that run an operation."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from dioptre.contract import Inputs, Options, Progress, Result
from dioptre_link.catalogue import OPERATIONS

Run = Callable[[Inputs, Any, Progress], Result]
"""A function that runs an operation on inputs, with its typed options, and reports its progress."""


def runner_of(name: str) -> tuple[type[Options], Run]:
    """Return the type of the options of the operation `name`, and the function that runs it.

    Its feature, and with it JAX, is imported on the first call.

    Raises:
        LookupError: no operation has this name.
    """
    face = import_module(f"dioptre.features.{OPERATIONS[name].feature}")
    return next((kind, run) for kind, run in face.OPERATIONS.items() if kind.operation == name)
