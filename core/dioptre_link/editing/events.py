"""Events while a preview or a result is computed: progress, drafts and images."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ..client import Job, Progress, Result
from ..errors import Cancelled
from ..operation import Role

T = TypeVar("T")
WHOLE = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Step:
    """Progress of a task.

    Attributes:
        fraction: the fraction done, 0 to 1.
        phase: the current phase as text.
        waiting: whether the task is waiting for the worker, so the caller may wait too.
    """

    fraction: float
    phase: str
    waiting: bool = False


@dataclass(frozen=True, kw_only=True)
class Image:
    """A picture of packed 8-bit rows without padding."""

    width: int
    height: int
    channels: int
    data: bytes

    def channel(self, number: int) -> Image:
        """Extract one channel; -1 is the last."""
        data = self.data[number % self.channels :: self.channels]
        return Image(width=self.width, height=self.height, channels=1, data=data)

    def faded(self, coverage: Image | None, part: tuple[float, float, float, float] = WHOLE) -> Image:
        """Return this picture with its alpha, the last channel, multiplied by a layer's coverage of any size.

        Args:
            coverage: a single-channel image; None changes nothing.
            part: the part of `coverage` below this picture: left, top, width and height as fractions of its sides.
        """
        if coverage is None:
            return self
        data = bytearray(self.data)
        below = coverage.resized(self.width, self.height, part).data
        alphas = zip(data[self.channels - 1 :: self.channels], below, strict=True)
        data[self.channels - 1 :: self.channels] = bytes([(one * other + 127) // 255 for one, other in alphas])
        return replace(self, data=bytes(data))

    def resized(self, width: int, height: int, part: tuple[float, float, float, float] = WHOLE) -> Image:
        """Return a part of this single-channel picture, as in `faded`, with the nearest pixels at another size."""
        if (width, height, part) == (self.width, self.height, WHOLE):
            return self
        left, top, across, down = part
        columns = [int((left + across * (x + 0.5) / width) * self.width) for x in range(width)]
        lines = [int((top + down * (y + 0.5) / height) * self.height) for y in range(height)]
        rows = {y: self.data[y * self.width : (y + 1) * self.width] for y in set(lines)}
        taken = {y: bytes([row[x] for x in columns]) for y, row in rows.items()}
        return Image(width=width, height=height, channels=1, data=b"".join(taken[y] for y in lines))

    def at(self, x: float, y: float) -> int:
        """Return the first channel's value at a point given as fractions of the picture's width and height."""
        column = min(max(int(x * self.width), 0), self.width - 1)
        row = min(max(int(y * self.height), 0), self.height - 1)
        return self.data[(row * self.width + column) * self.channels]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The content of a preview.

    Attributes:
        draft: whether this is an approximation that the exact preview will replace.
        after: the result.
        before: for an enlargement, the part of the original that is shown.
        part: for an enlargement, the position of that part: left, top, width and height as fractions of the layer's
            sides.
        depth: the depth map.
        depth_before: the depth layer that the operation changes.
        confidence: confidence of the depth.
        subject: coverage of the subject, at the size of `depth` if there is one.
        clicked: depth at the clicked point, 0 to 1; None if either is unknown.
        selection: how much of each pixel is selected, or invented in a film, from 0 to 255 (completely).
        values: values that were decided automatically.
        messages: sentences for the user.
    """

    draft: bool = False
    after: Image | None = None
    before: Image | None = None
    part: tuple[float, float, float, float] | None = None
    depth: Image | None = None
    depth_before: Image | None = None
    confidence: Image | None = None
    subject: Image | None = None
    clicked: float | None = None
    selection: Image | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


Steps = Generator[Step, None, T]
Shows = Generator[Step | Shown, None, Shown]


def follow(job: Job, *, poll_s: float = 0.0) -> Steps[Result]:
    """Yield a job's progress and return its result; closing the generator cancels the job."""
    step = Step(fraction=0.0, phase="Waiting for other work to end", waiting=True)
    try:
        while True:
            event = job.poll(poll_s)
            if isinstance(event, Result):
                return event
            if isinstance(event, Progress):
                step = Step(fraction=event.fraction, phase=event.phase, waiting=True)
            yield step
    except GeneratorExit:
        job.cancel()
        raise


def drain(
    steps: Generator[Step | Shown, None, T],
    on_event: Callable[[Step | Shown], None],
    cancelled: Callable[[], bool],
) -> T:
    """Run a generator of steps to its end on a thread; raise Cancelled as soon as `cancelled()` returns True."""
    while True:
        if cancelled():
            steps.close()
            raise Cancelled
        try:
            event = next(steps)
        except StopIteration as end:
            return end.value
        on_event(event)


def read_images(result: Result) -> dict[Role, Image]:
    """Return the result's layers as images, and delete its buffers."""
    try:
        return {
            layer.role: Image(
                width=layer.buffer.pixels.width,
                height=layer.buffer.pixels.height,
                channels=layer.buffer.pixels.format.channels,
                data=layer.buffer.read_rows(0, layer.buffer.pixels.height),
            )
            for layer in result.layers
        }
    finally:
        result.delete()
