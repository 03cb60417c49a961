"""Execute a request: read the inputs, reduce them for a preview, run the operation, and check the result."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dioptre import photo
from dioptre.caching import choice, names
from dioptre.caching.caches import MemoryCache
from dioptre.contract import EmbeddedDepth, FieldOfView, Inputs, Progress, Result, StepCache, row_slices
from dioptre.imaging.numbers import LUMA
from dioptre.imaging.resize import fitted_size, resize
from dioptre.models.registry import chosen_depth_network
from dioptre.photo import DepthInFile, apart
from dioptre.photo.metadata import field_of_view
from dioptre.recipes import apply, memory
from dioptre.recipes.apply import BadResultError, without_idle_alpha
from dioptre.recipes.limit import blended, within
from dioptre_link.catalogue.depth import BEST, depth_choices, may_use_cameras, network_of
from dioptre_link.catalogue.lens import LensOptions
from dioptre_link.errors import Cancelled, DioptreError, UsageError
from dioptre_link.language import Message
from dioptre_link.metres import DepthMetres
from dioptre_link.operation import Input, Role
from dioptre_link.records import BEST_NETWORK
from dioptre_link.wire import PixelFormat, Pixels

from . import pixels
from .exchange import Folder
from .request import BEFORE, UNPAINTED, Kept, Request

Run = Callable[[str, Mapping[str, Any], Inputs, Progress], Result]
"""Function that runs an operation, given its name, checked options, inputs and progress."""

_LOADED_BYTES = 40  # peak number of bytes per pixel while loading: float32 RGBA, a repaired copy, and bands
_WHOLE_PIXELS = 50_000_000  # pictures with more pixels are reduced before the networks process them for a preview
_PLANES = (Role.DEPTH, Role.CONFIDENCE)
_REPAIRED = Message("Some pixels were NaN or infinite and were replaced.")
_COMPARED_PX = (48, 48)
# Smallest correlation between thumbnails of the file and of the editor's picture at which they count as the same
# picture; colour edits preserve the correlation, crops and rotations do not.
_ALIKE = 0.9
_log = logging.getLogger(__name__)


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
    """Read pixels from a file of the exchange folder."""
    kept = memory.reserved((given.height, given.width), bytes_per_pixel=_LOADED_BYTES)
    digest = ""
    with folder.open_pixels(given) as file, kept:
        if as_input is Input.PICTURE:
            if choice.is_on():
                digest = names.digest_of_file(file.fileno(), str(given.to_dict() | {"file": ""}))
            read = without_idle_alpha(pixels.read_picture(file, given))
        elif as_input is Input.LAYER:
            read = pixels.read_picture(file, given)
        else:
            read = pixels.read_plane(file, given)
        values, repaired = apply.repaired(read)
    return Kept(values, repaired, digest)


def execute(request: Request, run: Run, progress: Progress) -> Result:
    """Run the requested operation and return its result; raise DioptreError if it fails, Cancelled if cancelled."""
    framed_by = request.described.framed_by
    if not framed_by:
        return _executed(request, run, progress)
    picture, key = request.inputs[Input.PICTURE], _film_key(request)
    known = picture.film if isinstance(picture, Kept) else None
    result = known[1] if known is not None and known[0] == key else _executed(request, run, progress)
    assert result.film is not None
    if isinstance(picture, Kept):
        picture.film = key, result
    return replace(result, layers=result.film.layers(request.options[framed_by]))


def _film_key(request: Request) -> Any:
    """Return what identifies a film among those of its picture: everything else in its request but the frame."""
    options = {name: value for name, value in request.options.items() if name != request.described.framed_by}
    inputs = {name: given for name, given in request.inputs.items() if name is not Input.PICTURE}
    return options, inputs, request.unpainted, request.preview_px, request.opened_file, request.depth_metres


def _executed(request: Request, run: Run, progress: Progress) -> Result:
    full = request.picture_size()
    size = full if request.preview_px is None else fitted_size(full, longest_px=request.preview_px)
    memory.check(request.operation, request.options, size)
    progress(0.0, "Reading the picture")
    request = _without_own_estimate(request)
    loaded = _loaded(request, full)
    options, inputs = request.options, _inputs(request, loaded, size)
    if size != full:
        options = request.described.scaled(options, size[1] / full[1])
        inputs = _with_whole(request, inputs, loaded[Input.PICTURE])
    inputs = replace(
        inputs,
        embedded=_embedded(request, inputs, progress),
        field_of_view=_field_of_view(request, full, progress),
    )
    inputs = _with_metres(inputs, request.depth_metres)
    selection = inputs.selection
    if request.described.limitable:  # editors mask the layer of the result with the selection
        inputs = replace(inputs, selection=None)
    result = run(request.operation, options, inputs, progress)
    if (found := apply.fault(lambda: inputs.picture, result)) is not None:
        with _full_precision():
            result = run(request.operation, options, replace(inputs, whole=None), progress)
        if (again := apply.fault(lambda: inputs.picture, result)) is not None:
            raise BadResultError(
                "The computation failed: {again}.",
                hint="Both attempts failed (the first: {found}). Run `dioptre doctor` to check this machine.",
                again=again,
                found=found,
            )
    if request.described.limitable and request.preview_px is not None:
        result = blended(result, inputs, selection=selection)
    elif request.described.limitable and selection is not None:
        result = within(result, selection)
    repaired = any(each.repaired for each in loaded.values())
    return replace(result, messages=(*result.messages, _REPAIRED)) if repaired else result


def _with_whole(request: Request, inputs: Inputs, picture: Kept) -> Inputs:
    """Add the whole picture to a preview's inputs, so that the networks' outputs also serve the final result.

    It is omitted if the picture is so large that the user would have to wait, or if there is not enough memory.
    """
    full = request.picture_size()
    if full[0] * full[1] > _WHOLE_PIXELS:
        return inputs
    try:
        memory.check(request.operation, request.options, full)
    except memory.OutOfMemoryError:
        return inputs
    _name(inputs.cache, picture.values, picture)
    return replace(inputs, whole=picture.values)


def _with_metres(inputs: Inputs, metres: DepthMetres | None) -> Inputs:
    """Add the metres of a given depth layer; the file's angle of view, if known, is the more reliable one."""
    if inputs.disparity is None or metres is None:
        return inputs
    view = inputs.field_of_view
    if view is None and metres.equivalent_mm is not None:
        view = FieldOfView.of_equivalent(metres.equivalent_mm, source=metres.source)
    return replace(inputs, range_per_m=metres.range_per_m, field_of_view=view)


