"""Folders of one user alone, and regular files."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from dioptre_link.files import is_private, private_folder, read_regular

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
root = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root gives folders away")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0, 0o002, 0o022, 0o077])
def test_no_umask_opens_a_folder_or_those_above_it(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        assert private_folder(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    assert {_mode(tmp_path / each) for each in ("a", "a/b", "a/b/c")} == {0o700}


@pytest.mark.parametrize(("mode", "private"), [(0o755, True), (0o750, True), (0o777, False), (0o722, False)])
def test_a_folder_that_others_could_read_is_closed_one_that_they_could_change_is_not_used(
    tmp_path: Path, mode: int, private: bool
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(mode)
    assert private_folder(folder) is private
    assert _mode(folder) == (0o700 if private else mode)


@pytest.mark.parametrize(("mode", "private"), [(0o755, True), (0o777, False), (0o1777, True), (0o757, False)])
def test_the_folders_above_count_unless_they_are_sticky(tmp_path: Path, mode: int, private: bool) -> None:
    above = tmp_path / "above"
    assert private_folder(above / "between" / "folder")
    above.chmod(mode)
    assert private_folder(above / "between" / "folder") is private
    assert _mode(above) == mode


@root
@pytest.mark.parametrize("which", ["above", "above/folder"])
def test_a_folder_of_another_user_is_not_used(tmp_path: Path, which: str) -> None:
    assert private_folder(tmp_path / "above" / "folder")
    os.chown(tmp_path / which, 65533, 65533)
    assert not private_folder(tmp_path / "above" / "folder")


@root
def test_only_a_private_group_may_write_above(tmp_path: Path) -> None:
    assert private_folder(tmp_path / "above" / "folder")
    (tmp_path / "above").chmod(0o775)
    assert is_private(tmp_path / "above" / "folder")  # the group root
    os.chown(tmp_path / "above", 0, 65533)
    assert not is_private(tmp_path / "above" / "folder")


def test_a_link_is_not_private_but_a_folder_below_one_is(tmp_path: Path) -> None:
    assert private_folder(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert not private_folder(tmp_path / "link")
    assert private_folder(tmp_path / "link" / "folder")
    (tmp_path / "real").chmod(0o777)
    assert not private_folder(tmp_path / "link" / "folder")


def test_a_file_is_read_only_up_to_its_limit_and_through_no_link_if_it_must_be_own(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    assert read_regular(file, most=7, own=True) == b"content"
    with pytest.raises(OSError, match="large"):
        read_regular(file, most=6)
    (tmp_path / "link").symlink_to(file)
    assert read_regular(tmp_path / "link", most=7) == b"content"
    with pytest.raises(OSError, match="symbolic links"):
        read_regular(tmp_path / "link", most=7, own=True)
