"""Measure only the editor-worker link: the worker's start, a round trip of 24 megapixels, and a small preview.

    python -m benchmarks.link [--megapixels N] [--runs N] [--json FILE]

The operation returns the picture unchanged, so that only the link, the pixel formats and the checks are timed.
"write" and "read" are the seconds that the editor spends copying pixels to and from buffers; "job" is the rest.
Wall-clock seconds are the fastest run's; CPU seconds are those of both processes together and depend less on other
work on the machine.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from dioptre_link import start
from dioptre_link.client import Worker
from dioptre_link.operation import Role
from dioptre_link.wire import PixelFormat

FORMATS = (
    PixelFormat("f32"),
    PixelFormat("u8"),
    PixelFormat("u8", order="bgr"),
    PixelFormat("u16"),
    PixelFormat("f16"),
    PixelFormat("f32", encoding="linear"),
)
WORKER = """
import os
from dioptre import runtime
runtime.prepare()
from dioptre.imaging.layers import Layer, Result
from dioptre.worker.lifetime import work
from dioptre_link.operation import Role
def run(name, options, inputs, progress):
    progress(0.5, "")
    return Result(layers=(Layer(name="", role=Role.RESULT, pixels=inputs.picture),))
os._exit(work(run=run, warm_up=(), idle_s=600))
"""


@dataclass
class Timing:
    """Seconds that each part of one run took."""

    write: float
    job: float
    read: float
    cpu: float
    wall: float = field(init=False)

    def __post_init__(self) -> None:
        self.wall = self.write + self.job + self.read


def stopwatch() -> Callable[[], float]:
    """Return a function that returns the seconds since its previous call."""
    last = [time.perf_counter()]

    def lap() -> float:
        before, last[0] = last[0], time.perf_counter()
        return last[0] - before

    return lap


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and the worker together."""
    rendezvous = start.Rendezvous.read()
    assert rendezvous is not None
    processes = psutil.Process(), psutil.Process(rendezvous.pid)
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def round_trip(worker: Worker, size: tuple[int, int], layout: PixelFormat) -> Timing:
    """Time one picture of `size` (width, height) from the editor to the worker and back."""
    band = os.urandom(1 << 16) if layout.dtype.startswith("u") else bytes(2) + b"\x34\x34" * ((1 << 15) - 1)
    cpu, lap = cpu_seconds(), stopwatch()
    with worker.new_buffer(*size, layout) as picture:
        rows_of = {rows: _bytes(band, rows * picture.pixels.row_bytes) for _, rows in picture.bands()}
        lap()
        for first, rows in picture.bands():
            picture.write_rows(first, rows_of[rows])
        write = lap()
        result = worker.submit("depth", {}, {"picture": picture}, colour_format=layout, roles=[Role.RESULT]).wait()
        job = lap()
        for first, rows in result.layers[0].buffer.bands():
            result.layers[0].buffer.read_rows(first, rows)
        read = lap()
        result.delete()
    return Timing(write, job, read, cpu_seconds() - cpu)


def _bytes(pattern: bytes, length: int) -> bytes:
    """Return the pattern, repeated and cut to `length` bytes."""
    return (pattern * (length // len(pattern) + 1))[:length]


def preview(worker: Worker) -> float:
    """Return the link's smallest overhead in seconds for a 1024-pixel preview of a picture that the worker has."""
    with worker.new_buffer(3000, 2000, PixelFormat("u8")) as buffer:
        picture = worker.store("photo", "picture", buffer)
    times = []
    for _ in range(10):
        lap = stopwatch()
        layout = PixelFormat("u8")
        result = worker.submit("depth", {}, {"picture": picture}, preview_px=1024, colour_format=layout).wait()
        result.layers[0].buffer.read_rows(0, result.layers[0].buffer.pixels.height)
        result.delete()
        times.append(lap())
    return min(times)


@contextmanager
def home() -> Iterator[None]:
    """Use a temporary data folder during the `with` block."""
    with tempfile.TemporaryDirectory(prefix="dioptre-link-") as folder:
        os.environ["DIOPTRE_HOME"] = folder
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=24.0)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    width = round((options.megapixels * 1e6 * 1.5) ** 0.5)
    size = width, round(width / 1.5)
    results: dict[str, object] = {"size": size}
    starts = []
    for _ in range(options.runs):
        with home(), Worker("benchmark", command=[sys.executable, "-I", "-c", WORKER]) as worker:
            lap = stopwatch()
            worker.connect()
            starts.append(lap())
            worker.shut_down()
    results["start_s"] = min(starts)
    print(f"start: {min(starts):.2f} s")
    for inline, layout in itertools.chain(((False, each) for each in FORMATS), [(True, PixelFormat("u8"))]):
        with home(), Worker("benchmark", command=[sys.executable, "-I", "-c", WORKER], inline=inline) as worker:
            worker.connect()
            runs = [round_trip(worker, size, layout) for _ in range(options.runs + 1)][1:]
            worker.shut_down()
        least = min(runs, key=lambda run: run.wall)
        cpu = min(run.cpu for run in runs)
        name = f"{layout.dtype} {layout.order} {layout.encoding}{' inline' if inline else ''}"
        results[name] = {**asdict(least), "cpu": cpu}
        parts = f"write {least.write:.2f}, job {least.job:.2f}, read {least.read:.2f}"
        print(f"{name}: {least.wall:.2f} s ({parts}), CPU {cpu:.2f} s")
    with home(), Worker("benchmark", command=[sys.executable, "-I", "-c", WORKER]) as worker:
        results["preview_s"] = preview(worker)
        worker.shut_down()
    print(f"preview: {results['preview_s']:.3f} s")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
