"""What happens on the way to a preview or a result: steps of progress, drafts, images."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..client import Job, Progress, Result
from ..errors import Cancelled
from ..operation import Role

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Step:
    """Progress of something under way. waiting: nothing to do until the worker answers."""

    fraction: float
    phase: str
    waiting: bool = False


@dataclass(frozen=True, kw_only=True)
class Image:
    """Packed 8-bit rows, without padding."""

    width: int
    height: int
    channels: int
    data: bytes

    def channel(self, number: int) -> Image:
        """One channel alone; -1 is the last."""
        data = self.data[number % self.channels :: self.channels]
        return Image(width=self.width, height=self.height, channels=1, data=data)

    def at(self, x: float, y: float) -> int:
        """The first channel's value at a point given as fractions of the sides."""
        column = min(max(int(x * self.width), 0), self.width - 1)
        row = min(max(int(y * self.height), 0), self.height - 1)
        return self.data[(row * self.width + column) * self.channels]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a preview shows.

    draft: nearly alike; the exact one follows. subject: its coverage. selection: how
    far each pixel is selected, 255 in full. before, part: of an enlargement, the part as
    it is and where it lies (left, top, width, height as fractions of the layer's sides). depth_before: the depth
    layer that the operation changes.
    """

    draft: bool = False
    after: Image | None = None
    before: Image | None = None
    part: tuple[float, float, float, float] | None = None
    depth: Image | None = None
    depth_before: Image | None = None
    confidence: Image | None = None
    subject: Image | None = None
    selection: Image | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


Steps = Generator[Step, None, T]
Shows = Generator[Step | Shown, None, Shown]


def follow(job: Job, *, poll_s: float = 0.0) -> Steps[Result]:
    """A job's progress, and its result; it is cancelled when the generator is closed."""
    step = Step(fraction=0.0, phase="Waiting", waiting=True)
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
    """Run steps to their end on a thread. Raises Cancelled as soon as `cancelled()` says so."""
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
    """The result's layers as images; deletes its buffers."""
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
