"""Compare a graphics card's results with the processor's, and time what users run on it, within a time limit.

    python -m benchmarks.gpu [--photo FILE] [--batch N] [--seconds S] [--autotune LEVEL] [-o FILE]

One process on the card computes small pictures, which another computes on the processor in float32. It then
times depth, portrait blur and super-resolution of large ones, and their first runs, which compile. Then
`dioptre run`, the editors' worker and `dioptre batch` are timed on one of these pictures. The result cache is
off. Each row is printed as soon as it is known, and what does not fit into the time is listed. The exit code is
1 if a result is not within `TOLERANCES` or a part failed. While it compiles, XLA tries several implementations
of each product, which takes most of the first run; `--autotune 0` prevents that. `--any-device` and `--quick`
try the script without a card.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.frame import EXAMPLES, ROOT, machine, publish, table, timed
from dioptre_link.errors import DioptreError
from dioptre_link.paths import data_dir

TOLERANCES: Mapping[str, tuple[float, float]] = {
    "depth": (0.004, 0.03),
    "subject": (0.004, 0.10),
    "portrait": (0.004, 0.03),
    "super-resolution": (0.001, 0.008),
    "lens blur": (0.0005, 0.004),
    "white balance": (0.002, 0.008),
}
"""Largest accepted mean difference and 99th percentile of the differences, of the range 0 to 1. Cards multiply with
TF32 by default, which has 10 bits of mantissa."""

USUAL_MP, LARGE_MP, QUICK_MP = 12.0, 50.0, 0.3
SMALL_PX = 640  # longer side of the pictures that are compared
CARD_SHARE = 0.65  # of the time, for the one process on the card
LONG_S = 8.0  # further runs of an operation begin only if the earlier ones took less
_SETTINGS = {"DIOPTRE_KEEP": "0"}
_PROCESSOR = {"JAX_PLATFORMS": "cpu", "DIOPTRE_PRECISION": "float32"} | {
    # In JAX 0.11, Fourier transforms in all of XLA's threads at once wait for each other forever.
    variable: str(4 * (os.cpu_count() or 1))
    for variable in ("NPROC", "PJRT_NPROC")
}


def sized(photo: Path, megapixels: float) -> Image.Image:
    """Return the photograph with this many megapixels and some grain, so that no area is perfectly smooth."""
    picture = Image.open(photo).convert("RGB")
    scale = (megapixels * 1e6 / (picture.width * picture.height)) ** 0.5
    size = round(picture.width * scale), round(picture.height * scale)
    picture = picture.resize(size, Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 3, (picture.height, picture.width, 1))
    return Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))


def small_works(photo: Path) -> dict[str, Callable[[], np.ndarray]]:
    """Return functions that compute each operation's result on a small picture, the cheapest to compile first."""
    import dioptre

    with Image.open(photo) as image:
        image.thumbnail((SMALL_PX, SMALL_PX))
        small = np.asarray(image.convert("RGB"), np.float32) / 255
    height, width = small.shape[:2]
    slope = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (height, width)).copy()
    tile = small[:160, :200]
    return {
        "white balance": lambda: dioptre.white_balance(small).image,
        "depth": lambda: dioptre.estimate_depth(small).disparity,
        "lens blur": lambda: (
            dioptre.lens_blur(small, slope, focus=dioptre.Focus(focal_disparity=0.8, max_radius_px=20.0)).image
        ),
        "super-resolution": lambda: dioptre.super_resolution(tile, scale=4),
        "subject": lambda: dioptre.find_subject(small).alpha,
        "portrait": lambda: dioptre.portrait(small).image,
    }


