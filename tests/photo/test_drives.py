"""Drives that lack something, such as network drives: results are written anyway, or the true reason is given."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dioptre.photo import folder, load, problems, publish, read_depth, replacing, staged

NAMES = ("one", "two", "three")


def write(out: Path, word: str, *, force: bool = True) -> None:
    with staged(out, force=force) as staging:
        for name in NAMES:
            staging.open(name).write(word.encode())


def contents(out: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in out.iterdir()}


def refusing(monkeypatch: pytest.MonkeyPatch, name: str, number: int, when: Callable[..., bool]) -> None:
    """Let a function of `os` fail where `when` of its arguments is true."""
    real = getattr(os, name)

    def replacement(*arguments: Any, **options: Any) -> Any:
        if when(*arguments, **options):
            raise OSError(number, os.strerror(number), *(None, None, None)[: len(arguments) - 1])
        return real(*arguments, **options)

    monkeypatch.setattr(os, name, replacement)


def always(*_: object, **__: object) -> bool:
    return True


def existing(_: str, other: str, *, dst_dir_fd: int | None = None, **__: object) -> bool:
    """Return whether a rename would replace a file, which sshfs refuses."""
    try:
        os.stat(other, dir_fd=dst_dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_drive_that_cannot_sync_costs_durability_only(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, "fsync", number, always)
    for word in ("old", "new"):
        write(tmp_path, word)
        assert contents(tmp_path) == dict.fromkeys(NAMES, word)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES, errno.EEXIST])
@pytest.mark.parametrize("links", [False, True])
@pytest.mark.skipif(sys.platform == "win32", reason="there, another program has the file open")
def test_a_drive_that_cannot_replace(
    number: int, links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, "replace", number, existing)
    if not links:
        refusing(monkeypatch, "link", errno.EPERM, always)
    for word in ("old", "new", "newer"):
        write(tmp_path, word)
        assert contents(tmp_path) == dict.fromkeys(NAMES, word)


@pytest.mark.skipif(sys.platform == "win32", reason="there, another program has the file open")
@pytest.mark.parametrize("links", [False, True])
def test_a_file_that_nobody_can_replace_is_named_and_the_set_stays_as_it_was(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "old")
    refusing(monkeypatch, "replace", errno.EPERM, lambda _, other, **__: other == "two" or other.endswith("-1-old"))
    refusing(monkeypatch, "unlink", errno.EPERM, lambda name, **_: name == "two")
    if not links:
        refusing(monkeypatch, "link", errno.EPERM, always)
    with pytest.raises(problems.UnwritableFile, match="two cannot be replaced on this drive") as caught:
        write(tmp_path, "new")
    assert "another name" in caught.value.hint
    assert contents(tmp_path) == dict.fromkeys(NAMES, "old")


KILLED = """
import os, signal, sys
from pathlib import Path
from dioptre.photo import publish
real = os.replace
def replace(name, other, **at):
    if publish.Folder.stat(folder, other):
        raise PermissionError(1, "Operation not permitted", name, None, other)
    if other == "two":
        os.kill(os.getpid(), signal.SIGKILL)
    real(name, other, **at)
