"""Time several engines on the same work in rotation; each runs in its own process and waits for its turn.

Ratios are medians over the rounds, each relative to the reference's time in the same round, because other load on
the machine slows both. On a busy machine, use one thread and CPU time: with several threads, an engine that spins
while it waits for its threads loses time that it would not lose on an idle machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any


def race(
    engines: Sequence[str], command: Callable[[str], list[str]], *, threads: int, rounds: int, reference: str
) -> list[dict[str, Any]]:
    """Race the engines and return their times.

    Args:
        engines: Names of the engines.
        command: Returns the arguments with which Python starts a process that serves an engine; see `serve`.
        threads: Number of threads of each engine.
        rounds: How often each engine runs.
        reference: Engine whose times are the denominators of the ratios. If it is not available, the first
            available engine is used.

    Returns:
        For each available engine, its smallest wall-clock and CPU seconds, and its median ratios to the reference.
    """
    children = {engine: _start(command(engine), threads) for engine in engines}
    times: dict[str, list[tuple[float, float]]] = {}
    for engine, process in children.items():
        if _reply(process) == "ready":
            times[engine] = []
        else:
            print(f"{engine:14} not available", flush=True)
    for _ in range(rounds):
        for engine in times:
            process = children[engine]
            assert process.stdin is not None
            process.stdin.write("run\n")
            process.stdin.flush()
            wall, cpu = json.loads(_reply(process))
            times[engine].append((wall, cpu))
    for process in children.values():
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=60)
    base = times.get(reference) or next(iter(times.values()))
    return [
        {
            "engine": engine,
            "wall_s": min(wall for wall, _ in found),
            "cpu_s": min(cpu for _, cpu in found),
            "wall_ratio": median(a[0] / b[0] for a, b in zip(found, base, strict=True)),
            "cpu_ratio": median(a[1] / b[1] for a, b in zip(found, base, strict=True)),
        }
        for engine, found in times.items()
    ]


def serve(work: Callable[[], object]) -> None:
    """Run `work` each time the parent process asks for it, and print how long it took."""
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]), flush=True)


def told(row: dict[str, Any], label: str, reference: str) -> str:
    """Return a result row as a line of text."""
    return (
        f"{label:22} {row['engine']:14} {row['wall_s']:8.3f} s wall {row['cpu_s']:8.3f} s CPU"
        f"   {row['wall_ratio']:.2f} / {row['cpu_ratio']:.2f} of {reference}'s"
    )


def report(rows: list[dict[str, Any]], *, threads: int) -> str:
    """Return the results as JSON, together with a description of the machine."""
    from dioptre.cli.bench import machine

    described = {"machine": machine(), "threads": threads, "load": os.getloadavg(), "rows": rows}
    return json.dumps(described, indent=1) + "\n"


def _start(arguments: list[str], threads: int) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "DIOPTRE_ACCELERATOR": "none"},
        preexec_fn=lambda: os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads]),
    )


def _reply(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
