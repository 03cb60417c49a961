"""The command `dioptre bench`: measure the time of each operation on this machine."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dioptre_link.catalogue import depth, lens_blur, portrait, super_resolution, white_balance
from dioptre_link.errors import UsageError
from dioptre_link.operation import Operation

from . import depth_bench, log
from .reporting import say

if TYPE_CHECKING:
    import numpy as np

_PREVIEW_MEGAPIXELS = 0.27  # size of an editor's preview, which is 640 pixels wide
_ENLARGED_MEGAPIXELS = 0.25  # size of the picture for super-resolution, which multiplies it by 16


@dataclass(frozen=True, kw_only=True)
class Row:
    """The time of one operation.

    Attributes:
        name: name of the row.
        megapixels: size of the input.
        first_s: time of the first run, including loading and compiling (or reading compiled programs).
        wall_s: shortest time of the later runs.
        cpu_s: smallest CPU time of the later runs, summed over all threads.
        peak_gib: peak memory of the process so far.
    """

    name: str
    megapixels: float
    first_s: float
    wall_s: float
    cpu_s: float
    peak_gib: float


@click.command(name="bench")
@click.option("--megapixels", type=click.FloatRange(0.01, 200), default=12.0, show_default=True)
@click.option(
    "--runs",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="Runs per operation; the fastest counts.",
)
@click.option("--only", "chosen", multiple=True, metavar="NAME", help="Time only this operation. Can be repeated.")
@click.option(
    "--ceilings", is_flag=True, help="Also show the fraction of the machine's peak performance that is reached."
)
@click.option(
    "--depth",
    "pictures",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DATA",
    help="Measure the accuracy of the installed depth networks on a folder of pictures with measured depth, "
    "instead of times: NAME.depth.png (16-bit millimetres) or NAME.depth.tif (metres) beside each NAME.jpg.",
)
@click.option(
    "--model", "models", multiple=True, metavar="ID", help="With --depth: only this network. Can be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Also write the results to this file."
)
def command(
    megapixels: float,
    runs: int,
    chosen: tuple[str, ...],
    pictures: Path | None,
    models: tuple[str, ...],
    *,
    as_json: bool,
    output: Path | None,
    ceilings: bool,
) -> None:
    """Time each operation on a synthetic picture, or measure depth networks.

    Close other programs first. Use the figures to compare machines or versions. For comparisons with other
    programs, see benchmarks/ in the source.
    """
    log.start(verbose=False)
    from dioptre import runtime

    runtime.prepare_if_needed()
    if pictures is not None:
        rows = depth_bench.measure(pictures, models, as_json=as_json)
        if output:
            output.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")
        return
    if models:
        raise UsageError("--model needs --depth.", hint="Specify a folder: --depth DATA.")
    tasks = dict(_tasks(megapixels))
    if unknown := set(chosen) - set(tasks):
        raise UsageError(
            "There is no benchmark named {name}.",
            hint="Available: {names}.",
            name=unknown.pop(),
            names=", ".join(tasks),
        )
    described = machine()
    _tell({"type": "machine", **described}, _machine_words(described), as_json=as_json)
    rows = []
    for name in chosen or tasks:
        size, prepared = tasks[name]
        row = _measured(name, size, prepared(), runs=runs)
        rows.append(asdict(row))
        _tell({"type": "row", **rows[-1]}, _row_words(row), as_json=as_json)
    made: dict[str, Any] = {"machine": described, "rows": rows}
    if ceilings:
        made |= _shares(as_json=as_json)
    if output:
        output.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


def _shares(*, as_json: bool) -> dict[str, Any]:
    from .ceilings import ceilings, reached

    most = ceilings()
    words = (
        f"\nper CPU second: matrix products {most.gflop_per_cpu_s:.0f} GFLOP, memory {most.gb_per_cpu_s:.1f} GB\n"
    )
    _tell({"type": "ceilings", **asdict(most)}, words, as_json=as_json)
    shares = []
    for each in reached(most):
        shares.append(asdict(each))
        words = f"{each.name:22} {each.amount:7.2f} {each.unit:5} {each.cpu_s:7.3f} s cpu {100 * each.share:4.0f} %"
        _tell({"type": "share", **shares[-1]}, words, as_json=as_json)
    return {"ceilings": asdict(most), "shares": shares}


def _tell(fields: Mapping[str, Any], words: str, *, as_json: bool) -> None:
    say(json.dumps(fields)) if as_json else say(words, lines=True)


def _machine_words(described: Mapping[str, Any]) -> str:
    return (
        "{processor}, {cores} cores, load {load}; {device}; JAX {jax}, Python {python}\n\n"
        "                       megapixels   first      wall     cpu    peak memory"
    ).format_map(described)


def _row_words(row: Row) -> str:
    return (
        f"{row.name:22} {row.megapixels:10.2f} {row.first_s:7.2f} s {row.wall_s:7.3f} s {row.cpu_s:6.2f} s"
        f" {row.peak_gib:8.2f} GiB"
    )


def machine() -> dict[str, Any]:
    """Describe the machine on which the figures were measured."""
    import jax

    from dioptre.runtime import processor_name

    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
    }


def _measured(name: str, megapixels: float, work: Callable[[], object], *, runs: int) -> Row:
    def timed() -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        return time.perf_counter() - wall, time.process_time() - cpu

    first, _ = timed()
    times = [timed() for _ in range(runs)]
    return Row(
        name=name,
        megapixels=megapixels,
        first_s=round(first, 3),
        wall_s=round(min(wall for wall, _ in times), 4),
        cpu_s=round(min(cpu for _, cpu in times), 4),
        peak_gib=round(_peak_gib(), 2),
    )


def _peak_gib() -> float:
    try:
        import resource
    except ImportError:  # Windows does not provide this counter
        return float("nan")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2 ** (30 if sys.platform == "darwin" else 20)


Prepared = Callable[[], Callable[[], object]]
"""Function that creates the inputs and returns the function to time."""


def _tasks(megapixels: float) -> Iterator[tuple[str, tuple[float, Prepared]]]:
    """Yield the name, the size of the input in megapixels and the task of each row, by increasing memory use."""
    from dioptre.imaging.layers import Inputs
    from dioptre.recipes.apply import apply

    def task(operation: Operation, size: float, **options: Any) -> tuple[float, Prepared]:
        def prepared() -> Callable[[], object]:
            picture, disparity = scene(size)
            inputs = Inputs(picture=picture, disparity=disparity if operation.finds_depth_layer else None)
            return lambda: apply(operation.name, options, inputs)

        return size, prepared

    blur = {"focal_disparity": 0.5, "f_number": 2.0}
    yield "lens-blur-preview", task(lens_blur.OPERATION, _PREVIEW_MEGAPIXELS, **blur)
    yield "white-balance", task(white_balance.OPERATION, megapixels)
    yield "depth", task(depth.OPERATION, megapixels)
    yield "lens-blur", task(lens_blur.OPERATION, megapixels, **blur)
    yield portrait.OPERATION.command, task(portrait.OPERATION, megapixels)
    yield "super-resolution", task(super_resolution.OPERATION, _ENLARGED_MEGAPIXELS, scale=4)


def scene(megapixels: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture and disparity of a synthetic scene (4:3): a wall, a floor and a ball in focus."""
    import numpy as np

    from dioptre.imaging.resize import resize

    height, width = (max(round((megapixels * 1e6 * ratio) ** 0.5), 16) for ratio in (3 / 4, 4 / 3))
    rng = np.random.default_rng(0)
    textures = [
        resize(
            rng.uniform(0, 1, (max(height // cell, 2), max(width // cell, 2), 3)).astype(np.float32),
            (height, width),
        )
        for cell in (2, 9, 40)
    ]
    y, x = np.mgrid[:height, :width].astype(np.float32) / height
    disparity = np.where(y > 0.55, (y - 0.55) * 1.6, 0.0)
    disparity = np.where(np.hypot(y - 0.5, x - 0.6) < 0.25, 0.5, disparity).clip(0, 1)
    return np.clip(sum(textures) / 3, 0, 1).astype(np.float32), disparity.astype(np.float32)
