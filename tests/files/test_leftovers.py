"""A writer that is killed leaves nothing that the next one does not put right."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dioptre.files.atomic import staged

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks")

WRITER = """
import os, signal, sys
from pathlib import Path
from dioptre.files import atomic
placed = []
def place(self, source, destination, real=atomic.Staging._place):
    if len(placed) == {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    real(self, source, destination)
    placed.append(destination)
atomic.Staging._place = place
with atomic.staged(Path(sys.argv[1]), force={force}) as staging:
    for name in ("one", "two", "three"):
        staging.path(name).write_text("new", encoding="utf-8")
    if {after} < 0:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(out: Path, *, after: int, force: bool) -> None:
    code = WRITER.format(after=after, force=force)
    done = subprocess.run([sys.executable, "-c", code, str(out)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL


def next_writer(out: Path) -> None:
    with staged(out, force=False) as staging:
        staging.path("other").write_text("other", encoding="utf-8")


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
        "import os, signal, sys\nfrom pathlib import Path\nfrom dioptre.files import atomic\n"
        "with atomic.staged(Path(sys.argv[1]), force=False) as staging:\n"
        "    staging.path('one').write_text('new', encoding='utf-8')\n"
        "    staging.publish()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60, check=False)
    next_writer(tmp_path)
    assert contents(tmp_path) == {"one": "new", "other": "other"}


def test_a_writer_at_work_is_left_alone(tmp_path: Path) -> None:
    with staged(tmp_path, force=False) as staging:
        staging.path("slow").write_text("slow", encoding="utf-8")
        next_writer(tmp_path)
    assert contents(tmp_path) == {"slow": "slow", "other": "other"}


def test_a_strangers_names_are_not_followed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    hidden = out / ".dioptre-stranger"
    (hidden / "new").mkdir(parents=True)
    (hidden / "lock").touch()
    (hidden / "names").write_text('["../victim", "absent"]', encoding="utf-8")
    (tmp_path / "victim").write_text("stays", encoding="utf-8")
    next_writer(out)
    assert (tmp_path / "victim").read_text(encoding="utf-8") == "stays"
    assert contents(out) == {"other": "other"}
