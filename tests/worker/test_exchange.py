"""The exchange folder serves and accepts only its own files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dioptre.worker.exchange import Folder, clean
from dioptre_link.errors import DioptreError
from dioptre_link.wire import PixelFormat, Pixels, WireError


@pytest.fixture
def folder(tmp_path: Path):
    folder = Folder(tmp_path / "exchange")
    yield folder
    folder.close()


def test_create_read_delete(folder: Folder) -> None:
    with folder.create("a.raw", 4) as file:
        file.write(b"abcd")
    with folder.read("a.raw") as file:
        assert file.read() == b"abcd"
    if sys.platform != "win32":
        assert (folder.path / "a.raw").stat().st_mode & 0o777 == 0o600
    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.delete("a.raw")
    folder.delete("a.raw")
    with pytest.raises(DioptreError, match="not in the exchange folder"):
        folder.read("a.raw")


@pytest.mark.parametrize("name", ["../a.raw", "/etc/hostname", "a/b", "..", "", "A", "a.RAW", "a.raw.raw", "a\n"])
def test_other_names_are_refused(folder: Folder, name: str) -> None:
    for use in (folder.read, folder.delete, lambda name: folder.create(name, 1)):
        with pytest.raises(WireError):
            use(name)


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there")
def test_links_are_not_followed(folder: Folder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"secret")
    (folder.path / "link").symlink_to(outside)
    with pytest.raises(DioptreError):
        folder.read("link")
    with pytest.raises(DioptreError):
        folder.create("link", 3)
    folder.delete("link")
    assert outside.read_bytes() == b"secret"


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there")
def test_a_folder_swapped_for_a_link_leads_nowhere(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "exchange")
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "a.raw").write_bytes(b"theirs")
    folder.path.rename(tmp_path / "moved")
    folder.path.symlink_to(victim)
    with pytest.raises(DioptreError):
        folder.read("a.raw")
    folder.create("b.raw", 1).close()
    folder.close()
    assert [path.name for path in victim.iterdir()] == ["a.raw"]


def test_only_regular_files_are_read(folder: Folder) -> None:
    if sys.platform != "win32":
        os.mkfifo(folder.path / "fifo")
    (folder.path / "dir").mkdir()
    for name in ("fifo", "dir") if sys.platform != "win32" else ("dir",):
        with pytest.raises(DioptreError, match="not"):
            folder.read(name)


def test_the_number_of_bytes_must_fit(folder: Folder) -> None:
    pixels = Pixels("a.raw", 2, 2, PixelFormat("u8"))
    folder.create("a.raw", 15).close()
    with pytest.raises(DioptreError, match=r"has 15 bytes.*need 16"):
        folder.open_pixels(pixels)
    folder.delete("a.raw")
    folder.create("a.raw", 16).close()
    folder.open_pixels(pixels).close()


def test_no_file_is_made_twice_or_after_the_end(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "exchange")
    folder.create("a.raw", 1).close()
    with pytest.raises(DioptreError):
        folder.create("a.raw", 1)
    folder.close()
    folder.close()
    assert not folder.path.exists()
    with pytest.raises(DioptreError):
        folder.create("b.raw", 1)


def test_a_full_disk_is_told_and_leaves_nothing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, nbytes: int, folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dioptre.worker.exchange.allocate", full)
    with pytest.raises(DioptreError) as caught:
        folder.create("a.raw", 1 << 20)
    assert caught.value.code == "disk-full"
    assert not (folder.path / "a.raw").exists()


def test_leftovers_are_cleaned_without_following_links(tmp_path: Path) -> None:
    parent, outside = tmp_path / "exchange", tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    Folder(parent).create("a.raw", 10).close()
    (parent / "stray").touch()
    if sys.platform != "win32":  # Symbolic links need a privilege on Windows.
        (parent / "link").symlink_to(outside)
    clean(parent)
    assert list(parent.iterdir()) == []
    assert (outside / "kept").exists()


def test_a_file_that_the_client_holds_is_deleted_later(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.raw", "b.raw"):
        folder.create(name, 4).close()
    unlink = os.unlink
    monkeypatch.setattr(os, "unlink", refuse)  # This simulates Windows while a program has the file open.
    monkeypatch.setattr(Path, "unlink", refuse)
    folder.delete("a.raw")
    monkeypatch.undo()
    assert (folder.path / "a.raw").exists()
    assert os.unlink is unlink
    folder.delete("b.raw")
    assert list(folder.path.iterdir()) == []


def refuse(path, **_: object) -> None:
    raise PermissionError(13, "The file is used by another process", str(path))


@pytest.mark.skipif(sys.platform != "win32", reason="other systems delete open files")
def test_an_open_file_is_deleted_when_it_is_closed(folder: Folder) -> None:
    folder.create("b.raw", 4).close()
    with folder.create("a.raw", 4):
        folder.delete("a.raw")
        assert (folder.path / "a.raw").exists()
    folder.delete("b.raw")
    assert list(folder.path.iterdir()) == []


def test_live_connections_keep_their_folders(folder: Folder) -> None:
    gone = Folder(folder.path.parent)
    gone.create("a.raw", 4).close()
    clean(folder.path.parent, keep={folder.path})
    assert list(folder.path.parent.iterdir()) == [folder.path]