def _embedded(request: Request, inputs: Inputs, progress: Progress) -> EmbeddedDepth | None:
    """Read the camera's depth from the opened file if the request needs it."""
    looks = any(may_use_cameras(options) for _, options in request.steps)
    if not (request.opened_file and looks) or inputs.disparity is not None:
        return None
    return embedded_depth(
        request.opened_file,
        inputs.full_picture,
        check=lambda: progress(0.0, "Reading the picture"),
    )


def embedded_depth(path: str, picture: np.ndarray, *, check: apart.Check = apart.no_check) -> EmbeddedDepth | None:
    """Read the depth map from the file at `path` if the file still matches the picture.

    The editor's picture may have been cropped, rotated or changed beyond recognition since it was opened; the
    file's depth does not apply to it then. A missing or damaged file has no depth.

    Args:
        path: path of the opened file.
        picture: (H, W, 3 or 4), sRGB-encoded.
        check: called while the file is read; may raise Cancelled.
    """
    reader = apart.reader()
    try:
        embedded = reader.read_embedded_depth(Path(path), check=check)
        if embedded is None:
            return None
        opened = photo.load(Path(path), decoding=partial(reader.decoding, check=check)).pixels
    except Cancelled:
        raise
    except DioptreError as error:
        _log.info("no depth from the opened file: %s", error)
        return None
    if not _alike(opened, picture):
        _log.info("the opened file no longer shows the picture")
        return None
    return embedded


def _alike(first: np.ndarray, second: np.ndarray) -> bool:
    if abs(np.log(first.shape[0] * second.shape[1] / (first.shape[1] * second.shape[0]))) > 0.02:
        return False
    a, b = (resize(image[..., :3] @ LUMA, _COMPARED_PX, method="area").ravel() for image in (first, second))
    if min(a.std(), b.std()) < 1e-4:
        return False
    return float(np.corrcoef(a, b)[0, 1]) > _ALIKE


