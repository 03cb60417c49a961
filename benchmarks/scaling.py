"""Measure how time depends on pixels, radius, threads and tile size, and draw each curve as a small SVG.

    python -m benchmarks.scaling [--curves pixels radius threads tiles] [-o FILE.json] [--plots FOLDER]
    python -m benchmarks.scaling --draw FILE.json --plots FOLDER

CPU seconds are the sum over all threads, in the fastest run; wall-clock seconds are only meaningful on an idle
machine. Each number of threads is measured in a separate process that may use the same number of cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

PIXELS_MP = (0.75, 3.0, 12.0, 24.0)
RADII_PX = (4, 12, 30, 60, 120)
RADIUS_MP = 3.0
OPERATIONS = ("depth", "white_balance")
THREADED = {"depth": RADIUS_MP, "lens_blur": RADIUS_MP, "super_resolution": 0.25}
TILES_MP = 1.0
RUNS = 2
WIDTH, HEIGHT, MARGIN = 460, 260, 48
COLOURS = ("#2a6f97", "#c1121f", "#588157")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curves", nargs="+", default=list(CURVES), choices=CURVES)
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--operation", help=argparse.SUPPRESS)
    parser.add_argument("--draw", type=Path, metavar="FILE.json")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--plots", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.inside:
        # Must run before any thread starts.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.inside])
        options = {"focal_disparity": 0.5, "max_radius": 30.0} if arguments.operation == "lens_blur" else {}
        print(json.dumps(timed(arguments.operation, THREADED[arguments.operation], options)))
        return
    if arguments.draw:
        made = json.loads(arguments.draw.read_text(encoding="utf-8"))
    else:
        from dioptre import runtime

        runtime.prepare()
        from dioptre.cli.bench import machine

        made = {"machine": machine(), "curves": {name: list(CURVES[name]()) for name in arguments.curves}}
    if arguments.output:
        arguments.output.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    if arguments.plots:
        for name, rows in made["curves"].items():
            (arguments.plots / f"scaling-{name}.svg").write_text(plot(name, rows), encoding="utf-8")


def pixels() -> Iterator[dict[str, Any]]:
    """Time each operation on pictures of increasing size."""
    for operation in OPERATIONS:
        for megapixels in PIXELS_MP:
            yield told({"operation": operation, "x": megapixels, **timed(operation, megapixels, {})})


def radius() -> Iterator[dict[str, Any]]:
    """Time the lens blur with increasing radius."""
    for px in RADII_PX:
        options = {"focal_disparity": 0.5, "max_radius": float(px)}
        yield told({"operation": "lens_blur", "x": px, **timed("lens_blur", RADIUS_MP, options)})


def threads() -> Iterator[dict[str, Any]]:
    """Time the operations with an increasing number of threads; the wall-clock times need an idle machine."""
    for operation in THREADED:
        for count in range(1, len(os.sched_getaffinity(0)) + 1):
            done = subprocess.run(  # noqa: S603
                [sys.executable, __file__, "--inside", str(count), "--operation", operation],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            yield told({"operation": operation, "x": count, **json.loads(done.stdout)})


def tiles() -> Iterator[dict[str, Any]]:
    """Time the enlarging network on tiles of each size."""
    from dioptre.cli.bench import scene
    from dioptre.models.loading import load_model
    from dioptre.pipelines.tiled import TILES_PX, enlarge_tiled

    network, (picture, _) = load_model("span-x2"), scene(TILES_MP)
    for side in TILES_PX:
        work = partial(enlarge_tiled, network, picture[..., :3], tile_px=side)
        yield told({"operation": "span-x2", "x": side, **least(work)})


CURVES = {"pixels": pixels, "radius": radius, "threads": threads, "tiles": tiles}
AXES = {
    "pixels": "megapixels",
    "radius": "radius of the blur in pixels",
    "threads": "threads",
    "tiles": "side of the tiles in pixels",
}


def timed(operation: str, megapixels: float, options: dict[str, Any]) -> dict[str, float]:
    """Return the smallest wall-clock and CPU seconds of one operation on a synthetic scene."""
    from dioptre import runtime

    runtime.prepare_if_needed()
    from dioptre.cli.bench import scene
    from dioptre.imaging.layers import Inputs
    from dioptre.recipes.apply import apply

    picture, disparity = scene(megapixels)
    inputs = Inputs(picture=picture, disparity=disparity if operation == "lens_blur" else None)
    return least(lambda: apply(operation, options, inputs))


def least(work: Callable[[], object]) -> dict[str, float]:
    """Return the smallest wall-clock and CPU seconds of `RUNS` runs, after one run that compiles."""
    work()
    walls, cpus = [], []
    for _ in range(RUNS):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"wall_s": round(min(walls), 3), "cpu_s": round(min(cpus), 3)}


def told(row: dict[str, Any]) -> dict[str, Any]:
    """Print a row and return it."""
    print("{operation:14} {x:7g}  {wall_s:7.3f} s wall  {cpu_s:7.3f} s CPU".format_map(row), flush=True)
    return row


def plot(name: str, rows: list[dict[str, Any]]) -> str:
    """Return an SVG line plot of one curve, with both axes linear from 0."""
    what = "wall_s" if name == "threads" else "cpu_s"
    top, right = max(row[what] for row in rows), max(row["x"] for row in rows)

    def at(row: dict[str, Any]) -> tuple[float, float]:
        across = MARGIN + (WIDTH - 2 * MARGIN) * row["x"] / right
        return round(across, 1), round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * row[what] / top, 1)

    drawn = []
    operations = list(dict.fromkeys(row["operation"] for row in rows))
    for colour, operation in zip(COLOURS, operations, strict=False):
        points = [at(row) for row in rows if row["operation"] == operation]
        line = " ".join(f"{x},{y}" for x, y in points)
        drawn.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in points]
        # Label a falling line at the left of its first point and a rising line above its last, where there is room.
        falls = points[-1][1] > points[0][1]
        x, y = (points[0][0] - 8, points[0][1] + 4) if falls else (points[-1][0], points[-1][1] - 8)
        label = escape(operation.replace("_", " "))
        drawn.append(f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="end">{label}</text>')
    bottom, side = HEIGHT - MARGIN, WIDTH - MARGIN
    for x in sorted({row["x"] for row in rows}):
        across = MARGIN + (side - MARGIN) * x / right
        drawn.append(f'<text x="{across:.1f}" y="{bottom + 16}" text-anchor="middle">{x:g}</text>')
    for part in (0.5, 1.0):
        y = bottom - (bottom - MARGIN) * part
        drawn.append(f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{top * part:.2g}</text>')
        drawn.append(f'<path d="M{MARGIN} {y:.1f}H{side}" stroke="#ccc" stroke-width="0.5"/>')
    unit = "wall seconds" if what == "wall_s" else "CPU seconds"
    box, letters = f'viewBox="0 0 {WIDTH} {HEIGHT}"', 'font-family="sans-serif" font-size="11" fill="#333"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {box} {letters}>',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            f'<path d="M{MARGIN} {MARGIN}V{bottom}H{side}" fill="none" stroke="#333"/>',
            *drawn,
            f'<text x="{MARGIN}" y="{MARGIN - 18}">{unit}</text>',
            f'<text x="{side}" y="{HEIGHT - 12}" text-anchor="end">{AXES[name]}</text>',
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    main()
