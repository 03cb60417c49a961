"""Time each operation on this machine, and how the time depends on pixels, radius and threads; draw the curves.

    python -m benchmarks.speed [--megapixels 12] [--runs 3] [-o FILE]
    python -m benchmarks.speed --curves pixels radius threads [-o FILE] [--plots FOLDER]
    python -m benchmarks.speed --draw FILE --plots FOLDER
    python -m benchmarks.speed --first PHOTO... [--runs 3]
    python -m benchmarks.speed --compilations

Close other programs first. The pictures are synthetic. The first run includes loading and compiling, or reading
compiled programs; of the later ones, the fastest counts. CPU seconds are the sum over all threads. Each number of
threads is measured in a separate process that may use the same number of cores.

`--first` times each phase of a portrait blur of photos that Dioptre has never seen, from file to files, each in a
new process that keeps nothing but compiled programs. `--compilations` counts what jobs still compile after the
warm-up of an installation that has compiled nothing, for all operations and photos of three sizes, landscape and
upright.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.frame import EXAMPLES, least, machine, publish, read, scene, table

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


def first(photo: Path, runs: int) -> Iterator[dict[str, Any]]:
    """Time the phases of a photo's first portrait; the run that takes the fewest CPU seconds counts."""
    command = [sys.executable, "-m", "benchmarks.speed", "--operation", "portrait", "--inside-first", str(photo)]
    kept_off = {**os.environ, "DIOPTRE_KEEP": "0"}
    runs_of_rows = []
    for _ in range(runs + 1):  # the first one compiles
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=kept_off)  # noqa: S603
        runs_of_rows.append(json.loads(done.stdout.splitlines()[-1]))
    least_rows = min(runs_of_rows[1:], key=lambda rows: sum(cpu for _, _, cpu in rows))
    total = ["total", sum(wall for _, wall, _ in least_rows), sum(cpu for _, _, cpu in least_rows)]
    for phase, wall, cpu in [*least_rows, total]:
        yield {"photo": photo.name, "phase": phase, "wall_s": round(wall, 3), "cpu_s": round(cpu, 3)}


def phases(photo: Path) -> list[tuple[str, float, float]]:
    """Run a photo's portrait as the command line does; return each phase with its wall-clock and CPU seconds."""
    import psutil

    begun = time.time() - psutil.Process().create_time()
    marks = [("Python", time.perf_counter() - begun, 0.0)]

    def enter(_fraction: float, phase: str) -> None:
        if phase != marks[-1][0]:
            used = os.times()
            cpu = used.user + used.system + used.children_user + used.children_system
            marks.append((phase, time.perf_counter(), cpu))

    enter(0, "Imports")
    from dioptre import photo as files
    from dioptre import runtime

    runtime.prepare()
    from dioptre.photo.outputs import Outputs
    from dioptre.recipes.apply import runner_of
    from dioptre.recipes.on_file import follow_on_file
    from dioptre_link.recipe import Recipe, Step

    runner_of("portrait")
    recipe = Recipe(steps=(Step(operation="portrait"),))
    job = follow_on_file(recipe, photo, all_layers=True, progress=enter)
    with tempfile.TemporaryDirectory() as folder:
        outputs = Outputs(recipe=job.recipe, source=photo, folder=Path(folder), stem="result")
        files.write_result(job.result, job.picture, outputs, force=True, progress=enter)
    enter(1, "")
    seconds: dict[str, tuple[float, float]] = {}
    for (phase, start, used), (_, end, after) in pairwise(marks):
        before = seconds.get(phase, (0.0, 0.0))
        seconds[phase] = before[0] + end - start, before[1] + after - used
    return [(phase, wall, cpu) for phase, (wall, cpu) in seconds.items()]


def compilations() -> Iterator[dict[str, Any]]:
    """Count the programs that are compiled by the warm-up, and then by each job."""
    from dioptre import runtime

    runtime.prepare()
    import jax
    import numpy as np

    from dioptre.contract import Inputs
    from dioptre.imaging.resize import resize
    from dioptre.recipes.apply import apply
    from dioptre.worker import warm_up
    from dioptre_link.catalogue import OPERATIONS

    compiled: Counter[str] = Counter()

    jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled.update([event]))

    def row(what: str, size: str, work: Callable[[], Any]) -> dict[str, Any]:
        before = compiled[_COMPILED]
        work()
        made = {"what": what, "size": size, "compiled": compiled[_COMPILED] - before}
        print(made, flush=True)  # the walk takes minutes
        return made

    for step in warm_up.steps():
        yield row(f"warm-up: {step.__name__}", "", partial(step, lambda *_: None))
    original = read(EXAMPLES / "astronaut.jpg")
    for wide, narrow in WALKED_PX:
        for height, width in ((narrow, wide), (wide, narrow)):
            size = f"{width} × {height}"
            whole = np.clip(resize(original, (height, width), method="bicubic"), 0, 1)
            small = resize(whole, (height * 640 // wide, width * 640 // wide), method="area")
            made: dict[str, Any] = {}

            def finish(whole: np.ndarray = whole, made: dict[str, Any] = made) -> None:
                made["layers"] = apply("portrait", {}, Inputs(picture=whole)).layers
                made["depth"] = next(each.pixels for each in made["layers"] if each.role.value == "depth")
                for layer in made["layers"]:
                    _ = layer.pixels

            for draft in (True, False):
                preview = Inputs(picture=small, whole=whole, draft=draft)
                what = "portrait, draft" if draft else "portrait, preview"
                yield row(what, size, partial(apply, "portrait", {}, preview))
            yield row("portrait", size, finish)
            near = made["depth"]
            for name, operation in OPERATIONS.items():
                if name != "portrait":
                    picture = whole[:400, :600] if operation.scaled_by else whole
                    given = Inputs(picture=picture)
                    if not operation.scaled_by and name != "depth":
                        given = Inputs(picture=picture, disparity=near, selection=(near > 0.7).astype(np.float32))
                    yield row(name, size, partial(apply, name, {}, given))


_COMPILED = "/jax/core/compile/backend_compile_duration"
WALKED_PX = ((640, 480), (1500, 1000), (2560, 1440))  # longer and shorter sides

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
    parser.add_argument("--first", nargs="+", type=Path, metavar="PHOTO")
    parser.add_argument("--inside-first", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--compilations", action="store_true")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--plots", type=Path, metavar="FOLDER")
    chosen = parser.parse_args()
    if chosen.inside:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: chosen.inside])  # before any thread starts
        name = chosen.operation
        print(json.dumps(timed(name, THREADED[name], BLUR if name == "lens_blur" else {})))
        return
    if chosen.inside_first:
        print(json.dumps(phases(chosen.inside_first)))
        return
    if chosen.first or chosen.compilations:
        with tempfile.TemporaryDirectory() as folder:
            if chosen.compilations:
                os.environ |= {"DIOPTRE_CACHE_DIR": folder, "JAX_COMPILATION_CACHE_DIR": f"{folder}/compiled"}
                rows = list(compilations())
            else:
                rows = [row for photo in chosen.first for row in first(photo, chosen.runs)]
        print(table(rows))
        publish({"rows": rows, "machine": machine()}, chosen.output)
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
