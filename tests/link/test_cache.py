"""A folder stays below a size limit: the files unused for longest are deleted first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dioptre_link.files import keep_newest


def made(folder: Path, name: str, *, written: float, read: float) -> Path:
    path = folder / name
    path.write_bytes(b"x" * 1000)
    os.utime(path, (read, written))
    if path.stat().st_atime != read:
        pytest.skip("this system sets no time of access; Wine does not")
    return path


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    unused = made(tmp_path, "unused", written=200, read=200)
    read_today = made(tmp_path, "read today", written=100, read=900)
    new = made(tmp_path, "new", written=800, read=0)
    (tmp_path / "folder").mkdir()
    keep_newest(tmp_path, limit_bytes=3000)
    assert unused.exists()
    keep_newest(tmp_path, limit_bytes=2999)
    assert not unused.exists()
    assert read_today.exists()
    assert new.exists()
    assert (tmp_path / "folder").is_dir()


def test_one_file_larger_than_the_limit_goes_too(tmp_path: Path) -> None:
    made(tmp_path, "large", written=1, read=1)
    keep_newest(tmp_path, limit_bytes=999)
    assert not any(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    keep_newest(tmp_path / "never made", limit_bytes=1)
    assert not (tmp_path / "never made").exists()