def _field_of_view(request: Request, full: tuple[int, int], progress: Progress) -> FieldOfView | None:
    """Read the picture's angle of view from the opened file if an option depends on it; None if it is unknown.

    It is unknown if the picture is a crop of the file, or if the file is missing or damaged.
    """
    if not request.opened_file or not any(_needs_field_of_view(options) for _, options in request.steps):
        return None
    try:
        source = apart.reader().describe(
            Path(request.opened_file), check=lambda: progress(0.0, "Reading the picture")
        )
    except Cancelled:
        raise
    except DioptreError as error:
        _log.info("no lens from the opened file: %s", error)
        return None
    return field_of_view(source.exif, full)


def _needs_field_of_view(options: Mapping[str, Any]) -> bool:
    """Return whether the options use a real lens or a network that estimates metres."""
    if LensOptions.of(options).selects_lens:
        return True
    if (network := network_of(options)) is None:
        return False
    traits = chosen_depth_network(network).depth
    return traits is not None and traits.metric


def export(
    folder: Folder, file: Path, inputs: Mapping[Input, Pixels], metres: DepthMetres | None, progress: Progress
) -> tuple[str, ...]:
    """Write a picture and its depth to a JPEG, without other metadata; replace an existing file.

    Returns:
        Messages for the user.

    Raises:
        UsageError: the sizes differ.
        UnwritableFile: the file is not a JPEG or cannot be written.
    """
    picture, disparity = inputs[Input.PICTURE], inputs[Input.DISPARITY]
    if (disparity.width, disparity.height) != (picture.width, picture.height):
        raise UsageError("The depth map and the picture differ in size.", hint="Both must be the same size.")
    progress(0.0, "Reading the picture")
    shown, depth = load(folder, Input.PICTURE, picture), load(folder, Input.DISPARITY, disparity)
    progress(0.5, "Writing the result")
    inside = DepthInFile(disparity=depth.values, range_per_m=None if metres is None else metres.range_per_m)
    return photo.save(shown.values, file, depth=inside, force=True)


def values_of(request: Request, result: Result) -> dict[str, Any]:
    """Return the values that a job decided, including the network that was used for the depth model "best".

    The document's record then names a specific network, as a recipe of the command line does.
    """
    if all(network_of(options) != BEST for _, options in request.steps):
        return dict(result.values)
    return {**result.values, BEST_NETWORK: chosen_depth_network(BEST).id}


def write(request: Request, result: Result, prefix: str, progress: Progress) -> list[Written]:
    """Write the requested layers as `prefix`-0.raw and so on; leave no files behind if an error occurs.

    Masks have 8 bits, as in Krita.
    """
    written: list[Written] = []
    try:
        for layer in result.layers:
            if request.roles is not None and layer.role not in request.roles:
                continue
            progress(1.0, "Transferring the layers")
            layout = request.colour_format
            if len(layer.shape) == 2:
                layout = PixelFormat("u8" if layer.role is Role.MASK else request.depth_dtype, channels=1)
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
    """Return the result's layers that the client wants to keep, by name."""
    estimate = "" if Input.DISPARITY in request.inputs else _estimate_name(request)
    return {
        request.keep[each.role]: Kept(each.pixels, estimate=estimate if each.role is Role.DEPTH else "")
        for each in result.layers
        if each.role in request.keep
    }


def _without_own_estimate(request: Request) -> Request:
    """Remove the depth of a request that needs a subject or a metric scale if the operation would estimate it.

    Clients pass back the depth that an earlier preview estimated, at the preview's size. The depth of the full-size
    picture, which is in the step cache, leads to the same subject as in the final result, and has a metric scale.
    """
    given = request.inputs.get(Input.DISPARITY)
    own = isinstance(given, Kept) and given.estimate and given.estimate == _estimate_name(request)
    finds = Input.SUBJECT in request.described.optional_inputs
    in_metres = LensOptions.of(request.options).selects_lens
    if not own or not (finds or in_metres) or Input.SUBJECT in request.inputs or not choice.is_on():
        return request
    inputs = dict(request.inputs)
    del inputs[Input.DISPARITY]
    return replace(request, inputs=inputs)


