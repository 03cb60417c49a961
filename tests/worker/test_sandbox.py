"""A client in a sandbox with a separate network, process list and home, and a worker outside the sandbox.

Editors from Flatpak or snap are in this situation: of Dioptre's folders they can see only the meeting folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dioptre_link import start
from dioptre_link.client import Worker

ENOUGH_S = 60.0
CLIENT = """
from dioptre_link.client import Worker
from dioptre_link.errors import DioptreError
from dioptre_link.wire import PixelFormat
with Worker("sandbox") as worker:
    try:
        worker.connect(may_start=False)
    except DioptreError as error:
        raise SystemExit(f"{error} {error.hint}")
    with worker.new_buffer(64, 48, PixelFormat("u8")) as picture:
        picture.write_rows(0, bytes(range(256)) * 48)
        result = worker.submit("fake", {}, {"picture": picture}, colour_format=PixelFormat("u8")).wait()
    assert result.layers[0].buffer.read_rows(0, 48) == bytes(range(256)) * 48
    result.delete()
    print("done")
"""


FULL_DISK = """
import sys
from dioptre_link.buffers import DiskFullError
from dioptre_link.client import Worker
from dioptre_link.errors import DioptreError
from dioptre_link.wire import PixelFormat

def codes(width, height):
    try:
        with worker.new_buffer(width, height, PixelFormat("u8")) as picture:
            try:
                worker.submit("fake", {}, {"picture": picture}, colour_format=PixelFormat("u8")).wait().delete()
            except DioptreError as error:
                return "worker: " + error.code
    except DiskFullError as error:
        return "client: " + error.code
    return "done"

with Worker("sandbox", command=sys.argv[1:]) as worker:
    worker.connect()
    print(codes(4000, 1000), codes(1500, 1000), codes(100, 100), sep=", ")
    worker.shut_down()
"""


def empty_tmp(checkout: Path) -> list[str]:
    """Return options for an empty /tmp that still contains the interpreter and the source tree."""
    ours = [str(folder) for folder in (Path(sys.prefix), checkout) if folder.is_relative_to("/tmp")]
    return ["--tmpfs", "/tmp", *(part for folder in ours for part in ("--ro-bind", folder, folder))]


def sandboxed(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program that sees the system read-only, an empty /tmp and home, and the paths bound by `arguments`."""
    bwrap = [
        "bwrap",
        "--unshare-all",
        "--die-with-parent",
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
    ]
    return subprocess.run([*bwrap, *arguments], capture_output=True, text=True, timeout=ENOUGH_S, check=False)


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkout: Path):
    if shutil.which("bwrap") is None or sandboxed("true").returncode:
        pytest.skip("no bubblewrap, or no right to use it")
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path))
    with Worker("test", command=[sys.executable, str(checkout / "tests" / "link" / "fake_worker.py")]) as worker:
        worker.connect()
        yield worker
        worker.shut_down()
    end = time.monotonic() + ENOUGH_S
    while start.is_running():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("bind", "printed", "refused"), [("--bind", "done", ""), ("--ro-bind", "", "allow it to read and write")]
)
def test_the_meeting_folder_is_enough(
    worker: Worker, bind: str, printed: str, refused: str, checkout: Path
) -> None:
    environment = {"DIOPTRE_HOME": "/tmp/home", "PYTHONPATH": str(checkout / "core"), "PATH": os.environ["PATH"]}
    seen = [*empty_tmp(checkout), bind, str(start.meeting_dir()), "/tmp/home/data/worker"]
    variables = [part for name, value in environment.items() for part in ("--setenv", name, value)]
    done = sandboxed(*seen, "--clearenv", *variables, sys.executable, "-B", "-S", "-c", CLIENT)
    assert done.stdout.strip() == printed, done.stderr
    assert refused in done.stderr


def test_without_it_the_client_says_so(worker: Worker, checkout: Path) -> None:
    variables = ["--setenv", "DIOPTRE_HOME", "/tmp/home", "--setenv", "PYTHONPATH", str(checkout / "core")]
    done = sandboxed(*empty_tmp(checkout), *variables, sys.executable, "-B", "-S", "-c", CLIENT)
    assert done.returncode == 1
    assert "Dioptre's worker is not running" in done.stderr


def test_a_full_disk_is_told_by_the_side_that_meets_it(worker: Worker, checkout: Path) -> None:
    home = {"DIOPTRE_DATA_DIR": "/tmp/full", "DIOPTRE_CACHE_DIR": "/tmp/cache", "DIOPTRE_LOG_DIR": "/tmp/log"}
    environment = {**home, "PYTHONPATH": str(checkout / "core")}
    variables = [part for name, value in environment.items() for part in ("--setenv", name, value)]
    ten_megabytes = ["--size", str(10 << 20), "--tmpfs", "/tmp/full"]
    program = [sys.executable, "-B", "-c", FULL_DISK, sys.executable, str(checkout / "tests/link/fake_worker.py")]
    done = sandboxed(*empty_tmp(checkout), *ten_megabytes, *variables, *program)
    assert done.stdout.strip() == "client: disk-full, worker: disk-full, done", done.stderr
