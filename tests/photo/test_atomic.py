"""Files are written completely or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from dioptre.photo import problems, publish, replacing, save, staged
from dioptre.photo.folder import Folder


def _left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_set_appears_together(out: Path) -> None:
    with staged(out, force=False) as staging:
        staging.open("a").write(b"1")
        staging.open("b").write(b"2")
        assert [name for name in _left(out) if not name.startswith(".dioptre-")] == []
    assert _left(out) == ["a", "b"]


def test_an_error_leaves_nothing_and_the_folder_that_was_made_goes(tmp_path: Path) -> None:
    def work() -> None:
        with staged(tmp_path / "new" / "deeper", force=False) as staging:
            staging.open("a").write(b"1")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        work()
    assert _left(tmp_path) == []


def test_existing_files_stay_without_force(out: Path) -> None:
    (out / "a").write_text("old", encoding="utf-8")
    with pytest.raises(problems.FileExists) as caught, replacing(out / "a", force=False):
        pytest.fail("the work must not begin")
    assert "--force" in caught.value.hint
    assert (out / "a").read_text(encoding="utf-8") == "old"
    with replacing(out / "a", force=True) as stream:
        stream.write(b"new")
    assert (out / "a").read_text(encoding="utf-8") == "new"
    assert _left(out) == ["a"]


def test_a_file_that_appears_meanwhile_stays(out: Path) -> None:
    def work() -> None:
        with replacing(out / "a", force=False) as stream:
            stream.write(b"ours")
            (out / "a").write_text("theirs", encoding="utf-8")

    with pytest.raises(problems.FileExists):
        work()
    assert (out / "a").read_text(encoding="utf-8") == "theirs"
    assert _left(out) == ["a"]


def test_where_the_disk_has_no_hard_links(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    for force in (False, True):
        with replacing(out / "a", force=force) as stream:
            stream.write(str(force).encode())
        assert (out / "a").read_text(encoding="utf-8") == str(force)
    with pytest.raises(problems.FileExists), replacing(out / "a", force=False):
        pass


def test_a_set_that_cannot_be_completed_puts_everything_back(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (out / name).write_text(f"old {name}", encoding="utf-8")
    original = Folder.replace

    def fail_at_b(self: Folder, name: str, other: str) -> None:
        if other == "b":
            raise OSError(errno.EIO, "Input/output error", name, None, other)
        original(self, name, other)

    monkeypatch.setattr(Folder, "replace", fail_at_b)

    def work() -> None:
        with staged(out, force=True) as staging:
            for name in ("a", "b", "c"):
                staging.open(name).write(b"new")

    with pytest.raises(problems.UnwritableFile):
        work()
    assert _left(out) == ["a", "b"]
    assert (out / "a").read_text(encoding="utf-8") == "old a"
    assert (out / "b").read_text(encoding="utf-8") == "old b"


@pytest.mark.parametrize(
    ("number", "word"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "read-only")]
)
def test_the_systems_refusals_in_words(out: Path, monkeypatch: pytest.MonkeyPatch, number: int, word: str) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(problems.UnwritableFile, match=word) as caught:
        save(np.zeros((4, 4, 3), np.float32), out / "a.png")
    assert caught.value.hint
    assert _left(out) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk(out: Path) -> None:
    with pytest.raises(problems.UnwritableFile, match="disk is full"), replacing(out / "a", force=False):
        Path("/dev/full").write_bytes(bytes(1 << 16))
    assert _left(out) == []


def test_read_only_folder(out: Path) -> None:
    out.chmod(0o555)
    try:
        if os.access(out, os.W_OK):
            pytest.skip("the super-user may write anywhere")
        with pytest.raises(problems.UnwritableFile, match="read-only"):
            save(np.zeros((4, 4, 3), np.float32), out / "a.png")
    finally:
        out.chmod(0o755)


@pytest.mark.parametrize("name", ["a\0b.png", "x" * 300 + ".png", "\ud800.png"])
def test_names_that_cannot_be(out: Path, name: str) -> None:
    with pytest.raises(problems.UnwritableFile, match="name") as caught:
        save(np.zeros((4, 4, 3), np.float32), out / name)
    caught.value.message.encode("utf-8")
    assert _left(out) == []


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        *(
            (name, False)
            for name in ("NUL", "con.png", "Aux.tar.gz", "com1 .png", "LPT9", "a.", "a ", "a?.png", "a\nb")
        ),
        *(
            (name, True)
            for name in ("console.png", "com10.png", "nul-1.png", ".nul", "a b.png", "Kaffee & Kuchen.jpg")
        ),
    ],
)
def test_names_that_windows_keeps_for_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, taken: bool
) -> None:
    monkeypatch.setattr(publish.sys, "platform", "win32")
    if taken:
        publish.check_name(tmp_path / name)
    else:
        with pytest.raises(problems.UnwritableFile, match="does not accept the name"):
            publish.check_name(tmp_path / name)
    monkeypatch.setattr(publish.sys, "platform", "linux")
    publish.check_name(tmp_path / name)


def test_output_places_that_cannot_be(out: Path) -> None:
    pixels = np.zeros((4, 4, 3), np.float32)
    (out / "file").touch()
    (out / "folder.png").mkdir()
    with pytest.raises(problems.UnwritableFile, match="folder"):
        save(pixels, out / "folder.png", force=True)
    with pytest.raises(problems.UnwritableFile, match="not a folder"):
        save(pixels, out / "file" / "a.png")
    for name in ("a.bmp", "a"):
        with pytest.raises(problems.UnwritableFile, match="cannot write"):
            save(pixels, out / name)
    assert _left(out) == ["file", "folder.png"]
