"""Folders prepared by others: their contents are never trusted, and none of their links are followed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dioptre.photo import problems, replacing, staged
from dioptre.photo.folder import Folder

VICTIM, ATTACKER = 65534, 65533  # Ids of the user nobody and of an unused user.


def write(out: Path, name: str = "result", *, force: bool = False) -> None:
    with staged(out, force=force) as staging:
        staging.open(name).write(b"new")


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def plant_0_1_0(out: Path) -> None:
    """Create a folder like those that version 0.1.0 trusted, so that it deleted one file and replaced another."""
    hidden = out / ".dioptre-evil"
    for name in ("new", "replaced"):
        (hidden / name).mkdir(parents=True)
    (hidden / "lock").touch()
    (hidden / "names").write_text(json.dumps(["thesis", "diary", "absent"]), encoding="utf-8")
    (hidden / "new" / "absent").write_text("x", encoding="utf-8")
    (hidden / "replaced" / "diary").write_text("evil", encoding="utf-8")


def plant_old(out: Path) -> None:
    (out / ".dioptre-mine").mkdir()
    (out / ".dioptre-mine" / "notes").write_text("mine", encoding="utf-8")
    os.utime(out / ".dioptre-mine", (0, 0))


def plant_link(out: Path) -> None:
    (out / ".dioptre-link").symlink_to(out.parent / "private")


def plant_file(out: Path) -> None:
    (out / f".dioptre-{'0' * 32}-0").write_text("mine", encoding="utf-8")


def plant_journal(out: Path) -> None:
    """Plant a forged journal in the output folder, with an entry like those in the user's own journal."""
    notes = [
        {"folder": str(out), "device": out.stat().st_dev, "inode": out.stat().st_ino},
        [{"name": "thesis", "temporary": 0, "stamp": [0, 0, 0], "old": None}],
    ]
    (out / "writing").mkdir(mode=0o700)
    (out / "writing" / "0.jsonl").write_text("".join(json.dumps(note) + "\n" for note in notes), encoding="utf-8")