def compute(options: argparse.Namespace) -> None:
    """Compute the small pictures, and the large ones if this is the card, and print a row for each (in a child)."""
    import jax

    import dioptre

    for name, result in small_works(options.photo).items():
        began = time.perf_counter()
        np.save(options.output / f"{options.part}-{name}.npy", np.asarray(result()))
        print(json.dumps({"compare": name, "first_s": round(time.perf_counter() - began, 2)}), flush=True)
    if options.part == "processor":
        return
    usual_mp, large_mp = (QUICK_MP, 2 * QUICK_MP) if options.quick else (USUAL_MP, LARGE_MP)
    usual = np.asarray(sized(options.photo, usual_mp), np.float32) / 255
    large = np.asarray(sized(options.photo, large_mp), np.float32) / 255
    ways: tuple[tuple[str, float, Callable[[], object]], ...] = (
        ("depth", usual_mp, lambda: dioptre.estimate_depth(usual)),
        ("portrait", usual_mp, lambda: dioptre.portrait(usual)),
        (
            "super-resolution x4",
            usual_mp,
            lambda: dioptre.super_resolution(usual, scale=4),
        ),
        ("portrait", large_mp, lambda: dioptre.portrait(large)),
    )
    for name, megapixels, work in ways:
        first, times = timed(work)[0], [timed(work)[0]]
        while len(times) < options.runs and sum(times) < LONG_S:
            times.append(timed(work)[0])
        row = {"what": name, "megapixels": megapixels, "first_s": first, "seconds": min(times)}
        stats = jax.devices()[0].memory_stats() or {}
        row |= {key: round(stats[key] / 2**20) for key in ("peak_bytes_in_use", "bytes_limit") if key in stats}
        print(json.dumps(row), flush=True)


