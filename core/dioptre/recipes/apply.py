"""Run one described operation: the single way in for the command line, the worker and recipes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.imaging.layers import Inputs, Progress, Result, no_progress
from dioptre.runtime import is_out_of_memory
from dioptre_link.catalogue import operation
from dioptre_link.errors import UsageError
from dioptre_link.language import Message
from dioptre_link.operation import Input

from .pipelines import pipeline

LOGGER = logging.getLogger(__name__)


def apply(name: str, options: Mapping[str, Any], inputs: Inputs, *, progress: Progress = no_progress) -> Result:
    """Check `options` against the operation's description and run it.

    Raises UsageError for a wrong operation, option or missing input, and whatever DioptreError the pipeline has.
    """
    described = operation(name)
    checked = described.check(options)
    if not inputs.references:  # a neutral point is then a reference's
        described.check_points(checked, (inputs.picture.shape[1], inputs.picture.shape[0]))
    if Input.DISPARITY in described.inputs and inputs.disparity is None:
        raise UsageError(
            "{title} needs a depth layer.", hint="Create one with Depth map first.", title=Message(described.title)
        )
    run = pipeline(name)
    ready = replace(inputs, picture=without_idle_alpha(inputs.picture))
    try:
        return run(ready, checked, progress)
    except Exception as error:
        if not (is_out_of_memory(error) and accelerated()):
            raise
        LOGGER.warning("the graphics card has not enough memory for %s: %s", name, error)
    with on_processor():  # outside of `except`: its traceback holds what filled the memory
        made = run(ready, checked, progress)
    messages = (
        *made.messages,
        "The GPU does not have enough memory, so the CPU was used, which takes longer.",
    )
    return replace(made, messages=messages)


def accelerated() -> bool:
    """Whether JAX computes on something else than the processor."""
    if "jax" not in sys.modules:
        return False
    import jax

    config: Any = jax.config
    chosen = config.jax_default_device
    return jax.default_backend() != "cpu" and getattr(chosen, "platform", chosen) != "cpu"


@contextmanager
def on_processor() -> Iterator[None]:
    """JAX computes on the processor meanwhile, in all threads; what it holds elsewhere is copied where needed."""
    import jax

    config: Any = jax.config
    with _ONE_AT_A_TIME:
        before = config.jax_default_device
        config.update("jax_default_device", jax.devices("cpu")[0])
        try:
            yield
        finally:
            config.update("jax_default_device", before)


_ONE_AT_A_TIME = Lock()


def without_idle_alpha(picture: Float32[np.ndarray, "h w c"]) -> Float32[np.ndarray, "h w C"]:
    """An opaque picture without its alpha, another one as it is.

    Transparency is computed with where there is some, and then a result is not the same to the last code value. An
    editor's layer has alpha whether it needs it or not; the same pixels must give the same result everywhere.
    """
    if picture.shape[2] != 4 or not (picture[..., 3] >= 1).all():
        return picture
    return np.ascontiguousarray(picture[..., :3])
