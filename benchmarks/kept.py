"""Measure how long a dialog waits for previews and results, with and without the cache of network outputs.

    python -m benchmarks.kept [--megapixels N] [--runs N] [--json FILE]

One warm worker runs without the cache and one with it. With each, a dialog opens on a picture (the first draft,
including the transfer of the picture, and the exact preview after it), closes, and opens again on the same pixels
(with a new connection, as editors do). Then OK computes the full result twice; the second corresponds to Update or
to another aperture. Wall-clock seconds are the fastest run's; CPU seconds are the worker's and depend less on other
work on the machine. The results of the two workers are compared bit by bit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import numpy as np
import psutil

from dioptre import files
from dioptre.caching import choice
from dioptre.caching.digests import digest_of_bytes
from dioptre.imaging.resize import resize
from dioptre_link import start
from dioptre_link.client import Job, Result, Stored, Worker
from dioptre_link.operation import Role
from dioptre_link.paths import cache_dir, data_dir
from dioptre_link.wire import PixelFormat

OPERATION = "portrait"
PREVIEW_PX = 640
FORMAT = PixelFormat("u8")
EXAMPLES = Path(__file__).parents[1] / "examples"


class Dialog:
    """A simulated editor dialog that uses the worker; every method returns its wall and CPU seconds."""

    def __init__(self, worker: Worker, pixels: np.ndarray) -> None:
        self._worker = worker
        self._pixels = pixels
        self._picture: Stored | None = None

    def first_draft(self) -> tuple[float, float]:
        """Send the picture to the worker and read the first draft."""
        with timed(self._worker) as took:
            height, width = self._pixels.shape[:2]
            with self._worker.new_buffer(width, height, FORMAT) as buffer:
                buffer.write_rows(0, self._pixels.data)
                self._picture = self._worker.store("picture-full", "picture", buffer)
            read(self._submit(preview_px=PREVIEW_PX, draft=True).wait())
        return took[0]

    def preview(self) -> tuple[float, float]:
        """Read the exact preview and ask the worker to keep its depth and subject."""
        with timed(self._worker) as took:
            keep = {Role.DEPTH: "preview-depth", Role.SUBJECT: "preview-subject"}
            read(self._submit(preview_px=PREVIEW_PX, keep=keep).wait())
        return took[0]

    def result(self) -> tuple[tuple[float, float], str]:
        """Read the full result, and also return a digest of its pixels."""
        with timed(self._worker) as took:
            digest = read(self._submit().wait())
        return took[0], digest

    def _submit(
        self, *, preview_px: int | None = None, draft: bool = False, keep: Mapping[Role, str] | None = None
    ) -> Job:
        assert self._picture is not None, "the first draft stores the picture"
        return self._worker.submit(
            OPERATION,
            {"f_number": 2.0},
            {"picture": self._picture},
            colour_format=FORMAT,
            preview_px=preview_px,
            draft=draft,
            keep=keep,
        )


def read(result: Result) -> str:
    """Read all layers, as an editor does, and return a digest of them."""
    digest = hashlib.sha256()
    for layer in result.layers:
        for first, rows in layer.buffer.bands():
            digest.update(layer.buffer.read_rows(first, rows))
    result.delete()
    return digest.hexdigest()


@contextmanager
def timed(worker: Worker) -> Iterator[list[tuple[float, float]]]:
    """Time a `with` block; at its end, append wall-clock seconds and the worker's CPU seconds to the list."""
    worker.connect()
    rendezvous = start.Rendezvous.read()
    assert rendezvous is not None
    process = psutil.Process(rendezvous.pid)
    took: list[tuple[float, float]] = []
    began, before = time.perf_counter(), sum(process.cpu_times()[:2])
    yield took
    took.append((time.perf_counter() - began, sum(process.cpu_times()[:2]) - before))


def picture(name: str, megapixels: float) -> np.ndarray:
    """Return an example picture enlarged to this many megapixels, as opaque 8-bit RGBA (h, w, 4)."""
    pixels = files.load(EXAMPLES / name).pixels
    width = round((megapixels * 1e6 * 1.5) ** 0.5)
    large = np.clip(resize(pixels, (round(width / 1.5), width), method="bicubic"), 0, 1)
    opaque = np.full((*large.shape[:2], 1), 255, np.uint8)
    return np.concatenate([(large * 255 + 0.5).astype(np.uint8), opaque], axis=-1)


def measure(keep: bool, *, megapixels: float, runs: int) -> tuple[dict[str, list[tuple[float, float]]], str]:
    """Run all dialogs against one warm worker, with or without the worker's cache of network outputs.

    Returns:
        Wall-clock and CPU seconds of every run, by the name of the step, and the digest of the result.
    """
    os.environ[choice.VARIABLE] = "1" if keep else "0"
    pixels, other = picture("astronaut.jpg", megapixels), picture("coffee.jpg", megapixels)
    times: dict[str, list[tuple[float, float]]] = {}
    digests = set()
    with Worker("benchmark", command=[sys.executable, "-I", "-m", "dioptre.worker", "--no-warm-up"]) as worker:
        worker.connect()
        warm = Dialog(worker, other)
        warm.first_draft()
        warm.preview()
        warm.result()
        for _ in range(runs):
            choice.clear()
            for name in ("first", "reopened"):
                worker.close()
                dialog = Dialog(worker, pixels)
                times.setdefault(f"{name} draft", []).append(dialog.first_draft())
                times.setdefault(f"{name} preview, after it", []).append(dialog.preview())
            for name in ("OK", "OK again"):
                took, digest = dialog.result()
                times.setdefault(name, []).append(took)
                digests.add(digest)
        worker.shut_down()
    assert len(digests) == 1, "the results of one worker differ"
    return times, digests.pop()


@contextmanager
def home() -> Iterator[None]:
    """Use a temporary data folder with the user's weights and compiled programs linked into it."""
    weights, compiled = data_dir() / "weights", cache_dir() / "compiled"
    with tempfile.TemporaryDirectory(prefix="dioptre-kept-") as folder:
        os.environ["DIOPTRE_HOME"] = folder
        for target, source in ((data_dir() / "weights", weights), (cache_dir() / "compiled", compiled)):
            target.parent.mkdir(parents=True)
            source.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source)
        yield


def processor() -> str:
    """Return the processor's name and its number of threads."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} threads"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    content = picture("astronaut.jpg", options.megapixels)
    began = time.perf_counter()
    digest_of_bytes(content.data)
    hash_s = time.perf_counter() - began
    with home():
        plain, without = measure(False, megapixels=options.megapixels, runs=options.runs)
        keeping, with_cache = measure(True, megapixels=options.megapixels, runs=options.runs)
    assert without == with_cache, "results with and without what is kept differ"
    results: dict[str, object] = {
        "processor": processor(),
        "load": os.getloadavg()[0],
        "megapixels": options.megapixels,
        "digest_s": hash_s,
    }
    print(f"{results['processor']}, load {results['load']:.1f}, {options.megapixels:g} megapixels, 8-bit RGBA")
    print(f"digest of the picture: {hash_s:.3f} s; results are equal to the bit")
    for name in plain:
        row = {}
        for kind, times in (("nothing kept", plain[name]), ("kept", keeping[name])):
            row[kind] = {"wall_s": min(wall for wall, _ in times), "cpu_s": min(cpu for _, cpu in times)}
        results[name] = row
        parts = [f"{kind}: {took['wall_s']:.2f} s (CPU {took['cpu_s']:.2f} s)" for kind, took in row.items()]
        print(f"{name}: {', '.join(parts)}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
