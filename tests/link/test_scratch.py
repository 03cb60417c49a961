"""Temporary folders are removed with their process, or at the next start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dioptre_link.scratch import Scratch, sweep, temporary_folder

HOLDER = """
import sys
from dioptre_link.scratch import Scratch
scratch = Scratch()
(scratch.path / "pixels").write_bytes(b"large")
print(scratch.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / "home" / "cache" / "scratch"


def left(base: Path) -> list[str]:
    return sorted(path.name for path in base.iterdir()) if base.exists() else []


def test_it_is_private_and_goes(base: Path) -> None:
    with temporary_folder() as folder:
        assert folder.parent == base
        (folder / "deep").mkdir()
        (folder / "deep" / "file").touch()
        if sys.platform != "win32":
            assert folder.stat().st_mode & 0o077 == 0
    assert not base.exists()


@pytest.mark.parametrize("how", [signal.SIGTERM] if sys.platform == "win32" else [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_process_left_goes_with_the_next_start(how: signal.Signals, base: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    ) as process:
        try:
            assert process.stdout is not None
            folder = Path(process.stdout.readline().strip())
            sweep()
            assert (folder / "pixels").exists(), "its process lives"
        finally:
            process.send_signal(how)
        process.wait(timeout=60)
    assert folder.exists()
    with temporary_folder() as mine:
        assert left(base) == sorted([mine.name, f"{mine.name}.lock"])
    assert left(base) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_folder_that_others_may_write_to_is_not_used(base: Path, tmp_path: Path) -> None:
    base.mkdir(parents=True)
    base.chmod(0o777)
    (base / "0.lock").touch()
    (base / "0").mkdir()
    scratch = Scratch()
    try:
        assert base not in scratch.path.parents
        assert tmp_path in scratch.path.parents
    finally:
        scratch.remove()
    assert left(base) == ["0", "0.lock"]
    assert not scratch.path.exists()
    assert not list(tmp_path.glob("dioptre-*"))
