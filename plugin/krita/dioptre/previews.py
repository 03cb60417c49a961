"""Quick previews: the picture stays in the worker, each change of an option asks for one small result."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from .dioptre_link.client import Result, Stored, Worker, WorkerLostError
from .dioptre_link.operations import Input, Kind, Operation, Role
from .dioptre_link.wire import PixelFormat
from .link import DEPTH_WIRE, SELECTION_WIRE, Report, Ticket, upload, upload_depth, without_alpha
from .raster import Raster
from .sources import Picture

LONGEST_PX = 512  # fits a docker twice over, and is quick to blur
FORMAT = PixelFormat("u8", 4, "bgr")  # what QImage calls ARGB32
COARSE_PX = 64  # to see whether a subject is of one piece
MANY_SUBJECTS = 8  # kept in the worker for one picture, by where they were clicked

Point = tuple[float, float]


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
    selection: bytes | None = None
    place: Point = (0.5, 0.5)
    opened_file: str | None = None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a preview shows.

    before: the same part of the picture as `after`, where that is not all of it. part: which one: left, top, width,
    height as shares of the sides. depth_before: what a depth was made from.
    """

    request: Request
    after: Image | None = None
    before: Image | None = None
    part: tuple[float, float, float, float] | None = None
    depth: Image | None = None
    depth_before: Image | None = None
    confidence: Image | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Subject:
    """A subject that the worker keeps. coverage: 8-bit values."""

    name: str
    coverage: Image
    messages: tuple[str, ...]


