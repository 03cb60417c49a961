"""What the benchmarks share: pictures, times, a description of the machine, tables, and races against peers."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def read(path: Path) -> np.ndarray:
    """Return a photograph as float32 (H, W, 3), sRGB-encoded, 0 to 1."""
    import numpy as np
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float32) / 255


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


def machine() -> dict[str, Any]:
    """Describe the machine on which the figures are measured."""
    import jax

    from dioptre.runtime import processor_name

    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
    }


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the wall-clock seconds and the CPU seconds (of all threads) of one run."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def least(work: Callable[[], object], *, runs: int) -> dict[str, float]:
    """Return the seconds of the first run, which compiles, and the smallest ones of `runs` later runs."""
    first = timed(work)[0]
    times = [timed(work) for _ in range(runs)]
    wall, cpu = (min(each) for each in zip(*times, strict=True))
    return {"first_s": round(first, 3), "wall_s": round(wall, 4), "cpu_s": round(cpu, 4)}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a Markdown table; floats have three digits after the point."""
    columns = list(dict.fromkeys(name for row in rows for name in row))

    def cell(value: Any) -> str:
        return f"{value:.3f}" if isinstance(value, float) else str(value)

    lines = [columns, ["---"] * len(columns), *([cell(row.get(name, "")) for name in columns] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def publish(result: Mapping[str, Any], output: Path | None) -> None:
    """Write the results as JSON if there is an output file."""
    if output:
        output.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def race(engines: Sequence[str], command: Sequence[str], *, threads: int, rounds: int) -> list[dict[str, Any]]:
    """Time engines on the same work in rotation, each in a process of its own, and return a row for each.

    Other load on the machine slows all engines of a round equally, so the ratios are medians over the rounds, each
    relative to the first available engine. On a busy machine, use one thread and compare CPU seconds.

    Args:
        engines: names of the engines, the reference first.
        command: the arguments with which Python, followed by an engine's name, starts a process that calls `serve`.
        threads: number of threads, and of processor cores, of each engine.
        rounds: how often each engine runs.
    """
    children = {engine: _start([*command, engine], threads) for engine in engines}
    times: dict[str, list[tuple[float, float]]] = {}
    for engine, process in children.items():
        if _reply(process) == "ready":
            times[engine] = []
        else:
            print(f"{engine}: not available", flush=True)
    for _ in range(rounds):
        for engine, measured in times.items():
            _ask(children[engine])
            wall, cpu = json.loads(_reply(children[engine]))
            measured.append((wall, cpu))
    for process in children.values():
        process.communicate(timeout=60)
    base = next(iter(times.values()))
    return [
        {
            "engine": engine,
            "wall_s": min(wall for wall, _ in measured),
            "cpu_s": min(cpu for _, cpu in measured),
            "wall_ratio": median(a[0] / b[0] for a, b in zip(measured, base, strict=True)),
            "cpu_ratio": median(a[1] / b[1] for a, b in zip(measured, base, strict=True)),
        }
        for engine, measured in times.items()
    ]


def serve(work: Callable[[], object]) -> None:
    """Run `work` each time the parent process asks for it, and print how long it took."""
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(timed(work)), flush=True)


def _start(arguments: list[str], threads: int) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        preexec_fn=lambda: os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads]),
    )


def _ask(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("run\n")
    process.stdin.flush()


def _reply(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def psnr(made: np.ndarray, truth: np.ndarray) -> float:
    """Return the PSNR in dB of values from 0 to 1."""
    import numpy as np

    return float(-10 * np.log10(np.mean(np.square(made - truth))))


def ssim_map(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return SSIM at each pixel, mean of the channels, with a 7 x 7 window (Wang et al. 2004)."""
    from scipy import ndimage

    def mean(values: np.ndarray) -> np.ndarray:
        return ndimage.uniform_filter(values, (7, 7, 0))

    a, b = mean(one), mean(other)
    va, vb, c = mean(one * one) - a * a, mean(other * other) - b * b, mean(one * other) - a * b
    return (((2 * a * b + 1e-4) * (2 * c + 9e-4)) / ((a * a + b * b + 1e-4) * (va + vb + 9e-4))).mean(-1)
