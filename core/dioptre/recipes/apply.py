"""Run one operation from the catalogue: the single entry point for the command line, the worker and recipes.

Results that contain NaN or infinite values, or that are black although the input is not, are detected.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from threading import Lock
from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Inputs, Picture, Progress, Result, no_progress
from dioptre.imaging.numbers import is_finite
from dioptre.runtime import is_out_of_memory
from dioptre_link.catalogue import OPERATIONS, operation
from dioptre_link.errors import DioptreError, UsageError
from dioptre_link.language import Message
from dioptre_link.operation import Input, Options, Role

from .limit import check_range, with_range

_BLACK = 1e-6
_NOT_BLACK = 0.02  # a picture whose brightest value is lower may legitimately give a black result
_LARGEST = 65504.0  # the largest half float, brighter than any photo
LOGGER = logging.getLogger(__name__)
_ONE_AT_A_TIME = Lock()


class BadResultError(DioptreError):
    """The computation returned something that is not a valid picture."""

    code = "bad-result"


def repaired(values: Float32[np.ndarray, "*shape"]) -> tuple[Float32[np.ndarray, "*shape"], bool]:
    """Replace NaN with 0 and infinity with the largest half float; return the values and whether any changed.

    The replacement happens in place.
    """
    if is_finite(values):
        return values, False
    return np.nan_to_num(values, copy=False, nan=0.0, posinf=_LARGEST, neginf=-_LARGEST), True


def fault(picture: Callable[[], np.ndarray], result: Result) -> str | None:
    """Describe what is wrong with `result`, or return None.

    Args:
        picture: returns the input picture. It is called only if the result is black.
        result: the result to check.
    """
    for layer in result.layers:
        if 0 in layer.shape:
            return f"the layer {layer.name!r} is empty"
        if not all(is_finite(values) for values in layer.made_of()):
            return f"the layer {layer.name!r} contains NaN or infinite values"
        if layer.role is Role.RESULT and _all_black(layer.pixels) and not _all_black(picture(), _NOT_BLACK):
            return f"the layer {layer.name!r} is black"
    return None


def _all_black(pixels: Float32[np.ndarray, "h w *c"], limit: float = _BLACK) -> bool:
    colour = pixels[..., :3] if pixels.ndim == 3 else pixels
    middle = colour[colour.shape[0] // 2]  # for nearly every picture the middle row is enough to decide
    return bool(middle.max() <= limit) and bool(colour.max() <= limit)


Run = Callable[[Inputs, Any, Progress], Result]
"""A function that runs an operation on inputs, with its typed options, and reports its progress."""


def apply(name: str, options: Mapping[str, Any], inputs: Inputs, *, progress: Progress = no_progress) -> Result:
    """Check `options` against the operation's description and run the operation.

    When the GPU runs out of memory, the operation runs again on the CPU, and a message in the result says so.

    Args:
        name: the operation's name in the catalogue.
        options: values by option name. Missing options take their defaults.
        inputs: the picture and the other data that the operation works on.
        progress: called with the fraction done and the phase.

    Raises:
        UsageError: the operation or an option is unknown, a value is invalid, or an input is missing.
        DioptreError: the operation failed; the subclass depends on the operation.
    """
    described = operation(name)
    checked = described.check(options)
    check_range(checked)
    if not inputs.references:  # with references, a neutral point belongs to a reference, not to this picture
        described.check_points(checked, (inputs.picture.shape[1], inputs.picture.shape[0]))
    if Input.DISPARITY in described.inputs and inputs.disparity is None:
        raise UsageError(
            "{title} needs a depth layer.", hint="Create one with Depth map first.", title=Message(described.title)
        )
    kind, run = runner_of(name)
    typed = kind(**checked)
    ready = replace(inputs, picture=without_idle_alpha(inputs.picture))
    try:
        return with_range(run(ready, typed, progress), ready, checked)
    except Exception as error:
        if not (is_out_of_memory(error) and accelerated()):
            raise
        LOGGER.warning("the graphics card has not enough memory for %s: %s", name, error)
    with on_processor():  # outside `except`, because the traceback keeps alive the arrays that filled the memory
        made = with_range(run(ready, typed, progress), ready, checked)
    messages = (
        *made.messages,
        "The graphics card does not have enough memory, so the slower processor was used.",
    )
    return replace(made, messages=messages)


def runner_of(name: str) -> tuple[type[Options], Run]:
    """Return the type of the options of the operation `name`, and the function that runs it.

    Its feature, and with it JAX, is imported on the first call.

    Raises:
        LookupError: no operation has this name.
    """
    described = OPERATIONS[name]
    face = import_module(f"dioptre.features.{described.feature}")
    return described.options, face.OPERATIONS[described.options]


def accelerated() -> bool:
    """Return whether JAX computes on a device other than the CPU."""
    if "jax" not in sys.modules:
        return False
    import jax

    config: Any = jax.config
    chosen = config.jax_default_device
    return jax.default_backend() != "cpu" and getattr(chosen, "platform", chosen) != "cpu"


@contextmanager
def on_processor() -> Iterator[None]:
    """Make JAX compute on the CPU in all threads inside the `with` block; arrays on a GPU are copied if needed."""
    import jax

    config: Any = jax.config
    with _ONE_AT_A_TIME:
        before = config.jax_default_device
        config.update("jax_default_device", jax.devices("cpu")[0])
        try:
            yield
        finally:
            config.update("jax_default_device", before)


def without_idle_alpha(picture: Picture) -> Float32[np.ndarray, "h w C"]:
    """Drop the alpha channel of a fully opaque picture; return any other picture unchanged.

    Layers in an editor have an alpha channel even when they are opaque. Computing with transparency gives results
    that differ slightly, so the channel is dropped to make equal pixels give equal results everywhere.
    """
    if picture.shape[2] != 4 or not (picture[..., 3] >= 1).all():
        return picture
    return np.ascontiguousarray(picture[..., :3])
