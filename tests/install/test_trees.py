"""Locks and removals on Windows, with the platform patched."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from dioptre_link import files
from installer import trees, workers


def test_installer_and_worker_lock_the_same_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked: list[int] = []

    def lock(descriptor: int, _mode: int, count: int) -> None:
        locked.append(os.lseek(descriptor, 0, os.SEEK_CUR))
        assert count == 1

    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=lock, LK_NBLCK=2, LK_LOCK=1))
    monkeypatch.setattr(sys, "platform", "win32")
    with (tmp_path / "worker.lock").open("a+b") as file:
        assert files.lock(file.fileno())
        assert workers.try_lock(file.fileno())
    assert locked == [1 << 30] * 2


@pytest.mark.skipif(sys.platform == "win32", reason="the platform is patched")
def test_a_folder_full_of_open_files_does_not_take_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "environment"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number}.dll").touch()
    paused: list[float] = []

    def refuse(path: object, **_: object) -> None:
        raise PermissionError(13, "in use", path)

    monkeypatch.setattr(trees.time, "sleep", paused.append)
    monkeypatch.setattr(os, "unlink", refuse)
    monkeypatch.setattr(sys, "platform", "win32")
    assert not trees.remove(folder)
    assert 0 < sum(paused) <= 11