PLANTS = (plant_0_1_0, plant_old, plant_link, plant_file, plant_journal)


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("force", [False, True])
def test_what_is_planted_changes_nothing(plant: Callable[[Path], None], force: bool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for folder in (out, tmp_path / "private"):
        folder.mkdir()
        for name in ("thesis", "diary"):
            (folder / name).write_text("precious", encoding="utf-8")
    plant(out)
    before = tree(tmp_path)
    write(out, force=force)
    assert tree(tmp_path) == {**before, "out/result": "new"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no calls relative to a folder")
def test_a_folder_that_becomes_a_link_leads_nowhere(tmp_path: Path) -> None:
    out, private = tmp_path / "out", tmp_path / "private"
    private.mkdir()
    (private / "result").write_text("precious", encoding="utf-8")
    with staged(out, force=True) as staging:
        staging.open("result").write(b"new")
        out.rename(tmp_path / "moved")
        out.symlink_to(private)
    assert tree(private) == {"result": "precious"}
    assert tree(tmp_path / "moved") == {"result": "new"}


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be moved there")
def test_a_temporary_file_that_becomes_a_link_is_not_published(tmp_path: Path) -> None:
    out, private = tmp_path / "out", tmp_path / "private"
    private.write_text("precious", encoding="utf-8")

    def work() -> None:
        with replacing(out / "result", force=True) as stream:
            stream.write(b"new")
            (temporary,) = out.glob(".dioptre-*")
            temporary.unlink()
            temporary.symlink_to(private)

    with pytest.raises(problems.UnwritableFile):
        work()
    assert private.read_text(encoding="utf-8") == "precious"
    assert not (out / "result").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links are not everybody's there")
def test_a_link_in_the_place_of_a_result_is_replaced_itself(tmp_path: Path) -> None:
    (tmp_path / "private").write_text("precious", encoding="utf-8")
    (tmp_path / "result").symlink_to("private")
    with pytest.raises(problems.FileExists):
        write(tmp_path)
    write(tmp_path, force=True)
    assert not (tmp_path / "result").is_symlink()
    assert tree(tmp_path) == {"private": "precious", "result": "new"}


def test_names_with_parts_are_refused_by_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    folder = Folder(tmp_path / "out")
    try:
        with pytest.raises(ValueError, match="one part"):
            folder.unlink("../out")
    finally:
        folder.close()


KILLED = """
import fcntl, os, signal, sys
from pathlib import Path
from dioptre.photo import publish
os.setgroups([]); os.setgid({victim}); os.setuid({victim})
os.umask(0)
with publish.staged(Path(sys.argv[1]), force=True) as staging:
    staging.open("result").write(b"new")
    if {kill}:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A world-writable folder that belongs to the attacker; the victim gets a separate home."""
    if sys.platform == "win32" or os.geteuid() != 0:
        pytest.skip("only root can be two users")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    os.chown(home, VICTIM, VICTIM)
    monkeypatch.setenv("DIOPTRE_HOME", str(home))
    out = tmp_path / "shared"
    out.mkdir()
    os.chown(out, ATTACKER, ATTACKER)
    out.chmod(0o777)
    return out


def as_victim(out: Path, *, kill: bool = False) -> None:
    # This is repeated for each call, because another pytest run may have withdrawn access to the root of the
    # temporary folders.
    for parent in out.parents:
        if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    code = KILLED.format(victim=VICTIM, kill=kill)
    done = subprocess.run([sys.executable, "-c", code, str(out)], timeout=60, check=False)
    assert done.returncode == (-signal.SIGKILL if kill else 0)


def test_a_leftover_that_another_user_turns_into_a_link(shared: Path, tmp_path: Path) -> None:
    private = tmp_path / "home" / "private"
    private.write_text("precious", encoding="utf-8")
    os.chown(private, VICTIM, VICTIM)
    as_victim(shared, kill=True)
    (leftover,) = shared.glob(".dioptre-*")
    leftover.unlink()
    leftover.symlink_to(private)
    os.lchown(leftover, ATTACKER, ATTACKER)
    as_victim(shared)
    assert private.read_text(encoding="utf-8") == "precious"
    assert leftover.is_symlink(), "it is not the file that was left behind"
    assert (shared / "result").read_bytes() == b"new"


def test_a_leftover_of_one_user_is_not_anothers_to_clean(shared: Path) -> None:
    as_victim(shared, kill=True)
    leftovers = list(shared.glob(".dioptre-*"))
    assert leftovers
    home = shared.parent / "other"
    os.environ["DIOPTRE_HOME"] = str(home)  # The fixture's monkeypatch restores the variable.
    write(shared, "mine")
    assert list(shared.glob(".dioptre-*")) == leftovers
    shutil.rmtree(home)
    os.environ["DIOPTRE_HOME"] = str(shared.parent / "home")
    as_victim(shared)
    assert not list(shared.glob(".dioptre-*"))


def test_a_journal_of_another_user_is_not_believed(shared: Path, tmp_path: Path) -> None:
    """The attacker's journal entry names the victim's file, but it is not in the victim's own journal."""
    thesis = shared / "thesis"
    thesis.write_text("precious", encoding="utf-8")
    os.chown(thesis, VICTIM, VICTIM)
    found = thesis.stat()
    journal = tmp_path / "home" / "data" / "writing"
    journal.mkdir(parents=True, mode=0o700)
    os.chown(tmp_path / "home" / "data", VICTIM, VICTIM)
    notes = [
        {"folder": str(shared), "device": shared.stat().st_dev, "inode": shared.stat().st_ino},
        [
            {
                "name": name,
                "temporary": number,
                "stamp": [found.st_ino, found.st_size, found.st_mtime_ns],
                "old": None,
            }
            for number, name in enumerate(("thesis", "absent"))
        ],
    ]
    entry = journal / f"{'0' * 32}.jsonl"
    entry.write_text("".join(json.dumps(note) + "\n" for note in notes), encoding="utf-8")
    os.chown(entry, ATTACKER, ATTACKER)
    for owner, goes in ((ATTACKER, False), (VICTIM, True)):
        os.chown(journal, owner, owner)
        os.chown(entry, owner, owner)
        as_victim(shared)
        assert thesis.exists() is not goes  # The entry takes effect only in the victim's own journal.
