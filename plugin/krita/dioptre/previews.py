"""Quick previews: the picture stays in the worker, each change of an option asks for one small result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .dioptre_link.client import Result, Stored, Worker, WorkerLostError
from .dioptre_link.operations import Input, Operation, Role
from .dioptre_link.wire import PixelFormat
from .link import Report, Ticket, upload, upload_depth
from .sources import Picture

LONGEST_PX = 512  # fits a docker twice over, and is quick to blur
FORMAT = PixelFormat("u8", 4, "bgr")  # what QImage calls ARGB32


@dataclass(frozen=True)
class Image:
    """8-bit rows: blue, green, red, alpha; or one grey channel."""

    width: int
    height: int
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Request:
    """One preview. place: for enlargements, the point to look at, as shares of the picture."""

    described: Operation
    options: Mapping[str, Any]
    picture: Picture
    depth: Picture | None
    place: tuple[float, float] = (0.5, 0.5)


@dataclass(frozen=True, kw_only=True)
class Shown:
    request: Request
    after: Image | None = None
    depth: Image | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


class Previews:
    """What the worker keeps for the previews of one picture. Used on one thread."""

    def __init__(self) -> None:
        self._picture: Picture | None = None
        self._given: Picture | None = None  # the depth layer that `_depth` is, if it is one
        self._stored: Stored | None = None
        self._depth: Stored | None = None
        self._shown_depth: Image | None = None

    def make(self, request: Request, worker: Worker, ticket: Ticket, report: Report) -> Shown:
        """On the thread. A worker that ended in the meantime is started again, once."""
        report(0.0, "Starting Dioptre")
        worker.connect()
        try:
            return self._make(request, worker, ticket, report)
        except WorkerLostError:
            self._picture = self._stored = self._depth = None
            worker.connect()
            return self._make(request, worker, ticket, report)

    def _make(self, request: Request, worker: Worker, ticket: Ticket, report: Report) -> Shown:
        described = request.described
        if any(parameter.name == "scale" for parameter in described.parameters):
            return _enlarged(request, worker, ticket, report)
        if request.picture is not self._picture or self._stored is None:
            with upload(worker, request.picture) as buffer:
                self._stored = worker.store("photo", "picture", buffer)
            self._picture, self._given, self._depth = request.picture, None, None
        if self._depth is None or request.depth is not self._given:
            self._take_depth(request, worker, ticket, report)
        if Role.RESULT not in described.outputs:
            return Shown(request=request, depth=self._shown_depth)
        assert self._depth is not None
        inputs: dict[str, Any] = {"picture": self._stored}
        if Input.DISPARITY in (*described.inputs, *described.optional_inputs):
            inputs["disparity"] = self._depth
        job = worker.submit(
            described.name,
            request.options,
            inputs,
            colour_format=FORMAT,
            roles=[Role.RESULT],
            preview_px=LONGEST_PX,
        )
        result = ticket.follow(job, report)
        after = _image(result, Role.RESULT)
        return Shown(
            request=request, after=after, depth=self._shown_depth, values=result.values, messages=result.messages
        )

    def _take_depth(self, request: Request, worker: Worker, ticket: Ticket, report: Report) -> None:
        assert self._stored is not None
        inputs: dict[str, Any] = {"picture": self._stored}
        if request.depth is not None:
            with upload_depth(worker, request.depth) as buffer:
                self._depth = worker.store("depth-layer", "disparity", buffer)
            self._shown_depth = _small_depth(request.depth)
        else:
            options = {
                parameter.name: request.options[parameter.name]
                for parameter in request.described.parameters
                if parameter.group == "Depth" and parameter.name in request.options
            }
            job = worker.submit(
                "depth",
                options,
                inputs,
                depth_dtype="u8",
                roles=[Role.DEPTH],
                keep={Role.DEPTH: "depth"},
                preview_px=LONGEST_PX,
            )
            self._shown_depth = _image(ticket.follow(job, report), Role.DEPTH)
            self._depth = worker.stored("depth")
        self._given = request.depth

    def forget_depth(self) -> None:
        """An option of the depth itself was changed."""
        self._depth = None


def _image(result: Result, role: Role) -> Image:
    try:
        buffer = next(layer.buffer for layer in result.layers if layer.role is role)
        return Image(buffer.pixels.width, buffer.pixels.height, buffer.read_rows(0, buffer.pixels.height))
    finally:
        result.delete()


def _small_depth(depth: Picture) -> Image:
    """Every n-th grey value of a depth layer, in 8 bits."""
    width, height = depth.rect.width, depth.rect.height
    step = max(1, -(-max(width, height) // LONGEST_PX))
    grey = memoryview(depth.data).cast("f")
    rows = []
    for y in range(0, height, step):
        row = grey[2 * y * width : 2 * (y + 1) * width : 2 * step]
        rows.append(bytes(min(255, max(0, round(255 * value))) for value in row))
    return Image(len(rows[0]), len(rows), b"".join(rows))


def _enlarged(request: Request, worker: Worker, ticket: Ticket, report: Report) -> Shown:
    """One place of the picture, as large as it will be."""
    picture, scale = request.picture, float(request.options["scale"])
    full = picture.rect
    width = max(1, min(full.width, int(LONGEST_PX / scale)))
    height = max(1, min(full.height, int(LONGEST_PX / scale * 2 / 3)))
    left = min(max(round(request.place[0] * full.width - width / 2), 0), full.width - width)
    top = min(max(round(request.place[1] * full.height - height / 2), 0), full.height - height)
    size = picture.format.pixel_bytes
    with worker.new_buffer(width, height, picture.format) as buffer:
        rows = []
        for y in range(top, top + height):
            start = (y * full.width + left) * size
            rows.append(picture.data[start : start + width * size])
        buffer.write_rows(0, b"".join(rows))
        job = worker.submit(
            request.described.name, request.options, {"picture": buffer}, colour_format=FORMAT, roles=[Role.RESULT]
        )
        result = ticket.follow(job, report)
        after = _image(result, Role.RESULT)
    return Shown(request=request, after=after, values=result.values, messages=result.messages)
