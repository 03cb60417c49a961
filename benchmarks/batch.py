"""Compare the speed of a batch with that of plain loops, in one process per core and in a single process.

    python -m benchmarks.batch [--pictures N] [--side PX] [--rounds N] [-o FILE]

The methods run in rotation, so that other load on the
machine affects them equally; compare their CPU seconds. Every process is warmed up with a first picture.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.frame import EXAMPLES, publish, table
from dioptre.batch.batch import run_batch
from dioptre.batch.engine import Executor
from dioptre.batch.here import LocalExecutor, cores
from dioptre.batch.work import Made, Task, make, prepare
from dioptre.recipes.on_file import sha256_of
from dioptre_link.recipe import Recipe, Step

Measured = tuple[float, float]  # Wall-clock seconds and CPU seconds of one run.
PORTRAIT = Recipe(steps=(Step(operation="portrait"),))


class Quiet:
    """A batch watcher that reports nothing and raises the first failure."""

    def made(self, *_: Any) -> None: ...

    def failed(self, item: Any, error: Exception) -> None:
        raise error

    def progress(self, *_: Any) -> None: ...


def pictures(folder: Path, count: int, side_px: int) -> list[Path]:
    """Write `count` test photographs, made from the examples, into `folder`.

    Args:
        folder: Existing folder that receives the JPEG files.
        count: Number of photographs. Examples repeat with a different rotation.
        side_px: Width of each photograph in pixels; the height is two thirds of the width, before the rotation.

    Returns:
        The paths of the photographs, in the order of their names.
    """
    from PIL import Image

    examples = sorted(EXAMPLES.glob("*.jpg"))
    paths = []
    for index in range(count):
        picture = Image.open(examples[index % len(examples)]).convert("RGB")
        picture = picture.resize((side_px, side_px * 2 // 3)).rotate(index)
        paths.append(folder / f"p{index:02}.jpg")
        picture.save(paths[-1], quality=92)
    return paths


def task(path: Path) -> Task:
    """Return the batch task that runs the portrait recipe on a photograph."""
    return Task(name=path.name, stem=path.stem, source=path, sha256=sha256_of(path), recipe=PORTRAIT.to_dict())


def loop(paths: list[str], threads: int, begin: Any, done: Any) -> None:
    """Warm up, wait at the barrier `begin` for the other processes, then process all paths."""
    prepare(threads=threads)
    assert isinstance(make(task(Path(paths[0]))), Made)
    begin.wait()
    for path in paths:
        assert isinstance(make(task(Path(path))), Made)
    done.wait()


def plain(paths: list[Path], processes: int, *, threads: int | None = None) -> Measured:
    """Measure plain loops over the photographs, split evenly between processes.

    Args:
        paths: The photographs.
        processes: Number of processes.
        threads: Threads of each process. None divides all cores evenly between the processes.

    Returns:
        Wall-clock seconds, and the CPU seconds of all processes together.
    """
    context = multiprocessing.get_context("spawn")
    begin, done = context.Barrier(processes + 1), context.Barrier(processes + 1)
    shares = [[str(path) for path in paths[index::processes]] for index in range(processes)]
    each_has = max(1, cores() // processes) if threads is None else threads
    working = [context.Process(target=loop, args=(share, each_has, begin, done)) for share in shares]
    for each in working:
        each.start()
    begin.wait()
    started, cpu = time.monotonic(), sum(cpu_s(each.pid) for each in working)
    done.wait()
    took, cpu = time.monotonic() - started, sum(cpu_s(each.pid) for each in working) - cpu
    for each in working:
        each.join()
    return took, cpu


def cpu_s(pid: int | None) -> float:
    """Return the CPU seconds that a process has used so far, from /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Metered:
    """An executor that reads the CPU seconds of this process and of its workers before it ends them."""

    def __init__(self, executor: Executor, pids: Sequence[int | None]) -> None:
        self._executor, self._pids = executor, pids
        self.has_room, self.submit = executor.has_room, executor.submit
        self.ended_at_cpu_s = 0.0

    def cpu_s(self) -> float:
        return sum(map(cpu_s, (*self._pids, os.getpid())))

    def close(self) -> None:
        self.ended_at_cpu_s = self.cpu_s()
        self._executor.close()


def whole_batch(paths: list[Path], executor: Executor, pids: Sequence[int | None]) -> Measured:
    """Measure a complete batch: scan, hash, schedule, publish, and write the contact sheet.

    Args:
        paths: The photographs, all in one folder.
        executor: Runs the tasks and is closed at the end.
        pids: Process ids of the executor's workers.

    Returns:
        Wall-clock seconds, and the CPU seconds of the executor's processes and of this one together.
    """
    metered = Metered(executor, pids)
    with tempfile.TemporaryDirectory() as out:
        started, cpu = time.monotonic(), metered.cpu_s()
        target = Path(out) / "out"
        summary = run_batch(paths[0].parent, target, PORTRAIT, executor=lambda _: metered, watcher=Quiet())
        took = time.monotonic() - started
    assert summary.made == len(paths)
    return took, metered.ended_at_cpu_s - cpu


def here(paths: list[Path], processes: int) -> Measured:
    """Measure a batch with this many local worker processes, warmed up as in `plain`."""
    executor = LocalExecutor(processes=processes, budget_bytes=1 << 40)
    for future in [executor.submit(task(paths[0])) for _ in range(processes)]:
        assert isinstance(future.result(), Made)
    return whole_batch(paths, executor, [each.pid for each in multiprocessing.active_children()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--side", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="dioptre-benchmark-") as folder:
        paths = pictures(Path(folder), options.pictures, options.side)
        ways: dict[str, Callable[[], Measured]] = {
            "one process a core, plain loop": lambda: plain(paths, cores()),
            "batch, one process a core": lambda: here(paths, cores()),
            "one process, plain loop": lambda: plain(paths, 1),
            "batch, one process": lambda: here(paths, 1),
        }
        for _ in range(options.rounds):
            for name, way in ways.items():
                took, cpu = way()
                rows.append({"way": name, "wall_s": took, "cpu_s": cpu, "load": os.getloadavg()[0]})
    print(table(rows))
    publish({"pictures": options.pictures, "side": options.side, "cores": cores(), "rows": rows}, options.output)


if __name__ == "__main__":
    main()
