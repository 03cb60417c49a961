"""Measure how the efficiency of a batch depends on the number of its processes and the size of its pictures.

    python -m benchmarks.batch_curve [--pictures N] [--sides 600,1740] [--rounds N]

`batch` runs with 1, 2 and 4 processes and with 1 to 3 workers of a Dask scheduler, all on this machine. The
reference is plain single-threaded loops in as many processes, at most one per core, with the pictures divided
between them. All processes are warmed up with a first picture, which is not counted. CPU seconds
include all processes, even Dask's scheduler and the process that distributes, hashes, publishes and writes the
contact sheet. Efficiency is the loops' CPU seconds divided by the batch's. Pictures per minute "by the clock"
depend on other load on the machine; "with idle cores" is the rate that the CPU seconds allow when the cores
have nothing else to do. The methods run in rotation, and the smallest CPU time of each counts; the results so far
are written after each round to benchmarks/results/batch_curve.json and drawn as docs/images/batch-curve.svg.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.batch import Measured, here, pictures, plain, task, whole_batch
from dioptre.batch.here import cores
from dioptre.batch.many import DaskExecutor, make_on_worker
from dioptre.batch.work import Made

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "benchmarks" / "results" / "batch_curve.json"
DRAWING = ROOT / "docs" / "images" / "batch-curve.svg"
LOOP = "plain loop"


def dask(paths: list[Path], workers: int) -> Measured:
    """Measure `batch --scheduler` with this many single-threaded Dask workers on this machine."""
    with _cluster(workers) as cluster:
        distributed: Any = import_module("distributed")
        with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
            pids = client.run(os.getpid)
            first = task(paths[0])
            warm = [client.submit(make_on_worker, first, workers=[one], pure=False) for one in pids]
            assert all(isinstance(each.result(), Made) for each in warm)
        executor = DaskExecutor(cluster.scheduler_address)
        return whole_batch(paths, executor, list(pids.values()))


@contextmanager
def _cluster(workers: int) -> Iterator[Any]:
    # Imported by name, because the package has no type information.
    distributed: Any = import_module("distributed")
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(n_workers=workers, **options) as cluster:
        yield cluster


# (method, processes) → wall-clock seconds, CPU seconds and load of each round
Found = dict[tuple[str, int], list[tuple[float, float, float]]]


def measure(
    sides: Sequence[int], count: int, rounds: int, *, processes: Sequence[int], workers: Sequence[int]
) -> Iterator[list[dict[str, Any]]]:
    """Run all rounds and yield the result rows after each of them.

    Args:
        sides: Widths of the photographs in pixels.
        count: Number of photographs of each size.
        rounds: How often every method is measured.
        processes: Numbers of local worker processes to measure.
        workers: Numbers of Dask workers to measure.

    Yields:
        One row for each size, method and number of processes, from the rounds so far.
    """
    folders = {side: Path(tempfile.mkdtemp(prefix="dioptre-curve-")) for side in sides}
    paths = {side: pictures(folder, count, side) for side, folder in folders.items()}
    loops = sorted({min(number, cores()) for number in (*processes, *workers)})
    ways = [*((LOOP, n) for n in loops), *(("batch", n) for n in processes), *(("dask", n) for n in workers)]
    runs: dict[str, Callable[[list[Path], int], Measured]] = {
        LOOP: partial(plain, threads=1),
        "batch": here,
        "dask": dask,
    }
    found: dict[int, Found] = {side: {way: [] for way in ways} for side in sides}
    for _ in range(rounds):
        for side in sides:
            for how, number in ways:
                each = found[side][how, number]
                each.append((*runs[how](paths[side], number), os.getloadavg()[0]))
                print(side, how, number, *(f"{value:.1f}" for value in each[-1]), flush=True)
        yield [row for side in sides for row in _rows(found[side], side, count)]
    for folder in folders.values():
        shutil.rmtree(folder)


def _rows(found: Found, side: int, count: int) -> Iterator[dict[str, Any]]:
    alone = {number: min(cpu for _, cpu, _ in each) / count for (how, number), each in found.items() if how == LOOP}
    for (how, number), each in found.items():
        took, cpu, load = min(each, key=lambda one: one[1])
        yield {
            "megapixels": round(side * (side * 2 // 3) / 1e6, 2),
            "way": how,
            "processes": number,
            "cpu_s_a_picture": round(cpu / count, 2),
            "efficiency": round(alone[min(number, cores())] / (cpu / count), 3),
            "pictures_a_minute_by_the_clock": round(60 * count / took, 1),
            "pictures_a_minute_with_idle_cores": round(60 * min(number, cores()) / (cpu / count), 1),
            "load": round(load, 1),
        }


WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 300, 60, 250, 40
COLOURS = {"batch": "#3b78c2", "dask": "#d9822b"}
NAMES = {"batch": "processes of batch", "dask": "workers of a Dask scheduler"}


def drawing(rows: Sequence[dict[str, Any]]) -> str:
    """Return an SVG of the efficiency by number of processes, one panel for each picture size."""
    sizes = sorted({row["megapixels"] for row in rows})
    panel = (WIDTH - LEFT) / len(sizes)
    top = max(1.0, *(row["efficiency"] for row in rows)) * 1.08
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">',
        "<style>text { font: 12px sans-serif; }</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        "<title>CPU efficiency of a batch against a plain loop, by number of processes</title>",
    ]

    def height(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * float(value / top)

    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = height(value)
        parts.append(f'<line x1="{LEFT}" y1="{y:.0f}" x2="{WIDTH - 10}" y2="{y:.0f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{value:.0%}</text>')
    for index, size in enumerate(sizes):
        start = LEFT + index * panel
        bars = [row for row in rows if row["megapixels"] == size and row["way"] in COLOURS]
        wide = (panel - 40) / len(bars)
        parts.append(f'<text x="{start + panel / 2:.0f}" y="24" text-anchor="middle">{size:g} megapixels</text>')
        for number, row in enumerate(bars):
            x, y = start + 20 + number * wide, height(row["efficiency"])
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide - 6:.1f}" height="{BOTTOM - y:.1f}" '
                f'fill="{COLOURS[row["way"]]}"/>'
            )
            middle = x + (wide - 6) / 2
            parts.append(
                f'<text x="{middle:.1f}" y="{y - 5:.1f}" text-anchor="middle">{row["efficiency"]:.0%}</text>'
            )
            parts.append(f'<text x="{middle:.1f}" y="{BOTTOM + 16}" text-anchor="middle">{row["processes"]}</text>')
    x = LEFT + 20
    for way, colour in COLOURS.items():
        parts.append(f'<rect x="{x}" y="{HEIGHT - 20}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="{HEIGHT - 9}">{NAMES[way]}</text>')
        x += 200
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=16)
    parser.add_argument("--sides", default="1740", help="of the pictures, in pixels")
    parser.add_argument("--processes", default="1,2,4", help="numbers of processes of batch")
    parser.add_argument("--workers", default="1,2,3", help="numbers of workers of Dask")
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    sides, processes, workers = (
        [int(one) for one in text.split(",")] for text in (chosen.sides, chosen.processes, chosen.workers)
    )
    rounds = measure(sides, chosen.pictures, chosen.rounds, processes=processes, workers=workers)
    for number, rows in enumerate(rounds, start=1):
        about = {"pictures": chosen.pictures, "recipe": "portrait", "cores": cores(), "rounds": number}
        TARGET.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n", encoding="utf-8")
        DRAWING.write_text(drawing(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
