"""The plug-in handles a missing, killed or shared worker, one outside the sandbox, many jobs, and full disks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from ...editors.host import HOME
from .conftest import Gimp, check_names, give_weights

pytestmark = pytest.mark.editor
START_S = 120  # Long enough to start a worker on a loaded machine.
JOBS = 8
MANY_JOBS = 50
# Growth allowed over all jobs while caches fill; one leaked picture per job would exceed it.
GROWTH_BYTES = 60 << 20


@pytest.fixture(scope="module")
def trouble(gimp: Gimp) -> dict[str, str]:
    if gimp.tree is None:
        pytest.skip("kills processes by what they are called: only in a sandbox of its own")
    return gimp.checks("trouble.py")


@pytest.mark.parametrize("check", check_names("trouble.py"))
def test_trouble(trouble: dict[str, str], check: str) -> None:
    assert trouble[check] == ""


def test_many_jobs_leave_nothing_behind(make_gimp: Callable[[], Gimp]) -> None:
    gimp = make_gimp()
    if gimp.tree is None:
        pytest.skip("looks at processes: only in a sandbox of its own")
    states = gimp.values("many.py", environment={"JOBS": str(MANY_JOBS)})
    settled, last = states[MANY_JOBS // 3], states[-1]
    assert len(states) == MANY_JOBS
    assert {state["worker"] for state in states} == {last["worker"]}  # No worker crashed between the jobs.
    for name in ("gimp_bytes", "worker_bytes"):
        assert last[name] - settled[name] < GROWTH_BYTES, [state[name] >> 20 for state in states]
    # A file or process may briefly outlive its job.
    for name in ("gimp_files", "worker_files", "plugins", "images"):
        early, late = ([state[name] for state in some] for some in (states[: MANY_JOBS // 3], states[-5:]))
        assert min(late) <= max(early), [state[name] for state in states]
    assert last["exchange"] == []
    assert "leaked" not in (gimp.out / "console.log").read_text(encoding="utf-8")  # GEGL logs leaked buffers.


@pytest.fixture(scope="module")
def full_disk(make_gimp: Callable[[], Gimp]) -> dict[str, str]:
    gimp = make_gimp()
    if gimp.tree is None:
        pytest.skip("needs a sandbox")
    exchange = f"{HOME}/dioptre/data/worker/exchange:{4 << 20}"
    return gimp.checks("disk_full.py", sandbox=["--tmpfs", exchange])


@pytest.mark.parametrize("check", check_names("disk_full.py"))
def test_full_disk(full_disk: dict[str, str], check: str) -> None:
    assert full_disk[check] == ""


def test_full_swap(make_gimp: Callable[[], Gimp]) -> None:
    gimp = make_gimp()
    if gimp.tree is None:
        pytest.skip("needs a sandbox")
    with (gimp.config / "gimprc").open("a", encoding="utf-8") as settings:
        settings.write('(swap-path "/swap")\n(tile-cache-size 1m)\n')
    checks = gimp.checks("swap_full.py", sandbox=["--tmpfs", f"/swap:{1 << 20}"])
    assert checks == {"check_no_room_for_gimps_swap": ""}


def test_missing_environment_is_said(make_gimp: Callable[[], Gimp]) -> None:
    assert make_gimp().checks("no_worker.py", worker=False) == {"check_missing_environment": ""}


@dataclass(frozen=True)
class OutsideWorker:
    """A worker that runs outside the sandboxes, which see only some of its folders."""

    meeting: Path
    process: psutil.Process


@pytest.fixture(scope="module")
def outside(gimp: Gimp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OutsideWorker]:
    home = tmp_path_factory.mktemp("worker").resolve()
    give_weights(home / "data")
    variables = {"DIOPTRE_HOME": str(home), "DIOPTRE_CACHE_DIR": str(gimp.cache)}
    command = [sys.executable, "-I", "-c", "from dioptre.worker.__main__ import serve; serve(warm=False)"]
    process = subprocess.Popen(command, env={**os.environ, **variables})
    meeting = home / "data" / "worker"
    until = time.monotonic() + START_S
    while not (meeting / "worker.json").exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)
    yield OutsideWorker(meeting, psutil.Process(process.pid))
    process.terminate()
    process.wait(30)


def run_jobs(gimp: Gimp, shown: dict[Path | str, str], jobs: int) -> list[bytes]:
    results = gimp.values("jobs.py", environment={"JOBS": str(jobs)}, writable=shown, worker=False)
    return [bytes.fromhex(each) for each in results]


def alike(results: list[bytes]) -> bool:
    """Return whether the values differ by at most one, because threaded sums may round either way."""
    return all(
        len(each) == len(results[0]) and max(abs(a - b) for a, b in zip(each, results[0], strict=True)) <= 1
        for each in results
    )


def test_two_gimps_share_a_worker_outside_and_memory_stays_flat(
    make_gimp: Callable[[], Gimp], outside: OutsideWorker
) -> None:
    """As in a Flatpak, each sandbox sees only the worker's folder."""
    gimps = [make_gimp(), make_gimp()]
    if gimps[0].tree is None:
        pytest.skip("needs a sandbox")
    shown: dict[Path | str, str] = {outside.meeting: f"{HOME}/dioptre/data/worker"}
    first = run_jobs(gimps[0], shown, 2)  # The first jobs compile the functions.
    before = outside.process.memory_info().rss
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda gimp: run_jobs(gimp, shown, JOBS), gimps))
    assert alike([*first, *both[0], *both[1]])
    assert [len(results) for results in both] == [JOBS, JOBS]
    assert outside.process.memory_info().rss - before < GROWTH_BYTES
    end = time.monotonic() + 10.0
    while left := [name for _, _, names in os.walk(outside.meeting / "exchange") for name in names]:
        assert time.monotonic() < end, left
        time.sleep(0.02)
