"""Choice of float32 or bfloat16 for the matrix products of networks, made once per installation.

Whether bfloat16 is faster depends on the processor and on XLA. If the processor has instructions for it, or the
system does not list them, a trial multiplies matrices like the depth network's in both precisions. The result is
stored in the data folder, so that the command line, the worker and batches decide alike. Another processor or
another version of jaxlib needs another trial.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from dioptre.runtime import processor_instructions, processor_name
from dioptre_link import strict_json
from dioptre_link.errors import UsageError
from dioptre_link.files import create_closed, lock
from dioptre_link.language import Message
from dioptre_link.paths import data_dir

from .functions import product
from .registry import ENTRIES, Entry

VARIABLE = "DIOPTRE_PRECISION"
"""Environment variable: "float32" or "bfloat16" replaces the choice."""

INSTRUCTIONS = frozenset({"amx_bf16", "avx512_bf16", "bf16", "svebf16"})
"""Linux's names of the instructions that multiply bfloat16, on x86 and Arm."""

_LEAST_GAIN = 1.15  # the gain is at most 1 without fast instructions; a busy processor shows only part of it
_SHAPE = (384, 384, 1536)  # some tokens, and the channels of the depth network's largest layers
_ROUNDS = 100  # many short runs, so that some are undisturbed even on a busy processor; 0.3 s in all


class Precision(Enum):
    """Precision of the factors of matrix products; sums are always in float32."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The precision that is used where a network allows bfloat16.

    Attributes:
        precision: the chosen precision.
        message: says why it was chosen.
        gain: float32's time divided by bfloat16's, if there was a trial.
    """

    precision: Precision
    message: Message
    gain: float | None = None


def choice() -> Choice:
    """Return the choice for this installation; the first call on a processor runs the trial.

    Raises:
        UsageError: the environment variable has another value than the two names.
    """
    if requested := os.environ.get(VARIABLE, ""):
        message = Message(
            "The depth network uses {name} because {VARIABLE} is set.", name=requested, VARIABLE=VARIABLE
        )
        return Choice(precision=_named(requested), message=message)
    if jax.default_backend() != "cpu":
        message = Message("The depth network uses float32 because JAX computes on the graphics card.")
        return Choice(precision=Precision.FLOAT32, message=message)
    instructions = processor_instructions()
    if instructions is not None and not instructions & INSTRUCTIONS:
        message = Message("The depth network uses float32: this processor has no instructions for bfloat16.")
        return Choice(precision=Precision.FLOAT32, message=message)
    gain = _stored_gain(data_dir() / "precision.json")
    if gain < _LEAST_GAIN:
        message = Message("The depth network uses float32, because bfloat16 was not clearly faster in a trial.")
        return Choice(precision=Precision.FLOAT32, message=message, gain=gain)
    message = Message(
        "The depth network uses bfloat16, which was {gain} times as fast as float32 in a trial.", gain=f"{gain:.1f}"
    )
    return Choice(precision=Precision.BFLOAT16, message=message, gain=gain)


def wants_full_precision() -> bool:
    """Return whether the caller has set JAX's precision for matrix products."""
    return jax.config.jax_default_matmul_precision is not None  # type: ignore[attr-defined]


def precision_of(entry: Entry) -> Precision:
    """Return the precision in which JAX computes a network's products here and now.

    A caller that has set JAX's precision gets float32.
    """
    if not entry.bfloat16 or wants_full_precision():
        return Precision.FLOAT32
    return choice().precision


def recorded_precision(models: Mapping[str, str]) -> str:
    """Return the precision for the recipe of a result, or "" if it used no network that allows bfloat16.

    Args:
        models: the checkpoints that were used, by id.
    """
    used = [entry for entry in ENTRIES.values() if entry.bfloat16 and entry.checkpoints.keys() <= models.keys()]
    return precision_of(used[0]).value if used else ""


def trial() -> float:
    """Return float32's time for a matrix product divided by bfloat16's, each the least of several rounds."""
    tokens, inputs, outputs = _SHAPE
    best = {False: float("inf"), True: float("inf")}
    with jax.ensure_compile_time_eval():  # the first call may be inside a program that is being traced
        factors = (jnp.ones((tokens, inputs)), jnp.ones((inputs, outputs)))
        runs = {reduced: jax.jit(partial(product, bfloat16=reduced)) for reduced in best}
        for run in runs.values():
            jax.block_until_ready(run(*factors))
        for _ in range(_ROUNDS):
            for reduced, run in runs.items():
                start = time.perf_counter()
                jax.block_until_ready(run(*factors))
                best[reduced] = min(best[reduced], time.perf_counter() - start)
    return best[False] / best[True]


def _named(requested: str) -> Precision:
    try:
        return Precision(requested)
    except ValueError as error:
        raise UsageError(
            "{variable} must be float32 or bfloat16, not {value}.",
            hint="Correct or unset this environment variable.",
            variable=VARIABLE,
            value=repr(requested),
        ) from error


@cache
def _stored_gain(file: Path) -> float:
    """Return the gain in the trial on this processor, from the file or from a new trial."""
    machine = _machine()
    if (gain := _read(file, machine)) is not None:
        return gain
    try:
        create_closed(file.parent)
        guard = file.with_suffix(".lock").open("a+b")
    except OSError:  # the folder is read-only: every process needs a trial
        return trial()
    with guard:
        lock(guard.fileno(), wait=True)  # two trials at once would disturb each other and might disagree
        gain = _read(file, machine)  # another process may have written it
        if gain is None:
            gain = round(trial(), 2)
            _write(file, {**machine, "bfloat16_gain": gain})
    return gain


def _machine() -> dict[str, Any]:
    """Return what the result of the trial depends on."""
    instructions = processor_instructions()
    return {
        "processor": processor_name(),
        "instructions": sorted((instructions or frozenset()) & INSTRUCTIONS),
        "system": platform.version() if instructions is None else "",  # names the chip on macOS
        "jaxlib": version("jaxlib"),
    }


def _read(path: Path, machine: Mapping[str, Any]) -> float | None:
    """Return the stored gain; None if there is none, or if it is for another processor or version of jaxlib."""
    try:
        fields = strict_json.parsed(path.read_text(encoding="utf-8"))
        gain = float(fields.pop("bfloat16_gain"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return gain if fields == machine else None


def _write(path: Path, fields: Mapping[str, Any]) -> None:
    """Write the file; the caller holds the lock, so that nobody else writes to the same partial file."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(json.dumps(fields, indent=1), encoding="utf-8")
        part.replace(path)
    except OSError:  # the disk is full: every process needs a trial
        with suppress(OSError):
            part.unlink(missing_ok=True)
