"""Measure how long *Select subject* takes to answer a click in an editor, through the worker.

    python -m benchmarks.click_time PHOTO… [--megapixels N] [--clicks N] [--json FILE]

A photo is enlarged to N megapixels, and stored in a worker. As in an editor, a first draft and an exact preview of
1024 pixels follow. Then each click adds the middle of the largest region that is not selected. Its answer is the
draft: the seconds until the selection is read, and CPU seconds of the worker. The exact preview follows the draft,
and is timed, too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from scipy import ndimage

from dioptre_link import start
from dioptre_link.client import Stored, Worker
from dioptre_link.operation import Role
from dioptre_link.wire import PixelFormat

CORE = Path(__file__).resolve().parent.parent / "core"
WORKER = "import sys; sys.path.insert(0, sys.argv[1]); from dioptre.worker.__main__ import serve; serve()"
PREVIEW_PX = 1024


@dataclass(frozen=True)
class Answer:
    """Seconds of one job.

    Attributes:
        wall: from sending the job to reading the selection.
        cpu: processor time of the worker in the meantime.
    """

    wall: float
    cpu: float


def answered(
    worker: Worker, picture: Stored, points: Sequence[tuple[float, float]], *, draft: bool
) -> tuple[np.ndarray, Answer]:
    """Return the selection for some clicks, (h, w) in [0, 255], and the time it took."""
    cpu, began = _cpu_seconds(), time.perf_counter()
    job = worker.submit(
        "select_subject",
        {"subject": points},
        {"picture": picture},
        roles=[Role.SELECTION],
        depth_dtype="u8",
        preview_px=PREVIEW_PX,
        draft=draft,
        supersede="preview",
    )
    result = job.wait()
    buffer = next(layer.buffer for layer in result.layers if layer.role is Role.SELECTION)
    pixels = buffer.pixels
    rows = [bytes(buffer.read_rows(first, count)) for first, count in buffer.bands()]
    wall = time.perf_counter() - began
    values = np.frombuffer(b"".join(rows), np.uint8).reshape(pixels.height, pixels.row_bytes)
    selection = values.reshape(pixels.height, pixels.width, -1)[..., -1].copy()
    result.delete()
    return selection, Answer(wall, _cpu_seconds() - cpu)


def _cpu_seconds() -> float:
    rendezvous = start.Rendezvous.read()
    assert rendezvous is not None
    return sum(psutil.Process(rendezvous.pid).cpu_times()[:2])


def next_point(selection: np.ndarray, size: tuple[int, int]) -> tuple[float, float]:
    """Return the middle of the largest region that is not selected, in pixels of a picture of `size`."""
    labels, count = ndimage.label(selection < 128)
    largest = 1 + int(np.argmax(ndimage.sum_labels(selection < 128, labels, range(1, count + 1))))
    inside = ndimage.distance_transform_edt(np.pad(labels == largest, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    scale = size[0] / selection.shape[1], size[1] / selection.shape[0]
    return float((column + 0.5) * scale[0]), float((row + 0.5) * scale[1])


def measure(worker: Worker, photo: Path, megapixels: float, clicks: int) -> dict[str, list[Answer]]:
    """Return the times of the first preview, of the clicks' drafts, and of their exact previews."""
    image = Image.open(photo).convert("RGB")
    scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    content = np.asarray(image.convert("RGBA")).tobytes()
    with worker.new_buffer(*image.size, PixelFormat("u8")) as buffer:
        row_bytes = buffer.pixels.row_bytes
        for first, rows in buffer.bands():
            buffer.write_rows(first, content[first * row_bytes : (first + rows) * row_bytes])
        picture = worker.store("photo", "picture", buffer)
    times: dict[str, list[Answer]] = {"first": [], "draft": [], "exact": []}
    points: list[tuple[float, float]] = []
    for draft in (True, False):
        selection, answer = answered(worker, picture, points, draft=draft)
        times["first"].append(answer)
    for _ in range(clicks):
        points.append(next_point(selection, image.size))
        _, answer = answered(worker, picture, points, draft=True)
        times["draft"].append(answer)
        selection, answer = answered(worker, picture, points, draft=False)
        times["exact"].append(answer)
    return times


def main() -> None:
    """Measure the given photos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--clicks", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    results: dict[str, dict[str, list[Answer]]] = {}
    with Worker("benchmark", command=[sys.executable, "-I", "-c", WORKER, str(CORE)]) as worker:
        worker.connect()
        for photo in options.photos:
            results[photo.stem] = times = measure(worker, photo, options.megapixels, options.clicks)
            for name, answers in times.items():
                wall, cpu = ([f"{getattr(each, field):.2f}" for each in answers] for field in ("wall", "cpu"))
                print(f"{photo.stem:20} {name:6} wall {' '.join(wall)}  cpu {' '.join(cpu)}", flush=True)
        worker.shut_down()
    for name in ("draft", "exact"):
        answers = [each for times in results.values() for each in times[name]]
        wall, cpu = (statistics.median(getattr(each, field) for each in answers) for field in ("wall", "cpu"))
        print(f"{name}: median wall {wall:.2f} s, CPU {cpu:.2f} s")
    if options.json:
        stored = {
            photo: {name: [asdict(each) for each in answers] for name, answers in times.items()}
            for photo, times in results.items()
        }
        options.json.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
