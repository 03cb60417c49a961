"""Run a recipe for the command line, with results equal to those of its own process."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dioptre.caching.choice import step_cache
from dioptre.contract import EmbeddedDepth, FieldOfView, Inputs, Layer, Progress, Result, row_slices
from dioptre.models.precision import recorded_precision
from dioptre.recipes import memory
from dioptre.recipes.follow import follow
from dioptre.runtime import own_settings
from dioptre_link.chain import CHAIN
from dioptre_link.errors import DioptreError
from dioptre_link.language import outgoing
from dioptre_link.recipe import VERSION, Recipe
from dioptre_link.wire import PixelFormat, Pixels

from . import pixels
from .exchange import Folder

MOST_LAYERS = 16  # as many as the message `result` can hold
_PLANES = ("disparity", "selection", "embedded", "confidence")


def followed(
    folder: Folder, message: Mapping[str, Any], prefix: str, progress: Progress
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Run the steps of the message `follow` as `recipes.on_file` does, and write the layers, `prefix`-0.raw first.

    Returns:
        The files, and the fields of the message `result`.

    Raises:
        OutOfMemoryError: there is not enough memory.
        UsageError: a step or an option is invalid, or an input is missing.
        DioptreError: a step failed, or the result cannot be transferred.
    """
    recipe = Recipe.from_dict({"version": VERSION, "steps": list(message["steps"])})
    picture = message["inputs"]["picture"]
    memory.check(CHAIN, {"title": "", "steps": list(message["steps"])}, (picture.height, picture.width))
    with own_settings():
        inputs = [_inputs(folder, message)]
        result = follow(recipe, inputs.pop, progress=progress)
    if result.film is not None or len(result.layers) > MOST_LAYERS:
        raise DioptreError("The worker cannot transfer this result.", code="exchange")
    files = tuple(f"{prefix}-{number}.raw" for number in range(len(result.layers)))
    layers = _written(folder, files, result, progress)
    return files, {
        "layers": layers,
        "values": outgoing(dict(result.values)),
        "messages": list(result.messages),
        "models": dict(result.models),
        "precision": recorded_precision(result.models) if result.models else "",
    }


def _inputs(folder: Folder, message: Mapping[str, Any]) -> Inputs:
    arrays: dict[str, Any] = {}
    for name, given in message["inputs"].items():
        with folder.open_pixels(given) as file:
            arrays[name] = (pixels.read_plane if name in _PLANES else pixels.read_picture)(file, given)
    embedded, confidence = arrays.pop("embedded", None), arrays.pop("confidence", None)
    if embedded is not None:
        arrays["embedded"] = EmbeddedDepth(
            disparity=embedded,
            range_per_m=message["embedded_range_per_m"],
            confidence=confidence,
            kind=message["embedded_kind"] or "",
        )
    if message["focal_diagonals"] is not None:
        arrays["field_of_view"] = FieldOfView(
            focal_diagonals=message["focal_diagonals"], source=message["focal_source"] or ""
        )
    return Inputs(
        **arrays, range_per_m=message["range_per_m"], all_layers=message["all_layers"], cache=step_cache()
    )


def _written(folder: Folder, files: tuple[str, ...], result: Result, progress: Progress) -> list[dict[str, Any]]:
    """Write the layers, several at a time because some are only computed now; leave no files behind on an error."""

    def write(name: str, layer: Layer) -> dict[str, Any]:
        height, width = layer.shape[:2]
        channels = 1 if len(layer.shape) == 2 else layer.shape[2]
        target = Pixels(name, width, height, PixelFormat("f32", channels=channels))
        with folder.create(name, target.nbytes) as file:
            read = layer.reader()
            for rows in row_slices(height):
                progress(1.0, "Done")  # raises Cancelled if the command has ended
                pixels.write_layer(file, read(rows), target.format)
        told = {"name": layer.name, "role": layer.role.value, "visible": layer.visible}
        return {**told, "pixels": target.to_dict()}

    try:
        with ThreadPoolExecutor() as threads:
            return list(threads.map(write, files, result.layers))
    except BaseException:
        for name in files:
            folder.delete(name)
        raise