class Previews:
    """What the worker keeps for the previews of one picture. Used on one thread."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._picture: Picture | None = None
        self._given: Picture | None = None  # the depth layer that `_depth` is, if it is one
        self._estimated_with: Mapping[str, Any] = {}
        self._stored: Stored | None = None
        self._depth: Stored | None = None
        self._shown_depth: Image | None = None
        self._subjects: dict[Point | None, _Subject] = {}

    def make(self, request: Request, worker: Worker, ticket: Ticket, report: Report) -> Shown:
        """On the thread. A worker that ended in the meantime is started again, once."""
        report(0.0, "Starting Dioptre")
        worker.connect()
        try:
            return self._make(request, worker, ticket, report)
        except WorkerLostError:
            self._forget()
            worker.connect()
            return self._make(request, worker, ticket, report)

    def _make(self, request: Request, worker: Worker, ticket: Ticket, report: Report) -> Shown:
        described = request.described
        if any(parameter.name == "scale" for parameter in described.parameters):
            return _enlarged(request, worker, ticket, report)
        if request.picture is not self._picture or self._stored is None:
            self._forget()
            with upload(worker, request.picture) as buffer:
                self._stored = worker.store("photo", "picture", buffer)
            self._picture = request.picture
        if Role.RESULT not in described.outputs:
            return self._depth_alone(request, worker, ticket, report)
        self._take_depth(request, worker, ticket, report)
        inputs: dict[str, Any] = {"picture": self._stored}
        if self._depth is not None:
            inputs["disparity"] = self._depth
        keep: dict[Role, str] = {}
        subject = None
        if Input.SUBJECT in described.optional_inputs:
            point = _point(request)
            subject = self._subjects.get(point) or self._clicked_subject(point, request.picture)
            if subject is not None:
                self._subjects[point] = subject
                inputs["subject"] = worker.stored(subject.name)
            else:
                keep[Role.SUBJECT] = f"subject-{len(self._subjects) % MANY_SUBJECTS}"
        job = worker.submit(
            described.name,
            request.options,
            inputs,
            colour_format=FORMAT,
            roles=[Role.RESULT, *keep],
            keep=keep,
            preview_px=LONGEST_PX,
            opened_file=request.opened_file,
        )
        result = ticket.follow(job, report)
        images = _images(result)
        messages = result.messages
        if keep and (cut_out := images.get(Role.SUBJECT)) is not None:
            coverage = Image(cut_out.width, cut_out.height, cut_out.data[3::4])
            found = _Subject(name=keep[Role.SUBJECT], coverage=coverage, messages=messages)
            self._subjects = {at: one for at, one in self._subjects.items() if one.name != found.name}
            self._subjects[_point(request)] = found
        elif subject is not None:
            messages = (*subject.messages, *(one for one in messages if one not in subject.messages))
        return Shown(
            request=request,
            after=images.get(Role.RESULT),
            depth=self._shown_depth,
            values=result.values,
            messages=messages,
        )

    def _depth_alone(self, request: Request, worker: Worker, ticket: Ticket, report: Report) -> Shown:
        """Of an operation whose result is a depth layer."""
        inputs: dict[str, Any] = {"picture": self._stored}
        with ExitStack() as files:
            before = None
            if request.depth is not None:
                inputs["disparity"] = files.enter_context(upload_depth(worker, request.depth))
                before = _small_depth(request.depth)
            if request.selection is not None:
                rect = request.picture.rect
                selected = files.enter_context(worker.new_buffer(rect.width, rect.height, SELECTION_WIRE))
                selected.write_rows(0, request.selection)
                inputs["selection"] = selected
            job = worker.submit(
                request.described.name,
                request.options,
                inputs,
                depth_dtype="u8",
                preview_px=LONGEST_PX,
                opened_file=request.opened_file,
            )
            result = ticket.follow(job, report)
        images = _images(result)
        return Shown(
            request=request,
            depth=images.get(Role.DEPTH),
            depth_before=before,
            confidence=images.get(Role.CONFIDENCE),
            values=result.values,
            messages=result.messages,
        )

    def _take_depth(self, request: Request, worker: Worker, ticket: Ticket, report: Report) -> None:
        """The depth layer, where there is one; an estimate, where the operation would make one, too."""
        described = request.described
        options = {
            parameter.name: request.options[parameter.name]
            for parameter in described.parameters
            if parameter.group == "Depth" and parameter.name in request.options
        }
        if request.depth is not None:
            if request.depth is not self._given:
                with upload_depth(worker, request.depth) as buffer:
                    self._depth = worker.store("depth-layer", "disparity", buffer)
                self._shown_depth = _small_depth(request.depth)
                self._subjects.clear()
        elif Role.DEPTH not in described.outputs:
            self._depth = self._shown_depth = None
        elif self._depth is None or self._given is not None or options != self._estimated_with:
            job = worker.submit(
                "depth",
                options,
                {"picture": self._stored} if self._stored is not None else {},
                depth_dtype="u8",
                roles=[Role.DEPTH],
                keep={Role.DEPTH: "depth"},
                preview_px=LONGEST_PX,
                opened_file=request.opened_file,
            )
            self._shown_depth = _images(ticket.follow(job, report)).get(Role.DEPTH)
            self._depth = worker.stored("depth")
            self._estimated_with = options
            self._subjects.clear()
        self._given = request.depth

    def _clicked_subject(self, point: Point | None, picture: Picture) -> _Subject | None:
        """A subject that is known already and holds the point, all of it in one piece."""
        if point is None:
            return None
        x, y = point[0] / picture.rect.width, point[1] / picture.rect.height
        return next((one for one in self._subjects.values() if _in_one_piece(one.coverage, x, y)), None)


def _point(request: Request) -> Point | None:
    name = next((one.name for one in request.described.parameters if one.kind is Kind.POINT), "")
    x_y: Point | None = request.options.get(name)
    return x_y


def _in_one_piece(coverage: Image, x: float, y: float) -> bool:
    """Whether the place lies in the subject, and nearly all of the subject hangs together with it."""
    step = max(1, max(coverage.width, coverage.height) // COARSE_PX)
    firsts = range(0, len(coverage.data), coverage.width * step)
    rows = [coverage.data[first : first + coverage.width : step] for first in firsts]
    inside = {(row, column) for row, line in enumerate(rows) for column, value in enumerate(line) if value > 127}
    start = (int(y * coverage.height) // step, int(x * coverage.width) // step)
    if start not in inside:
        return False
    reached, edge = {start}, [start]
    while edge:
        row, column = edge.pop()
        for place in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if place in inside and place not in reached:
                reached.add(place)
                edge.append(place)
    return len(reached) >= 0.97 * len(inside)


def _images(result: Result) -> dict[Role, Image]:
    try:
        return {
            layer.role: Image(
                layer.buffer.pixels.width,
                layer.buffer.pixels.height,
                layer.buffer.read_rows(0, layer.buffer.pixels.height),
            )
            for layer in result.layers
        }
    finally:
        result.delete()


def _small_depth(depth: Picture) -> Image:
    """Every n-th grey value of a depth layer, in 8 bits."""
    width, height = depth.rect.width, depth.rect.height
    step = max(1, -(-max(width, height) // LONGEST_PX))
    rows = []
    for y in range(0, height, step):
        row = memoryview(depth.raster.rows(y, 1)).cast("f")[:: 2 * step]
        rows.append(bytes(min(255, max(0, round(255 * value))) for value in row))
    return Image(len(rows[0]), len(rows), b"".join(rows))


def _enlarged(request: Request, worker: Worker, ticket: Ticket, report: Report) -> Shown:
    """One place of the picture, as large as it will be, and as it is."""
    picture, scale = request.picture, float(request.options["scale"])
    full = picture.rect
    width = max(1, min(full.width, int(LONGEST_PX / scale)))
    height = max(1, min(full.height, int(LONGEST_PX / scale * 2 / 3)))
    left = min(max(round(request.place[0] * full.width - width / 2), 0), full.width - width)
    top = min(max(round(request.place[1] * full.height - height / 2), 0), full.height - height)
    part = (left, top, width, height)
    with ExitStack() as files:
        buffer = files.enter_context(worker.new_buffer(width, height, picture.format))
        buffer.write_rows(0, _part(picture.raster, part, picture.format.pixel_bytes))
        inputs: dict[str, Any] = {"picture": buffer}
        if request.depth is not None:
            inputs["disparity"] = files.enter_context(worker.new_buffer(width, height, DEPTH_WIRE))
            inputs["disparity"].write_rows(0, without_alpha(_part(request.depth.raster, part, 8)))
        # Balancing by nothing changes no value: it gives the picture itself in the preview's format.
        job = worker.submit("white_balance", {"strength": 0.0}, {"picture": buffer}, colour_format=FORMAT)
        before = _images(ticket.follow(job, report)).get(Role.RESULT)
        job = worker.submit(
            request.described.name, request.options, inputs, colour_format=FORMAT, roles=[Role.RESULT]
        )
        result = ticket.follow(job, report)
        after = _images(result).get(Role.RESULT)
    return Shown(
        request=request,
        after=after,
        before=before,
        part=(left / full.width, top / full.height, width / full.width, height / full.height),
        values=result.values,
        messages=result.messages,
    )


def _part(raster: Raster, part: tuple[int, int, int, int], size: int) -> bytes:
    """A rectangle of a raster; size: bytes of a pixel."""
    left, top, width, height = part
    row = raster.row_bytes
    rows = raster.rows(top, height)
    return b"".join(rows[at : at + width * size] for at in range(left * size, len(rows), row))
