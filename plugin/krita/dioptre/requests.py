"""Builds the preview's request for the layer that the docker shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from . import recipe
from .dioptre_link.buffers import Buffer
from .dioptre_link.client import Worker
from .dioptre_link.editing.events import Image, Step, Steps
from .dioptre_link.editing.request import Given, Request
from .dioptre_link.editing.state import State
from .dioptre_link.editing.traits import looks_into_file, takes_depth, takes_selection
from .dioptre_link.wire import PixelFormat
from .link import DEPTH_WIRE, SELECTION_WIRE, upload, upload_depth, without_alpha
from .sources import Picture, Source
from .targets import Target

LONGEST_PX = 512  # Longest side of a preview in pixels: twice the width of a docker, and quick to blur.
FORMAT = PixelFormat("u8", 4, "bgr")  # Byte order of QImage's ARGB32.


def node_of(target: Target) -> str:
    """Return the id by which the record refers to the target's picture."""
    return recipe.node_id(target.document, target.picture)


def request_of(state: State, source: Source) -> Request:
    """Return the request for the worker. Pixels are uploaded only when the worker needs them."""
    picture, depth, selection = source.picture, source.depth, source.selection
    inputs = {"picture": Given(key=_Same(picture), upload=lambda worker: _uploading(worker, picture))}
    if depth is not None and takes_depth(state.operation):
        inputs["disparity"] = Given(key=_Same(depth), upload=lambda worker: _uploading_depth(worker, depth))
    if selection is not None and takes_selection(state.operation):
        key = (_Same(picture), selection)
        inputs["selection"] = Given(key=key, upload=lambda worker: _uploading_selection(worker, picture, selection))
    return Request(
        operation=state.operation,
        options=state.options,
        inputs=inputs,
        size=(picture.rect.width, picture.rect.height),
        longest_px=LONGEST_PX,
        opened_file=source.opened_file if looks_into_file(state.operation) else None,
        place=state.place,
        crop=lambda worker, part: _cropped(worker, source, part),
        depth_metres=source.depth_metres,
    )


def with_depth_image(request: Request, source: Source) -> Request:
    """Add a small image of the depth layer to the request. This is too slow for the GUI thread."""
    if source.depth is None or "disparity" not in request.inputs:
        return request
    return replace(request, depth_image=_small_depth(source.depth))


class _Same:
    """Key for one reading of a layer: equal only to a key for the same object, which it keeps alive."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._picture is self._picture

    def __hash__(self) -> int:
        return id(self._picture)


def _uploading(worker: Worker, picture: Picture) -> Steps[Buffer]:
    yield Step(fraction=0.0, phase="Transferring the picture")
    return upload(worker, picture)


def _uploading_depth(worker: Worker, depth: Picture) -> Steps[Buffer]:
    yield Step(fraction=0.0, phase="Transferring the picture")
    return upload_depth(worker, depth)


def _uploading_selection(worker: Worker, picture: Picture, selection: bytes) -> Steps[Buffer]:
    yield Step(fraction=0.0, phase="Transferring the picture")
    buffer = worker.new_buffer(picture.rect.width, picture.rect.height, SELECTION_WIRE)
    buffer.write_rows(0, selection)
    return buffer


def _cropped(worker: Worker, source: Source, part: tuple[int, int, int, int]) -> Mapping[str, Buffer]:
    width, height = part[2:]
    picture, depth = source.picture, source.depth
    inputs = {"picture": worker.new_buffer(width, height, picture.format)}
    inputs["picture"].write_rows(0, picture.raster.part(part, picture.format.pixel_bytes))
    if depth is not None:
        inputs["disparity"] = worker.new_buffer(width, height, DEPTH_WIRE)
        inputs["disparity"].write_rows(0, without_alpha(depth.raster.part(part, 8)))
    return inputs


def _small_depth(depth: Picture) -> Image:
    """Return every n-th grey value of a depth layer as 8-bit values."""
    width, height = depth.rect.width, depth.rect.height
    step = max(1, -(-max(width, height) // LONGEST_PX))
    rows = []
    for y in range(0, height, step):
        row = memoryview(depth.raster.rows(y, 1)).cast("f")[:: 2 * step]
        rows.append(bytes(min(255, max(0, round(255 * value))) for value in row))
    return Image(width=len(rows[0]), height=len(rows), channels=1, data=b"".join(rows))
