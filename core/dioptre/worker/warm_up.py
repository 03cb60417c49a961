"""The warm-up of a new worker before its first job: its libraries, and networks and programs for each operation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from dioptre.runtime import IMPORTING
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.errors import UsageError
from dioptre_link.operation import Input, Operation, WarmUp

from .engine import WarmUpStep

_importing = threading.Lock()


def load_libraries() -> None:
    """Import everything that jobs need; return at once if it is already imported."""
    with _importing:
        from . import execution, pixels  # noqa: F401


def get_ready(operations: Sequence[str]) -> None:
    """Import what a command's operations need. Errors are left to the job, which imports the same."""
    load_libraries()
    from dioptre.caching.names import computing_setup
    from dioptre.recipes.apply import runner_of

    with suppress(Exception), IMPORTING:
        for name in operations:
            runner_of(name)
        computing_setup()


_Progress = Callable[[float, str], None]


def steps() -> tuple[WarmUpStep, ...]:
    """Return the steps in the order in which editors are likely to need them; each is named after its operation.

    Those that only compile come last.
    """
    ordered = sorted(OPERATIONS.values(), key=lambda operation: operation.warm_up_rank)
    compiling = [_compiling(operation, run) for operation in ordered for run in operation.warm_up if run.once]
    return (libraries, *(step_of(operation) for operation in ordered if _loads(operation)), *compiling)


def libraries(progress: _Progress) -> None:
    """Import everything that jobs need and initialise the device."""
    load_libraries()
    import jax.numpy as jnp

    progress(0.6, "")
    jnp.zeros(1).block_until_ready()


def step_of(operation: Operation) -> WarmUpStep:
    """Return a step that loads an operation's networks and compiles its programs."""

    def step(progress: _Progress) -> None:
        for run in operation.warm_up:
            if not run.once:
                _run(operation, run, progress)

    step.__name__ = operation.name
    return step


def _loads(operation: Operation) -> bool:
    return any(not run.once for run in operation.warm_up)


def _compiling(operation: Operation, run: WarmUp) -> WarmUpStep:
    """Return a step that compiles more programs, if this machine has not compiled them before."""

    def step(progress: _Progress) -> None:
        load_libraries()
        from dioptre.programs import once

        once(f"{operation.name} {run}", lambda: _run(operation, run, progress))

    step.__name__ = operation.name
    return step


def _run(operation: Operation, run: WarmUp, progress: _Progress) -> None:
    load_libraries()
    import numpy as np

    from dioptre.contract import Inputs
    from dioptre.recipes.apply import apply

    height, width = run.size
    across = np.linspace(0, 1, width, dtype=np.float32)
    plane = np.repeat(across[None], height, axis=0)
    plane[height // 2 :, width // 2 :] *= np.float32(0.5)  # an edge, as in real depth maps
    picture = np.stack([plane, plane[:, ::-1], 1 - plane], axis=-1)
    takes_depth = operation.finds_depth_layer or Input.DISPARITY in operation.inputs
    disparity = plane if takes_depth else None
    subject = None
    if run.subject:
        down = np.linspace(0, 1, height, dtype=np.float32)
        reach = np.maximum(np.abs(down[:, None] - 0.5), np.abs(across - 0.5))
        subject = np.clip((run.subject / 2 - reach) * 100, 0, 1).astype(np.float32)  # with soft edges
        picture *= (
            0.75 + 0.25 * (np.sin(40 * across) * np.sin(30 * down)[:, None])[..., None]
        )  # something to continue
    inputs = Inputs(picture=picture, disparity=disparity, subject=subject, draft=run.draft)
    with suppress(UsageError):  # The synthetic picture has no subject; everything is compiled before that is known.
        result = apply(operation.name, run.options, inputs, progress=progress)
        for layer in result.layers if run.subject else ():
            _ = layer.pixels
