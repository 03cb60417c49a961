"""Compare a graphics card's results with the processor's, and time what users run on it, within a time limit.

    python -m benchmarks.gpu [--photo FILE] [--batch N] [--seconds S] [-o FILE]

The same small pictures are computed on the processor in float32 and on the card with its default precision (TF32
products on recent cards), and the differences are compared with `TOLERANCES`. Meanwhile, another process compiles
the programs for the large pictures. Then depth, portrait blur and super-resolution are timed in one process, and
the portrait blur also by `dioptre run`, by the editors' worker, and by `dioptre batch`. The result cache is off.

Parts for which no time is left are skipped and listed. The exit code is 1 if a result is not within its tolerance or
a part failed. `--any-device` runs everything without a card, to try the script; `--quick` uses small pictures.
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
from typing import IO, Any

import numpy as np
from PIL import Image

from dioptre_link.errors import DioptreError

ROOT = Path(__file__).resolve().parents[1]
PHOTO = ROOT / "examples" / "astronaut.jpg"
TOLERANCES: Mapping[str, tuple[float, float]] = {
    "depth": (0.004, 0.03),
    "subject": (0.004, 0.10),
    "lens blur": (0.0005, 0.004),
    "white balance": (0.002, 0.008),
    "super-resolution": (0.001, 0.008),
    "portrait": (0.004, 0.03),
}
"""Largest accepted mean difference and 99th percentile of the differences, of the range 0 to 1."""
SIZES = {"full": (12.0, 50.0), "quick": (0.3, 0.6)}  # megapixels
_LONG_S = 8.0  # further runs of an operation begin only if the earlier ones took less
_SMALL_PX = 640  # longer side of the pictures that are compared
_ALREADY_SHARP: Mapping[str, Any] = {"earlier_enlargement": 1.0}  # the large pictures are enlarged examples
_SETTINGS = {"DIOPTRE_KEEP": "0", "DIOPTRE_ACCELERATOR": "none"}
_PROCESSOR = {"JAX_PLATFORMS": "cpu", "DIOPTRE_PRECISION": "float32"} | {
    # In JAX 0.11, Fourier transforms in all of XLA's threads at once wait for each other forever.
    variable: str(4 * (os.cpu_count() or 1))
    for variable in ("NPROC", "PJRT_NPROC")
}


def sized(photo: Path, megapixels: float) -> Image.Image:
    """Return the photograph with this many megapixels and some grain, so that no area is perfectly smooth."""
    picture = Image.open(photo).convert("RGB")
    scale = (megapixels * 1e6 / (picture.width * picture.height)) ** 0.5
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 3, (picture.height, picture.width, 1))
    return Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))


def pixels(picture: Image.Image) -> np.ndarray:
    """Return a picture as float32 (H, W, 3) in [0, 1]."""
    return np.asarray(picture, np.float32) / 255


def compute(photo: Path, target: Path) -> None:
    """Write the results of each operation on small pictures to a file (part of a child process)."""
    import dioptre

    picture = Image.open(photo).convert("RGB")
    picture.thumbnail((_SMALL_PX, _SMALL_PX))
    small = pixels(picture)
    height, width = small.shape[:2]
    slope = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (height, width)).copy()
    made = {
        "depth": dioptre.estimate_depth(small).disparity,
        "subject": dioptre.find_subject(small).alpha,
        "lens blur": dioptre.lens_blur(small, slope, focal_disparity=0.8, max_radius=20.0).image,
        "white balance": dioptre.white_balance(small).image,
        "super-resolution": dioptre.super_resolution(small[:160, :200], scale=4, **_ALREADY_SHARP),
        "portrait": dioptre.portrait(small).image,
    }
    np.savez(target, **{name: np.asarray(values) for name, values in made.items()})


def clock(photo: Path, megapixels: tuple[float, float], runs: int) -> None:
    """Run everything once, wait for a line on the standard input, time it, and print JSON rows (in a child)."""
    import jax

    import dioptre

    usual, large = (pixels(sized(photo, size)) for size in megapixels)
    ways: dict[str, tuple[float, Callable[[], object]]] = {
        "depth": (megapixels[0], lambda: dioptre.estimate_depth(usual)),
        "portrait": (megapixels[0], lambda: dioptre.portrait(usual)),
        "super-resolution x4": (
            megapixels[0],
            lambda: dioptre.super_resolution(usual, scale=4, **_ALREADY_SHARP),
        ),
        "portrait, large": (megapixels[1], lambda: dioptre.portrait(large)),
    }
    first = {name: seconds(work) for name, (_, work) in ways.items()}
    print(json.dumps({"ready": True}), flush=True)
    sys.stdin.readline()
    for name, (size, work) in ways.items():
        fastest = least(work, runs)
        stats = jax.devices()[0].memory_stats() or {}
        row = {"what": name, "megapixels": size, "first_s": first[name], "seconds": fastest}
        row |= {key: round(stats[key] / 2**20) for key in ("peak_bytes_in_use", "bytes_limit") if key in stats}
        print(json.dumps(row), flush=True)


def seconds(work: Callable[[], object]) -> float:
    """Return how many seconds `work` takes."""
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 3)


def least(work: Callable[[], object], runs: int) -> float:
    """Return the shortest of several times, fewer if they take long in all."""
    times = [seconds(work)]
    while len(times) < runs and sum(times) < _LONG_S:
        times.append(seconds(work))
    return min(times)


def device() -> dict[str, Any]:
    """Return the names and versions of what computes (in a child)."""
    import jax

    from dioptre.runtime import processor_name

    return {
        "device": jax.devices()[0].device_kind,
        "backend": jax.default_backend(),
        "processor": processor_name(),
        "cores": len(os.sched_getaffinity(0)),
        "jax": jax.__version__,
    }


def child(options: argparse.Namespace) -> None:
    """Run one part in this process."""
    from dioptre import runtime

    runtime.prepare()
    match options.part:
        case "device":
            print(json.dumps(device()))
        case "compute":
            compute(options.photo, options.output)
        case "clock":
            clock(options.photo, SIZES["quick" if options.quick else "full"], options.runs)


class Race:
    """The parts of one measurement, the time left for them, and their results."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.folder = folder
        self.megapixels = SIZES["quick" if options.quick else "full"][0]
        self.rows: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self._processes: list[subprocess.Popen[str]] = []
        self._ends = time.monotonic() + options.seconds

    def left_s(self) -> float:
        """Return the seconds left; raise TimeoutError if there are none."""
        left = self._ends - time.monotonic()
        if left < 1:
            raise TimeoutError("no time left")
        return left

    def part(self, name: str, work: Callable[[], None]) -> None:
        """Run a part and record its errors, so that the others still run."""
        started = time.monotonic()
        try:
            self.left_s()
            work()
        except (OSError, subprocess.SubprocessError, RuntimeError, DioptreError) as error:
            self.faults.append(f"{name}: {type(error).__name__}: {error}")
        print(f"# {name}: {time.monotonic() - started:.1f} s", flush=True)

    def add(self, **row: Any) -> None:
        self.rows.append(row)
        print(json.dumps(row), flush=True)

    def command(self, part: str, *more: str) -> list[str]:
        options = self.options
        arguments = ["--part", part, "--photo", str(options.photo), "--runs", str(options.runs), *more]
        return [sys.executable, "-m", "benchmarks.gpu", *arguments, *(["--quick"] if options.quick else [])]

    def start(self, command: list[str], **settings: str) -> subprocess.Popen[str]:
        """Start a process whose errors go to a file."""
        with (self.folder / "errors.txt").open("a", encoding="utf-8") as errors:
            process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env={**os.environ, **settings},
            )
        self._processes.append(process)
        return process

    def end(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.kill()

    def finish(self, process: subprocess.Popen[str]) -> str:
        """Wait for a process and return its output; end it when there is no time left.

        Raises:
            RuntimeError: the process failed.
            TimeoutError: there is no time left.
        """
        try:
            output, _ = process.communicate(timeout=self.left_s())
        except (subprocess.TimeoutExpired, TimeoutError):
            process.kill()
            raise TimeoutError("no time left") from None
        if process.returncode:
            tail = (self.folder / "errors.txt").read_text(encoding="utf-8", errors="replace")[-1500:]
            raise RuntimeError(f"exit code {process.returncode}\n{tail}")
        return output

    def run(self, command: list[str], **settings: str) -> str:
        return self.finish(self.start(command, **settings))


def compared(race: Race) -> None:
    """Compute the small pictures on both devices and compare the results."""
    names = {"processor": _PROCESSOR, "card": {}}
    files = {name: race.folder / f"{name}.npz" for name in names}
    running = {
        name: race.start(race.command("compute", "-o", str(files[name])), **settings)
        for name, settings in names.items()
    }
    for process in running.values():
        race.finish(process)
    one, other = (np.load(files[name]) for name in names)
    for name, (mean, most) in TOLERANCES.items():
        apart = np.abs(one[name].astype(np.float64) - other[name])
        found = float(apart.mean()), float(np.quantile(apart, 0.99)), float(apart.max())
        equal = bool(found[0] <= mean and found[1] <= most)
        race.add(what=f"{name}: card against processor", mean=found[0], p99=found[1], max=found[2], equal=equal)
        if not equal:
            race.faults.append(f"{name}: mean {found[0]:.5f} (allowed {mean}), 99 % {found[1]:.5f} (allowed {most})")


def timed(race: Race, clocked: subprocess.Popen[str]) -> None:
    """Let the prepared process time its operations."""
    lines = follow(race, clocked.stdout)
    next(lines)  # ready
    assert clocked.stdin is not None
    clocked.stdin.write("\n")
    clocked.stdin.flush()
    for row in lines:
        race.add(**row)
    race.finish(clocked)


def follow(race: Race, output: IO[str] | None) -> Iterator[dict[str, Any]]:
    """Yield the JSON rows that a process prints, as long as there is time.

    Raises:
        TimeoutError: there is no time left.
    """
    from selectors import EVENT_READ, DefaultSelector

    assert output is not None
    with DefaultSelector() as selector:
        selector.register(output, EVENT_READ)
        while True:
            if not selector.select(race.left_s()):
                raise TimeoutError("no time left")
            line = output.readline()
            if not line:
                return
            yield json.loads(line)


def run_path(race: Race, photo: Path) -> None:
    """Time `dioptre run` from file to files: with programs to compile, then without."""
    times = []
    for index in range(3):
        command = [sys.executable, "-m", "dioptre", "run", str(photo), "-o", str(race.folder / f"run{index}")]
        times.append(seconds(lambda command=command: race.run(command)))  # type: ignore[misc]
    race.add(what="dioptre run", megapixels=race.megapixels, first_s=times[0], seconds=min(times[1:]))


def worker_path(race: Race, photo: Path) -> None:
    """Time the portrait blur in the editors' worker, pixels out and in included, and read the card's memory."""
    from dioptre_link.client import Worker
    from dioptre_link.operation import Role
    from dioptre_link.wire import PixelFormat

    picture = np.asarray(Image.open(photo))
    layout = PixelFormat("u8", channels=3)
    kept = [f"{name}={os.environ[name]}" for name in ("PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ]
    cache = f"JAX_COMPILATION_CACHE_DIR={os.environ['JAX_COMPILATION_CACHE_DIR']}"
    command = ["env", *kept, cache, sys.executable, "-m", "dioptre.worker", "--no-warm-up"]

    def job(worker: Worker) -> None:
        with worker.new_buffer(picture.shape[1], picture.shape[0], layout) as buffer:
            for first, rows in buffer.bands():
                buffer.write_rows(first, picture[first : first + rows].tobytes())
            submitted = worker.submit(
                "portrait", {}, {"picture": buffer}, colour_format=PixelFormat("u8", channels=4), roles=[Role.RESULT]
            )
            while (answer := submitted.poll()) is None or not hasattr(answer, "layers"):
                race.left_s()
                time.sleep(0.01)
            for layer in answer.layers:
                for first, rows in layer.buffer.bands():
                    layer.buffer.read_rows(first, rows)
            answer.delete()

    with Worker("benchmark", command=command) as worker:
        try:
            start_s = seconds(worker.connect)
            times = [seconds(lambda: job(worker)) for _ in range(4)]
            held = card_memory_mib()
        finally:
            worker.shut_down()
    row = {"first_s": times[0], "seconds": min(times[1:]), "start_s": start_s, "card_mib": held}
    race.add(what="worker", megapixels=race.megapixels, **row)


def card_memory_mib() -> list[int]:
    """Return the card's memory in MiB: in use by all programs, and the total; nothing without nvidia-smi."""
    query = ["nvidia-smi", "--query-gpu=memory.used,memory.total", "--format=csv,noheader,nounits"]
    try:
        text = subprocess.run(query, capture_output=True, text=True, check=True, timeout=20).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    return [int(value) for value in text.splitlines()[0].split(",")]


def batch_path(race: Race, photo: Path) -> None:
    """Time `dioptre batch` with several numbers of processes, the default first."""
    folder = race.folder / "photos"
    folder.mkdir()
    picture = Image.open(photo)
    for index in range(race.options.batch):
        shown = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if index % 2 else picture
        shown.point([min(255, value * (100 - index % 20) // 100) for value in range(256)] * 3).save(
            folder / f"{index:02}.jpg", quality=92
        )
    for processes in (None, 1, 4):
        chosen = [] if processes is None else ["--processes", str(processes)]
        out = race.folder / f"batch{processes}"
        command = [sys.executable, "-m", "dioptre", "batch", str(folder), "-o", str(out), *chosen]
        took = seconds(lambda command=command: race.run(command))  # type: ignore[misc]
        name = "default" if processes is None else str(processes)
        each = round(took / race.options.batch, 3)
        race.add(
            what=f"batch, processes: {name}",
            megapixels=race.megapixels,
            seconds=took,
            each_s=each,
            pictures=race.options.batch,
        )


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run all parts and return the results."""
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder / "compiled"))
    os.environ.update({**_SETTINGS, "DIOPTRE_HOME": str(folder / "home")})
    race = Race(options, folder)
    found = json.loads(race.run(race.command("device")))
    print(json.dumps(found), flush=True)
    if found["backend"] == "cpu" and not options.any_device:
        raise SystemExit("JAX finds no graphics card. Use --any-device to try the script without one.")
    photo = folder / "photo.jpg"
    sized(options.photo, race.megapixels).save(photo, quality=92)
    clocked = race.start(race.command("clock"))
    race.part("equality, and compiling", lambda: compared(race))
    race.part("one process", lambda: timed(race, clocked))
    race.part("run", lambda: run_path(race, photo))
    race.part("worker", lambda: worker_path(race, photo))
    race.part("batch", lambda: batch_path(race, photo))
    race.end()
    errors = (folder / "errors.txt").read_text(encoding="utf-8", errors="replace")
    tolerances = {name: list(values) for name, values in TOLERANCES.items()}
    return {
        "machine": found,
        "card_mib": card_memory_mib(),
        "tolerances": tolerances,
        "rows": race.rows,
        "faults": race.faults,
        "errors": errors[-8000:],
    }


def table(result: Mapping[str, Any]) -> str:
    """Return the results as text."""
    machine = result["machine"]
    lines = [f"{machine['device']}, JAX {machine['jax']}; {machine['processor']}, {machine['cores']} cores"]
    for row in result["rows"]:
        if "equal" in row:
            words = "equal" if row["equal"] else "DIFFERENT"
            lines.append(f"{row['what']:42} mean {row['mean']:.5f}  99% {row['p99']:.5f}  max {row['max']:.4f}  {words}")
            continue
        more = {key: row[key] for key in row if key not in {"what", "megapixels", "seconds"}}
        told = "  ".join(f"{key} {value}" for key, value in more.items())
        lines.append(f"{row['what']:26} {row['megapixels']:5.1f} MP {row['seconds']:8.2f} s  {told}")
    return "\n".join([*lines, *(f"FAULT {fault}" for fault in result["faults"])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path, default=PHOTO)
    parser.add_argument("--batch", type=int, default=50, help="photographs of the batch")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the fastest counts")
    parser.add_argument("--seconds", type=float, default=480, help="time limit")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--any-device", action="store_true")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--part", choices=("device", "compute", "clock"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        child(options)
        return
    with tempfile.TemporaryDirectory(prefix="dioptre-gpu-", ignore_cleanup_errors=True) as folder:
        result = measure(options, Path(folder))
    if options.output:
        options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))
    raise SystemExit(1 if result["faults"] else 0)


if __name__ == "__main__":
    main()