os.replace = replace
folder = publish.Folder(Path(sys.argv[1]))
with publish.staged(folder.path, force=True) as staging:
    for name in ("one", "two", "three"):
        staging.open(name).write(b"new")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_kill_while_a_drive_has_neither_file_brings_the_old_one_back(tmp_path: Path) -> None:
    write(tmp_path, "old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert "two" not in contents(tmp_path)
    with replacing(tmp_path / "other", force=False):
        pass
    assert contents(tmp_path) == {**dict.fromkeys(NAMES, "old"), "other": ""}


def test_a_restoration_that_fails_is_left_to_the_next_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drive that fails in the middle of a set may also fail to put the old files back: they must not be lost."""
    write(tmp_path, "old")
    with monkeypatch.context() as broken:
        refusing(broken, "replace", errno.EIO, lambda name, other, **_: other == "two" or name.endswith("-old"))
        with pytest.raises(problems.UnwritableFile, match="Input/output error"):
            write(tmp_path, "new")
    with replacing(tmp_path / "other", force=False):
        pass
    assert contents(tmp_path) == {**dict.fromkeys(NAMES, "old"), "other": ""}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows itself refuses to replace a file")
def test_a_drive_that_can_neither_link_nor_refuse_to_replace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FUSE drives have no renameat2; no empty file may reserve the name, because a kill would leave it."""
    refusing(monkeypatch, "link", errno.EPERM, always)
    monkeypatch.setattr(folder, "_renamed_alone", lambda *_: False)
    write(tmp_path, "new", force=False)
    assert contents(tmp_path) == dict.fromkeys(NAMES, "new")

    def late() -> None:
        with replacing(tmp_path / "late", force=False) as stream:
            stream.write(b"ours")
            (tmp_path / "late").write_text("theirs", encoding="utf-8")

    with pytest.raises(problems.FileExists):
        late()
    assert contents(tmp_path) == {**dict.fromkeys(NAMES, "new"), "late": "theirs"}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_drive_that_gives_all_files_the_same_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.touch()
    monkeypatch.setattr(publish, "_permissions", lambda _: (0o660, source.stat().st_gid + 1))
    refusing(monkeypatch, "fchmod", errno.EPERM, always)
    with replacing(tmp_path / "result", force=False, permissions_of=source) as stream:
        stream.write(b"new")
    assert (tmp_path / "result").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("number", "words", "hint"),
    [
        (errno.ENOSPC, "The disk is full: ", "Free some disk space"),
        (errno.EDQUOT, "Your quota on the disk is used up: ", "Free some disk space"),
        (errno.EFBIG, "does not take so large a file: ", "Free some disk space"),
        (errno.EROFS, "its disk is read-only", "another folder"),
        (errno.EPERM, "its folder is read-only", "another folder"),
        (errno.ETXTBSY, "another program uses it", "Close it"),
        (errno.ESTALE, "its drive was disconnected", "another folder"),
        (errno.ENODEV, "its drive was disconnected", "another folder"),
        (errno.ETIMEDOUT, "does not respond", "another folder"),
        (errno.EIO, "Input/output error", "another folder"),
        (errno.EINVAL, "its drive does not support this", "another folder"),
        (errno.ENOTSUP, "its drive does not support this", "another folder"),
        (errno.EMFILE, "Too many open files", "another folder"),
        (errno.EILSEQ, "does not accept the name", "shorter, simpler"),
        (errno.ENAMETOOLONG, "does not accept the name", "shorter, simpler"),
    ],
)
def test_each_refusal_has_its_own_words(number: int, words: str, hint: str, tmp_path: Path) -> None:
    error = problems.writing(OSError(number, os.strerror(number)), tmp_path / "a")
    assert words in error.message
    assert hint in error.hint


def test_einval_is_about_the_name_only_where_the_call_has_one(tmp_path: Path) -> None:
    path = tmp_path / "a:b"
    for error in (OSError(errno.EINVAL, "", str(path)), OSError(errno.EINVAL, "", ".dioptre-0", None, path.name)):
        assert "does not accept the name" in problems.writing(error, path).message


def test_a_file_that_another_program_has_open_on_windows(tmp_path: Path) -> None:
    error = PermissionError(errno.EACCES, "The process cannot access the file")
    error.winerror = 32  # type: ignore[attr-defined, unused-ignore]
    assert "another program uses it" in problems.writing(error, tmp_path / "a").message
    assert "another program uses it" in problems.reading(error, tmp_path / "a").message
    (tmp_path / "a").touch()
    assert "cannot be replaced" in problems.replacing(error, tmp_path / "a").message


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links are not everybody's there")
@pytest.mark.parametrize("read", [load, lambda path: read_depth(path, width=4, height=4)])
def test_links_that_lead_nowhere_are_named_as_such(read: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "dangling.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "folder").symlink_to(tmp_path / "gone")
    for path in (tmp_path / "dangling.png", tmp_path / "folder" / "a.png"):
        with pytest.raises(problems.MissingFile, match="the target of a link in its path does not exist"):
            read(path)
    (tmp_path / "loop.png").symlink_to("loop.png")
    with pytest.raises(problems.MissingFile, match="leads back to itself"):
        read(tmp_path / "loop.png")


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links are not everybody's there")
def test_output_folders_that_are_links_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to("loop")
    for name, words in (("dangling", "the target of a link"), ("loop", "leads back to itself")):
        with pytest.raises(problems.UnwritableFile, match=words):
            write(tmp_path / name, "new")
        assert (tmp_path / name).is_symlink()
