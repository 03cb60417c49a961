"""The command `dioptre batch`: its messages, and the state after signals and crashes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from PIL import Image

from dioptre.batch import here
from dioptre.batch.work import Outcome, Task, make
from dioptre_link.paths import cache_dir

Dioptre = Callable[..., tuple[int, str, str]]
TIMEOUT_S = 120
ROOT = Path(__file__).resolve().parents[2]
PRETENDED = """
import signal, sys
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from tests.batch.pretended import make
    from dioptre.batch import here
    here.LocalExecutor.__init__.__kwdefaults__["do"] = make
    from dioptre.cli import main
    main()
"""


class InThisProcess:
    """Executor that works in the test's own process, where the networks are replaced by fakes."""

    def __init__(self, *, processes: int, budget_bytes: int) -> None:
        assert processes >= 1
        assert budget_bytes >= 0

    def has_room(self, task: Task, running: Iterable[Task]) -> bool:
        return not list(running)

    def submit(self, task: Task) -> Future[Outcome]:
        answer: Future[Outcome] = Future()
        answer.set_result(make(task))
        return answer

    def close(self) -> None:
        pass


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(3):
        Image.new("RGB", (24, 16), (index * 60, 90, 90)).save(folder / f"p{index}.jpg")
    return folder


@pytest.fixture
def here_only(pipelines: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here, "LocalExecutor", InThisProcess)


def test_files_and_page_on_stdout_failures_at_the_end(
    here_only: None, photos: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    (photos / "bad.png").write_bytes(b"no picture")
    code, out, err = dioptre("batch", photos, "-o", tmp_path / "out", "--set", "f_number=1.4")
    assert code == 1
    said = [Path(line) for line in out.splitlines()]
    assert len(said) == 2 * 3 + 1
    assert all(path.is_file() for path in said)
    assert said[-1].name == "contact-sheet.html"
    listed, count, hint, _ = err.splitlines()[-4:]
    assert listed.startswith("  bad.png: ")
    assert count == "Error: 1 of 4 pictures failed."
    assert hint.startswith("Hint: ")
    recipe = json.loads((tmp_path / "out" / "p0-portrait.json").read_text(encoding="utf-8"))
    assert recipe["steps"][0]["options"]["f_number"] == 1.4
    (photos / "bad.png").unlink()
    code, out, err = dioptre("batch", photos, "-o", tmp_path / "out", "--set", "f_number=1.4", "--resume")
    assert code == 0
    assert "Pictures that were already finished: 3." in err


def test_all_files_are_those_of_run(here_only: None, photos: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    code, _, err = dioptre("batch", photos, "-o", tmp_path / "out", "--all-files")
    assert code == 0, err
    assert dioptre("run", photos / "p0.jpg", "-o", tmp_path / "run")[0] == 0
    made = {path.name for path in (tmp_path / "run").iterdir()}
    assert made == {path.name for path in (tmp_path / "out").glob("p0-*")}
    same = "p0-portrait-depth.tif"
    assert (tmp_path / "run" / same).read_bytes() == (tmp_path / "out" / same).read_bytes()


def test_json_tells_each_picture_at_once_and_the_sum_at_the_end(
    here_only: None, photos: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    (photos / "bad.png").write_bytes(b"no picture")
    code, out, err = dioptre("batch", photos, "-o", tmp_path / "out", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (1, "")
    assert [line["type"] for line in lines if line["type"] != "progress"] == [
        *("error", "result", "result", "result"),
        *("result", "error"),
    ]
    assert lines[-2]["values"] == {"made": 3, "finished_before": 0, "failed": 1, "left_out": 0}
    assert any("left" in line["phase"] for line in lines if line["type"] == "progress")


def test_what_concerns_all_pictures_is_said_before_any_work(photos: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    assert dioptre("batch", photos, "-o", photos)[0] == 2
    assert dioptre("batch", tmp_path / "none", "-o", tmp_path / "out")[0] == 2
    assert dioptre("batch", photos, "-o", tmp_path / "out", "--set", "f_numbr=2")[0] == 2
    unguarded = dioptre("batch", photos, "-o", tmp_path / "out", "--scheduler", "tcp://127.0.0.1:8786")
    assert (unguarded[0], "does not use TLS" in unguarded[2]) == (1, True)
    unnamed = dioptre("batch", photos, "-o", tmp_path / "out", "--scheduler", "tls://127.0.0.1:1")
    assert (unnamed[0], "Dask has no certificates" in unnamed[2]) == (1, True)
    assert not list((tmp_path / "out").glob("p*"))


@contextmanager
def started(photos: Path, out: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a batch and wait until it has finished the first pictures and is working on the last, slow ones."""
    for index in range(2):
        Image.new("RGB", (24, 16)).save(photos / f"slow{index}.jpg")
    with subprocess.Popen(
        [sys.executable, "-c", PRETENDED, "batch", str(photos), "-o", str(out), "--json", "--processes", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        try:
            assert process.stdout is not None
            made = 0
            while made < 3:
                line = process.stdout.readline()
                assert line, process.stderr and process.stderr.read()
                made += '"result"' in line
            yield process
        finally:
            process.kill()


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_a_batch_resume_finishes_it(how: signal.Signals, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with started(photos, out) as process:
        ours = children(process)
        process.send_signal(how)
        said, err = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == (128 + how if how != signal.SIGKILL else -how)
    if how != signal.SIGKILL:
        assert err == ""
        assert json.loads(said.splitlines()[-1])["code"] == "cancelled"
    _, alive = psutil.wait_procs(ours, timeout=TIMEOUT_S)
    assert alive == []
    scratch = cache_dir() / "scratch"
    if how != signal.SIGKILL:
        assert not scratch.exists() or not list(scratch.iterdir())
    assert sorted(path.name for path in out.glob("*-portrait*")) == sorted(
        f"p{index}-portrait{suffix}" for index in range(3) for suffix in (".jpg", ".json")
    )
    for index in range(2):
        (photos / f"slow{index}.jpg").rename(photos / f"quick{index}.jpg")
    done = subprocess.run(
        [sys.executable, "-c", PRETENDED, "batch", str(photos), "-o", str(out), "--json", "--resume"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["values"] == {"made": 2, "finished_before": 3, "failed": 0, "left_out": 0}
    assert not list(out.rglob(".dioptre-*"))
    assert not scratch.exists() or not list(scratch.iterdir())
