"""Look up the function that runs an operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from dioptre.contract import Inputs, Progress, Result
from dioptre_link.catalogue import OPERATIONS

Run = Callable[[Inputs, Mapping[str, Any], Progress], Result]
"""A function that runs an operation on inputs, with complete and checked options, and reports its progress."""


def run_of(name: str) -> Run:
    """Return the function that runs the operation `name`.

    Its feature, and with it JAX, is imported on the first call.

    Raises:
        LookupError: no operation has this name.
    """
    return import_module(f"dioptre.features.{OPERATIONS[name].feature}").OPERATIONS[name]