class Race:
    """The parts of one measurement, the time left for them, and their results."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.megapixels = QUICK_MP if options.quick else USUAL_MP
        self.rows: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self._processes: list[subprocess.Popen[str]] = []
        self._began = time.monotonic()

    def left_s(self, share: float = 1.0) -> float:
        """Return the seconds left of a share of the time; raise TimeoutError if there are none."""
        left = self._began + share * self.options.seconds - time.monotonic()
        if left < 1:
            raise TimeoutError("no time left")
        return left

    def check(self) -> None:
        """Raise TimeoutError if there is no time left."""
        self.left_s()

    def part(self, name: str, work: Callable[[], None]) -> None:
        """Run a part and record its errors, so that the others still run."""
        try:
            self.left_s()
            work()
        except (OSError, subprocess.SubprocessError, RuntimeError, DioptreError) as error:
            self.faults.append(f"{name}: {type(error).__name__}: {error}")
        print(f"# {name}, {time.monotonic() - self._began:.0f} s", flush=True)

    def add(self, **row: Any) -> None:
        self.rows.append(
            {key: round(value, 5) if isinstance(value, float) else value for key, value in row.items()}
        )
        print(json.dumps(self.rows[-1]), flush=True)

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        """Start Python with arguments; its errors go to a file."""
        with (self.folder / "errors.txt").open("a", encoding="utf-8") as errors:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, *arguments],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env={**os.environ, **settings},
            )
        self._processes.append(process)
        return process

    def child(self, part: str, **settings: str) -> subprocess.Popen[str]:
        """Start this script for one part."""
        options = self.options
        words = ["-m", "benchmarks.gpu", "--part", part, "--photo", str(options.photo), "-o", str(self.folder)]
        return self.start(*words, "--runs", str(options.runs), *(["--quick"] if options.quick else []), **settings)

    def lines(self, process: subprocess.Popen[str], share: float = 1.0) -> Iterator[str]:
        """Yield the lines that a process prints, as long as there is time.

        Raises:
            RuntimeError: the process failed.
            TimeoutError: there is no time left; the process has been ended.
        """
        assert process.stdout is not None
        with DefaultSelector() as selector:
            selector.register(process.stdout, EVENT_READ)
            try:
                while selector.select(self.left_s(share)):
                    line = process.stdout.readline()
                    if not line:
                        break
                    yield line
                code = process.wait(timeout=self.left_s(share))
            except (TimeoutError, subprocess.TimeoutExpired):
                process.kill()
                raise TimeoutError("no time left") from None
        if code:
            raise RuntimeError(f"exit code {code}")

    def run(self, *arguments: str) -> float:
        """Run Python to its end and return the seconds that it took."""
        return timed(lambda: list(self.lines(self.start(*arguments))))[0]

    def end(self) -> None:
        for process in self._processes:
            process.kill()


def on_the_card(race: Race) -> None:
    """Run the processes on the card and on the processor, and compare their results as they come."""
    processor = race.child("processor", **_PROCESSOR)
    compared: set[str] = set()
    try:
        for line in race.lines(race.child("card"), CARD_SHARE):
            row = json.loads(line)
            race.add(**(row if "what" in row else {"what": f"{row['compare']}, small", "first_s": row["first_s"]}))
            compare(race, compared, wait=False)
        list(race.lines(processor, CARD_SHARE))
    finally:
        compare(race, compared, wait=True)


def compare(race: Race, compared: set[str], *, wait: bool) -> None:
    """Compare the results that both processes have written, once each; with `wait`, report the missing ones."""
    for name, (mean, most) in TOLERANCES.items():
        files = [race.folder / f"{part}-{name}.npy" for part in ("processor", "card")]
        if name in compared:
            continue
        try:
            one, other = (np.load(file).astype(np.float64) for file in files)
        except (OSError, ValueError, EOFError):  # not there yet, or still being written
            if wait:
                race.faults.append(f"{name}: not compared")
            continue
        compared.add(name)
        apart = np.abs(one - other)
        found = float(apart.mean()), float(np.quantile(apart, 0.99))
        equal = found[0] <= mean and found[1] <= most
        race.add(what=f"{name}, card - processor", mean=found[0], p99=found[1], max=float(apart.max()), equal=equal)
        if not equal:
            race.faults.append(f"{name}: differs by more than {mean} (mean) or {most} (99 %)")


def by_command(race: Race, photo: Path) -> None:
    """Time `dioptre run` from file to files, first with programs to compile."""
    times = [race.run("-m", "dioptre", "run", str(photo), "-o", str(race.folder / f"run{n}")) for n in range(3)]
    race.add(what="dioptre run", megapixels=race.megapixels, first_s=times[0], seconds=min(times[1:]))


def by_worker(race: Race, photo: Path) -> None:
    """Time the portrait blur in the editors' worker, pixels out and in included, and read the card's memory."""
    from dioptre_link.client import Worker
    from dioptre_link.operation import Role
    from dioptre_link.wire import PixelFormat

    with Image.open(photo) as image:
        picture = np.asarray(image)
    names = ("PYTHONPATH", "LD_LIBRARY_PATH", "JAX_COMPILATION_CACHE_DIR", "XLA_FLAGS")
    kept = [f"{name}={os.environ[name]}" for name in names if name in os.environ]

    def job(worker: Worker) -> None:
        size = picture.shape[1], picture.shape[0]
        with worker.new_buffer(*size, PixelFormat("u8", channels=3)) as buffer:
            for first, rows in buffer.bands():
                buffer.write_rows(first, picture[first : first + rows].tobytes())
            layout = PixelFormat("u8", channels=4)
            submitted = worker.submit(
                "portrait", {}, {"picture": buffer}, colour_format=layout, roles=[Role.RESULT]
            )
            result = submitted.wait(on_progress=lambda _: race.check())
            for layer in result.layers:
                for first, rows in layer.buffer.bands():
                    layer.buffer.read_rows(first, rows)
            result.delete()

    command = ["env", *kept, sys.executable, "-c", "from dioptre.worker.__main__ import serve; serve(warm=False)"]
    with Worker("benchmark", command=command) as worker:
        try:
            start_s = timed(worker.connect)[0]
            times = [timed(lambda: job(worker))[0] for _ in range(4)]
            row = {"first_s": times[0], "seconds": min(times[1:]), "start_s": start_s, "card_mib": card_mib()}
            race.add(what="worker", megapixels=race.megapixels, **row)
        finally:
            worker.shut_down()


def card_mib() -> list[int]:
    """Return the card's memory in MiB: in use by all programs, and the total; nothing without nvidia-smi."""
    query = ["nvidia-smi", "--query-gpu=memory.used,memory.total", "--format=csv,noheader,nounits"]
    try:
        text = subprocess.run(query, capture_output=True, text=True, check=True, timeout=20).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    return [int(value) for value in text.splitlines()[0].split(",")]


