"""Time each operation on this machine, and how the time depends on pixels, radius and threads; draw the curves.

    python -m benchmarks.speed [--megapixels 12] [--runs 3] [-o FILE]
    python -m benchmarks.speed --curves pixels radius threads [-o FILE] [--plots FOLDER]
    python -m benchmarks.speed --draw FILE --plots FOLDER

Close other programs first. The pictures are synthetic. The first run includes loading and compiling, or reading
compiled programs; of the later ones, the fastest counts. CPU seconds are the sum over all threads. Each number of
threads is measured in a separate process that may use the same number of cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.frame import least, machine, publish, scene, table

PREVIEW_MP = 0.27  # an editor's preview, 640 pixels wide
ENLARGED_MP = 0.25  # super-resolution multiplies it by 16
PIXELS_MP = (0.75, 3.0, 12.0, 24.0)
RADII_PX = (4, 12, 30, 60, 120)
CURVE_MP = 3.0
THREADED = {"depth": CURVE_MP, "lens_blur": CURVE_MP, "super_resolution": ENLARGED_MP}
BLUR = {"focal_disparity": 0.5, "max_radius": 30.0}
CURVE_RUNS = 2
WIDTH, HEIGHT, MARGIN = 460, 260, 48
COLOURS = ("#2a6f97", "#c1121f", "#588157")


def timed(
    operation: str, megapixels: float, options: dict[str, Any], *, runs: int = CURVE_RUNS
) -> dict[str, float]:
    """Return the times of one operation on a synthetic scene."""
    from dioptre import runtime

    runtime.prepare_if_needed()
    from dioptre.contract import Inputs
    from dioptre.recipes.apply import apply

    picture, disparity = scene(megapixels)
    inputs = Inputs(picture=picture, disparity=disparity if operation == "lens_blur" else None)
    return least(lambda: apply(operation, options, inputs), runs=runs)


def operations(megapixels: float, runs: int) -> Iterator[dict[str, Any]]:
    """Time each operation, by increasing memory use."""
    blur = {"focal_disparity": 0.5, "f_number": 2.0}
    for name, size, options in (
        ("lens_blur", PREVIEW_MP, blur),
        ("white_balance", megapixels, {}),
        ("depth", megapixels, {}),
        ("lens_blur", megapixels, blur),
        ("portrait", megapixels, {}),
        ("super_resolution", ENLARGED_MP, {"scale": 4}),
    ):
        yield {"operation": name, "megapixels": size, **timed(name, size, dict(options), runs=runs)}


def pixels() -> Iterator[dict[str, Any]]:
    """Time operations on pictures of increasing size."""
    for operation in ("depth", "white_balance"):
        for megapixels in PIXELS_MP:
            yield {"operation": operation, "x": megapixels, **timed(operation, megapixels, {})}


def radius() -> Iterator[dict[str, Any]]:
    """Time the lens blur with increasing radius."""
    for px in RADII_PX:
        yield {"operation": "lens_blur", "x": px, **timed("lens_blur", CURVE_MP, {**BLUR, "max_radius": float(px)})}


def threads() -> Iterator[dict[str, Any]]:
    """Time operations with an increasing number of threads; the wall-clock times need an idle machine."""
    for operation in THREADED:
        for count in range(1, len(os.sched_getaffinity(0)) + 1):
            command = [sys.executable, "-m", "benchmarks.speed", "--inside", str(count), "--operation", operation]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
            yield {"operation": operation, "x": count, **json.loads(done.stdout)}


CURVES: dict[str, tuple[Callable[[], Iterator[dict[str, Any]]], str]] = {
    "pixels": (pixels, "megapixels"),
    "radius": (radius, "radius of the blur in pixels"),
    "threads": (threads, "threads"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--curves", nargs="*", default=[], choices=CURVES)
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--operation", help=argparse.SUPPRESS)
    parser.add_argument("--draw", type=Path, metavar="FILE")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--plots", type=Path, metavar="FOLDER")
    chosen = parser.parse_args()
    if chosen.inside:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: chosen.inside])  # before any thread starts
        name = chosen.operation
        print(json.dumps(timed(name, THREADED[name], BLUR if name == "lens_blur" else {})))
        return
    if chosen.draw:
        result = json.loads(chosen.draw.read_text(encoding="utf-8"))
    else:
        rows = [] if chosen.curves else list(operations(chosen.megapixels, chosen.runs))
        result = {"rows": rows, "curves": {name: list(CURVES[name][0]()) for name in chosen.curves}}
        result["machine"] = machine()
        for each in filter(None, (rows, *result["curves"].values())):
            print(table(each), end="\n\n")
    publish(result, chosen.output)
    for name, rows in result["curves"].items() if chosen.plots else ():
        (chosen.plots / f"scaling-{name}.svg").write_text(plot(name, rows), encoding="utf-8")


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
            f'<text x="{side}" y="{HEIGHT - 12}" text-anchor="end">{CURVES[name][1]}</text>',
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    main()
