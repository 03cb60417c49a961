"""When Krita is quit during a job, it exits cleanly, and the worker drops the job and its files."""

from __future__ import annotations

import pytest

from .conftest import Krita

pytestmark = pytest.mark.editor
# There is no exec, so that the sandbox outlives Krita and can check for leftover files.
_KRITA = """
cp -r --update=none /usr/share/editors/home/. "$HOME"
krita --nosplash
echo $? > /out/quit.status
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    find "$HOME/dioptre/data/worker/exchange" -type f > /out/quit.left
    test -s /out/quit.left || break
    sleep 1
done
grep -l 'dioptre[.]worker' /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3 > /out/quit.worker
true
"""


def test_quit_during_a_job(krita: Krita) -> None:
    for name in ("quit.status", "quit.left", "quit.worker"):
        (krita.out / name).unlink(missing_ok=True)
    before = krita.values("quit.py", command=_KRITA)
    assert before["over"] is False
    assert before["files"] >= 1
    assert (krita.out / "quit.status").read_text().strip() == "0"
    assert (krita.out / "quit.left").read_text() == ""
    assert (krita.out / "quit.worker").read_text().split() == [str(one) for one in before["worker"]]
