"""From a request to layers: read the inputs, reduce them for a preview, run the operation, look at the result."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dioptre.imaging.layers import Inputs, Progress, Result, row_slices
from dioptre.imaging.resize import fitted_size
from dioptre.recipes import guard, memory
from dioptre.recipes.apply import without_idle_alpha
from dioptre.recipes.guard import BadResultError
from dioptre_link.chain import described, steps_of
from dioptre_link.errors import UsageError
from dioptre_link.operations import Input, Role
from dioptre_link.wire import PixelFormat, Pixels

from . import opened_file, pixels
from .exchange import Folder
from .request import UNPAINTED, Kept, Request

Run = Callable[[str, Mapping[str, Any], Inputs, Progress], Result]
"""Runs one operation: name, checked options, inputs, progress."""

_LOADED_BYTES = 40  # of a pixel: float32 RGBA, a repaired copy, bands
_PLANES = (Role.DEPTH, Role.CONFIDENCE)
_REPAIRED = "The picture had values that are not numbers (NaN or infinite); they were replaced."


@dataclass(frozen=True)
class Written:
    """A layer of a result in a file of the exchange folder."""

    name: str
    role: Role
    visible: bool
    pixels: Pixels

    def to_dict(self) -> dict[str, Any]:
        fields = {"name": self.name, "role": self.role.value, "visible": self.visible}
        return {**fields, "pixels": self.pixels.to_dict()}


def load(folder: Folder, as_input: Input, given: Pixels) -> Kept:
    """Pixels from a file of the exchange folder."""
    kept = memory.reserved((given.height, given.width), bytes_per_pixel=_LOADED_BYTES)
    with folder.open_pixels(given) as file, kept:
        if as_input is Input.PICTURE:
            read = without_idle_alpha(pixels.read_picture(file, given))
        else:
            read = pixels.read_plane(file, given)
        values, repaired = guard.repaired(read)
    return Kept(values, repaired)


def execute(request: Request, run: Run, progress: Progress) -> Result:
    """The operation's result. Raises DioptreError; `progress` may raise Cancelled."""
    full = request.picture_size()
    size = full if request.preview_px is None else fitted_size(full, longest_px=request.preview_px)
    memory.check(request.operation, request.options, size)
    progress(0.0, "Reading the picture")
    inputs, repaired = _inputs(request, full, size)
    options = request.options
    if size != full:
        options = described(request.operation, options).scaled(options, size[1] / full[1])
    looks = any(
        one.get("depth_source", "estimate") != "estimate" for _, one in steps_of(request.operation, options)
    )
    if request.opened_file and inputs.disparity is None and looks:
        inputs = replace(inputs, embedded=opened_file.embedded_depth(request.opened_file, inputs.picture))
    result = run(request.operation, options, inputs, progress)
    if (found := guard.fault(lambda: inputs.picture, result)) is not None:
        with _full_precision():
            result = run(request.operation, options, inputs, progress)
        if (again := guard.fault(lambda: inputs.picture, result)) is not None:
            raise BadResultError(
                f"The computation failed: {again}.",
                hint=f"It was tried twice (first: {found}). `dioptre doctor` checks this machine.",
            )
    return replace(result, messages=(*result.messages, _REPAIRED)) if repaired else result


def write(request: Request, result: Result, prefix: str, progress: Progress) -> list[Written]:
    """Write the wanted layers as `prefix`-0.raw and so on; leaves no file behind when it raises."""
    written: list[Written] = []
    try:
        for layer in result.layers:
            if request.roles is not None and layer.role not in request.roles:
                continue
            progress(1.0, "Handing over the layers")
            layout = request.colour_format
            if len(layer.shape) == 2:
                layout = PixelFormat(request.depth_dtype, channels=1)
            height, width = layer.shape[:2]
            target = Pixels(f"{prefix}-{len(written)}.raw", width, height, layout)
            written.append(Written(layer.name, layer.role, layer.visible, target))
            with request.folder.create(target.file, target.nbytes) as file:
                read = layer.reader()
                for rows in row_slices(height):
                    pixels.write_layer(file, read(rows), layout)
    except BaseException:
        for each in written:
            request.folder.delete(each.pixels.file)
        raise
    return written


def kept(request: Request, result: Result) -> dict[str, Kept]:
    """The layers of `result` that the client wants kept, by their names."""
    return {request.keep[each.role]: Kept(each.pixels) for each in result.layers if each.role in request.keep}


def _inputs(request: Request, full: tuple[int, int], size: tuple[int, int]) -> tuple[Inputs, bool]:
    arrays: dict[str, Any] = {}
    repaired = False
    for name, given in request.inputs.items():
        loaded = given if isinstance(given, Kept) else load(request.folder, name, given)
        if name is Input.DISPARITY and request.unpainted:
            loaded = _with_exact_values(request, loaded)
        if request.preview_px is None and not _fits(request, name, loaded, full):
            height, width = loaded.values.shape[:2]
            raise UsageError(
                f"The {name.value} has {width} x {height} pixels, the picture {full[1]} x {full[0]}.",
                hint="Both must have the same size.",
            )
        pixels_at_size = loaded.at(size)
        if name is Input.SUBJECT and pixels_at_size.ndim == 3:  # a subject layer that was kept: its coverage
            pixels_at_size = np.ascontiguousarray(pixels_at_size[..., -1])
        arrays[name.value] = pixels_at_size
        repaired |= loaded.repaired
        if name is Input.PICTURE:
            arrays["kept"] = loaded.beside(size)
    return Inputs(**arrays, draft=request.draft), repaired


def _fits(request: Request, name: Input, loaded: Kept, full: tuple[int, int]) -> bool:
    """Whether an input has the picture's size; steps that enlarge also take a depth as large as they made."""
    shape = loaded.values.shape[:2]
    if shape == full or name is not Input.DISPARITY:
        return shape == full
    steps = steps_of(request.operation, request.options)
    scale = math.prod(float(options.get("scale", 1)) for _, options in steps) if len(steps) > 1 else 1.0
    return all(abs(side - scale * own) <= scale * len(steps) for side, own in zip(shape, full, strict=True)) and (
        scale > 1
    )


def _with_exact_values(request: Request, now: Kept) -> Kept:
    """The disparity a layer of few bits was made from, but where it no longer shows what it showed then."""
    given = [request.unpainted[name] for name in UNPAINTED if name in request.unpainted]
    planes = [load(request.folder, Input.DISPARITY, each) for each in given]
    if len(planes) != len(UNPAINTED) or any(plane.values.shape != now.values.shape for plane in planes):
        raise UsageError(f"{' and '.join(UNPAINTED)} must both be there, at the depth layer's size.")
    shown, exact = planes
    return Kept(np.where(now.values == shown.values, exact.values, now.values), now.repaired or exact.repaired)


def _full_precision() -> AbstractContextManager[Any]:
    """float32 in every product, where a device would take a shorter type."""
    if "jax" not in sys.modules:
        return nullcontext()
    import jax

    context: AbstractContextManager[Any] = jax.default_matmul_precision("highest")
    return context
