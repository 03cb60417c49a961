"""The next writer cleans up after a killed one."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dioptre.photo import publish
from dioptre.photo.publish import staged

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks")

WRITER = """
import os, signal, sys
from pathlib import Path
from dioptre.photo import publish
placed = []
def place(self, move, real=publish.Staging._place):
    if len(placed) == {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    real(self, move)
    placed.append(move)
publish.Staging._place = place
with publish.staged(Path(sys.argv[1]), force={force}) as staging:
    for name in ("one", "two", "three"):
        staging.open(name).write(b"new")
    if {after} < 0:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(out: Path, *, after: int, force: bool, first: str = "") -> None:
    code = first + WRITER.format(after=after, force=force)
    done = subprocess.run([sys.executable, "-c", code, str(out)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL


def next_writer(out: Path) -> None:
    with staged(out, force=False) as staging:
        staging.open("other").write(b"other")


def contents(out: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in out.iterdir()}


@pytest.mark.parametrize("after", [-1, 0, 1, 2])
@pytest.mark.parametrize("force", [False, True])
def test_a_set_published_in_part_is_taken_back(after: int, force: bool, tmp_path: Path) -> None:
    before = {"two": "old", "mine": "stays"} if force else {"mine": "stays"}
    for name, text in before.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    killed(tmp_path, after=after, force=force)
    assert any(path.name.startswith(".dioptre-") for path in tmp_path.iterdir())
    next_writer(tmp_path)
    assert contents(tmp_path) == {**before, "other": "other"}


def test_a_whole_set_stays(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom dioptre.photo import publish\n"
        "with publish.staged(Path(sys.argv[1]), force=False) as staging:\n"
        "    staging.open('one').write(b'new')\n"
        "    staging.publish()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60, check=False)
    next_writer(tmp_path)
    assert contents(tmp_path) == {"one": "new", "other": "other"}


def test_a_writer_at_work_is_left_alone(tmp_path: Path) -> None:
    with staged(tmp_path, force=False) as staging:
        staging.open("slow").write(b"slow")
        next_writer(tmp_path)
    assert contents(tmp_path) == {"slow": "slow", "other": "other"}


def test_an_edit_after_the_crash_stays(tmp_path: Path) -> None:
    """A file of the incomplete set that the user saves before the next run belongs to the user from then on."""
    (tmp_path / "two").write_text("old", encoding="utf-8")
    killed(tmp_path, after=2, force=True)
    with (tmp_path / "two").open("a", encoding="utf-8") as file:
        file.write(" and edited")
    next_writer(tmp_path)
    assert contents(tmp_path) == {"two": "new and edited", "other": "other"}


def test_a_copy_of_the_folder_is_not_taken_back(tmp_path: Path) -> None:
    """Recovery notes that `cp -r` or a synchronised folder has copied must not be applied to the copied files."""
    out, copy = tmp_path / "out", tmp_path / "copy"
    out.mkdir()
    (out / "two").write_text("old", encoding="utf-8")
    killed(out, after=2, force=True)
    shutil.copytree(out, copy, copy_function=shutil.copy2)
    before = contents(copy)
    assert before["two"] == "new"
    next_writer(copy)
    assert contents(copy) == {**before, "other": "other"}
    next_writer(out)
    assert contents(out) == {"two": "old", "other": "other"}


def test_a_disk_without_links(tmp_path: Path) -> None:
    code = "import os\ndef refuse(*_, **__): raise OSError(1, 'no links')\nos.link = refuse\n"
    (tmp_path / "two").write_text("old", encoding="utf-8")
    killed(tmp_path, after=2, force=True, first=code)
    assert contents(tmp_path)["two"] == "new"
    next_writer(tmp_path)
    assert contents(tmp_path) == {"two": "old", "other": "other"}


def test_a_kill_on_a_disk_without_links_leaves_no_empty_file(tmp_path: Path) -> None:
    """Such disks (FAT, some network drives) need another way to give a file its name only if that is free."""
    code = """
import os, signal
from dioptre.photo import publish
def refuse(*_, **__): raise OSError(1, 'no links')
os.link = refuse
create = publish.Folder.create
def reserve(self, name, **mode):
    descriptor = create(self, name, **mode)
    if name in ("one", "two", "three"):
        os.kill(os.getpid(), signal.SIGKILL)
    return descriptor
publish.Folder.create = reserve
"""
    killed(tmp_path, after=2, force=False, first=code)
    left = {name for name in contents(tmp_path) if not name.startswith(".")}
    assert left == {"one", "two"}
    assert all((tmp_path / name).stat().st_size for name in left)
    next_writer(tmp_path)
    assert contents(tmp_path) == {"other": "other"}


def test_two_writers_with_force_never_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before renaming was one writer's turn, 3 of 40 sets had files of both."""
    place, under_way = publish.Staging._place, threading.Event()

    def write(text: str) -> None:
        with staged(tmp_path, force=True) as staging:
            for name in ("one", "two", "three", "four"):
                staging.open(name).write(text.encode())

    second = threading.Thread(target=write, args=("second",))

    def slow(self: publish.Staging, member: publish._Member) -> None:
        if member.name == "three" and not under_way.is_set():
            under_way.set()
            second.start()
            second.join(1.0)  # long enough for it to rename its files if nothing keeps it from doing so
        place(self, member)

    monkeypatch.setattr(publish.Staging, "_place", slow)
    write("first")
    second.join(60)
    assert contents(tmp_path) == dict.fromkeys(("one", "two", "three", "four"), "second")


def test_without_a_private_journal_nothing_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If others may write to the data folder, its notes could be forged."""
    home, out = tmp_path / "home", tmp_path / "out"
    out.mkdir()
    monkeypatch.setenv("DIOPTRE_HOME", str(home))
    (out / "two").write_text("old", encoding="utf-8")
    killed(out, after=2, force=True)
    (home / "data" / "writing").chmod(0o777)
    next_writer(out)
    assert contents(out)["two"] == "new"
    (home / "data" / "writing").chmod(0o700)
    with staged(out, force=True) as staging:
        staging.open("other")
    assert contents(out)["two"] == "old"


def test_the_journal_is_empty_after_every_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    monkeypatch.setenv("DIOPTRE_HOME", str(home))
    next_writer(out)

    def fail() -> None:
        with staged(out, force=True) as staging:
            staging.open("other")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list((home / "data" / "writing").glob("*.jsonl")) == []
    killed(out, after=1, force=True)
    assert len(list((home / "data" / "writing").glob("*.jsonl"))) == 1
    with staged(out, force=True) as staging:
        staging.open("other")
    assert list((home / "data" / "writing").glob("*.jsonl")) == []
