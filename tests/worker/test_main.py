"""The worker, started as plug-ins start it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from dioptre_link import start
from dioptre_link.client import Worker

ENOUGH_S = 60.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path))
    monkeypatch.setenv("DIOPTRE_PYTHON", sys.executable)
    yield tmp_path
    worker = Worker("test")
    if start.is_running():
        worker.connect(may_start=False)
        worker.shut_down()
    end = time.monotonic() + ENOUGH_S
    while start.is_running():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_it_listens_before_the_heavy_libraries_are_there() -> None:
    program = "import sys; import dioptre.worker.__main__; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=ENOUGH_S, check=True
    )
    assert not {"jax", "numpy", "flax", "PIL", "click"} & set(done.stdout.split())


def test_a_plug_in_starts_it_and_a_second_one_steps_back(home: Path) -> None:
    worker = Worker("test")
    worker.connect()
    pid = start.Rendezvous.read().pid
    second = subprocess.run(
        [sys.executable, "-m", "dioptre", "worker"],
        capture_output=True,
        text=True,
        timeout=ENOUGH_S,
        check=True,
    )
    assert start.Rendezvous.read().pid == pid
    assert "already running" in second.stdout
    worker.close()


def test_the_installer_starts_it_and_the_command_line_stops_it(home: Path) -> None:
    def command(option: str) -> str:
        program = [sys.executable, "-m", "dioptre", "worker", option]
        return subprocess.run(program, capture_output=True, text=True, timeout=ENOUGH_S, check=True).stdout

    assert "No worker" in command("--stop")
    for _ in range(2):
        command("--begin")
        assert start.is_running()
    worker = Worker("test")
    worker.connect(may_start=False)
    worker.close()
    command("--stop")
    end = time.monotonic() + ENOUGH_S
    while start.is_running():
        assert time.monotonic() < end
        time.sleep(0.01)