def by_batch(race: Race, photo: Path) -> None:
    """Time `dioptre batch` with several numbers of processes, the default first."""
    folder, count = race.folder / "photos", race.options.batch
    folder.mkdir()
    with Image.open(photo) as picture:
        for index in range(count):
            shade = [value * (100 - index % 20) // 100 for value in range(256)] * 3
            picture.point(shade).save(folder / f"{index:02}.jpg", quality=92)
    for processes in ("default", "1", "4"):
        chosen = () if processes == "default" else ("--processes", processes)
        out = str(race.folder / f"batch-{processes}")
        took = race.run("-m", "dioptre", "batch", str(folder), "-o", out, *chosen)
        name = f"batch of {count}, processes: {processes}"
        race.add(what=name, megapixels=race.megapixels, seconds=took, each_s=took / count)


def own_home(home: Path) -> None:
    """Give this process and its children a home of their own, with the installed weights, and no result cache."""
    weights = data_dir() / "weights"
    (home / "data").mkdir(parents=True)
    if weights.is_dir():
        (home / "data/weights").symlink_to(weights.resolve())
    os.environ.update({**_SETTINGS, "DIOPTRE_HOME": str(home)})


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run all parts and return the results."""
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder / "compiled"))
    own_home(folder / "home")
    if options.autotune is not None:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_autotune_level={options.autotune}"
    race = Race(options, folder)
    described = json.loads("".join(race.lines(race.child("device"))))
    print(json.dumps(described), flush=True)
    if described["backend"] == "cpu" and not options.any_device:
        raise SystemExit("JAX finds no graphics card. Use --any-device to try the script without one.")
    photo = folder / "photo.jpg"
    sized(options.photo, race.megapixels).save(photo, quality=92)
    race.part("one process", lambda: on_the_card(race))
    race.part("run", lambda: by_command(race, photo))
    race.part("worker", lambda: by_worker(race, photo))
    race.part("batch", lambda: by_batch(race, photo))
    race.end()
    errors = (folder / "errors.txt").read_text(encoding="utf-8", errors="replace")[-8000:]
    return {"machine": described, "autotune": options.autotune, "rows": race.rows, "faults": race.faults} | {
        "tolerances": TOLERANCES,
        "errors": errors,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path, default=EXAMPLES / "astronaut.jpg")
    parser.add_argument("--batch", type=int, default=50, help="photographs of the batch")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the fastest counts")
    parser.add_argument("--seconds", type=float, default=480, help="time limit")
    parser.add_argument("--autotune", type=int, help="XLA's level of autotuning, 0 to 4")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--any-device", action="store_true")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--part", choices=("device", "processor", "card"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        from dioptre import runtime

        runtime.prepare()
        if options.part == "device":
            import jax

            print(json.dumps({**machine(), "backend": jax.default_backend()}))
        else:
            compute(options)
        return
    with tempfile.TemporaryDirectory(prefix="dioptre-gpu-", ignore_cleanup_errors=True) as folder:
        result = measure(options, Path(folder))
    publish(result, options.output)
    print(result["machine"], table(result["rows"]), *result["faults"], sep="\n")
    raise SystemExit(1 if result["faults"] else 0)


if __name__ == "__main__":
    main()