def _estimate_name(request: Request) -> str:
    """Return a name that identifies the depth of this request's picture; "" if the picture has no digest."""
    picture = request.inputs[Input.PICTURE]
    if not isinstance(picture, Kept) or not picture.digest:
        return ""
    chosen = depth_choices(request.options)
    return f"{picture.digest} {' '.join(map(str, chosen))} {request.opened_file}"


def _loaded(request: Request, full: tuple[int, int]) -> dict[Input, Kept]:
    """Load the inputs at their original size."""
    loaded: dict[Input, Kept] = {}
    for name, given in request.inputs.items():
        kept = given if isinstance(given, Kept) else load(request.folder, name, given)
        if name is Input.DISPARITY and any(each in request.unpainted for each in UNPAINTED):
            kept = _with_exact_values(request, kept)
        if request.preview_px is None and not _fits(request, name, kept, full):
            height, width = kept.values.shape[:2]
            raise UsageError(
                "The {name} has {width} x {height} pixels, the picture {full_width} x {full_height}.",
                hint="Both must be the same size.",
                name=name.value,
                width=width,
                height=height,
                full_width=full[1],
                full_height=full[0],
            )
        loaded[name] = kept
    if BEFORE in request.unpainted and (now := loaded.get(Input.DISPARITY)) is not None:
        from dioptre.features.depth import snapped_strokes  # here, because the worker's start does without it

        before = load(request.folder, Input.DISPARITY, request.unpainted[BEFORE])
        loaded[Input.DISPARITY] = Kept(snapped_strokes(loaded[Input.PICTURE].values, now.values, before.values))
    return loaded


def _inputs(request: Request, loaded: Mapping[Input, Kept], size: tuple[int, int]) -> Inputs:
    """Resize the loaded inputs to `size`."""
    cache = choice.step_cache() if choice.is_on() else MemoryCache(loaded[Input.PICTURE].steps)
    arrays: dict[str, Any] = {}
    for name, each in loaded.items():
        pixels_at_size = each.at(size)
        if name is Input.SUBJECT and pixels_at_size.ndim == 3:  # a layer, whose alpha is the coverage
            pixels_at_size = np.ascontiguousarray(pixels_at_size[..., -1])
        arrays[name.value] = pixels_at_size
        if name is Input.PICTURE:
            arrays["kept"] = each.beside(size)
            _name(cache, pixels_at_size, each)
    return Inputs(**arrays, draft=request.draft, preview=request.preview_px is not None, cache=cache)


def _name(cache: StepCache, pixels_at_size: np.ndarray, picture: Kept) -> None:
    """Name `pixels_at_size` in the cache, by the picture's digest if the cache is shared by several pictures."""
    if picture.digest or isinstance(cache, MemoryCache):
        height, width = pixels_at_size.shape[:2]
        cache.name(pixels_at_size, f"{picture.digest} {height}x{width}")


def _fits(request: Request, given: Input, loaded: Kept, full: tuple[int, int]) -> bool:
    """Return whether an input has the picture's size, or is depth of the size that a recipe's steps enlarge to."""
    shape = loaded.values.shape[:2]
    if shape == full or given is not Input.DISPARITY:
        return shape == full
    steps = request.steps
    scale = math.prod(step.scale(options) for step, options in steps) if len(steps) > 1 else 1.0
    return all(abs(side - scale * own) <= scale * len(steps) for side, own in zip(shape, full, strict=True)) and (
        scale > 1
    )


def _with_exact_values(request: Request, now: Kept) -> Kept:
    """Return the exact disparity behind a depth layer with few bits, except where the user has painted on it."""
    given = [request.unpainted[name] for name in UNPAINTED if name in request.unpainted]
    planes = [load(request.folder, Input.DISPARITY, each) for each in given]
    if len(planes) != len(UNPAINTED) or any(plane.values.shape != now.values.shape for plane in planes):
        raise UsageError(
            "{unpainted} must both be given, with the size of the depth layer.", unpainted=" and ".join(UNPAINTED)
        )
    shown, exact = planes
    return Kept(np.where(now.values == shown.values, exact.values, now.values), now.repaired or exact.repaired)


def _full_precision() -> AbstractContextManager[Any]:
    """Compute matrix products in full float32, even if the device uses a lower precision by default."""
    if "jax" not in sys.modules:
        return nullcontext()
    import jax

    return jax.default_matmul_precision("highest")
