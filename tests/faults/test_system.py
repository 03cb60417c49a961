"""Failing file operations, full disks, signals, competing writers and jumping clocks."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dioptre import photo as files
from dioptre.contract import Layer, Result
from dioptre.photo.outputs import Outputs
from dioptre.photo.picture import Picture
from dioptre_link.errors import DioptreError
from dioptre_link.operation import Role

from . import corpus
from .trials import SEED, count, told, trials

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 120
REFUSALS = (errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS, errno.EMFILE)


class Refusals:
    """Audit hook that makes the n-th file operation below a folder fail, whatever kind of operation it is."""

    OPERATIONS = frozenset({"open", "os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "os.listdir"})

    def __init__(self) -> None:
        self._folder = ""
        self._left = self._number = 0
        self.seen = 0
        sys.addaudithook(self._hook)

    @contextmanager
    def armed(self, folder: Path, *, after: int, number: int) -> Iterator[None]:
        self._folder, self._left, self._number, self.seen = str(folder), after, number, 0
        try:
            yield
        finally:
            self._folder = ""

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._folder or event not in self.OPERATIONS:
            return
        if not any(isinstance(each, str | os.PathLike) and self._concerns(os.fspath(each)) for each in arguments):
            return
        self.seen += 1
        self._left -= 1
        if self._left == -1:
            raise OSError(self._number, os.strerror(self._number), str(arguments[0]))

    def _concerns(self, path: str | bytes) -> bool:
        """Return whether the path lies below the folder, or is a bare file name that is probably relative to it."""
        name = os.fsdecode(path)
        return self._folder in name or (os.sep not in name and name.startswith((".dioptre-", "photo-")))


@pytest.fixture(scope="module")
def refusals() -> Refusals:
    return Refusals()  # The hook cannot be removed, but does nothing unless armed.


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    path = tmp_path / "photo.jpg"
    path.write_bytes(corpus.pictures()["full.jpg"])
    return files.load(path)


def result(value: float) -> Result:
    # Width and height are swapped, because the EXIF orientation rotates the photo.
    flat = np.full((*corpus.SIZE[::-1], 3), value, np.float32)
    return Result(
        layers=(
            Layer(name="Result", role=Role.RESULT, pixels=flat),
            Layer(name="Depth", role=Role.DEPTH, pixels=flat[..., 0], visible=False),
        )
    )


def write(made: Result, picture: Picture, out: Path, *, force: bool = False) -> list[Path]:
    outputs = Outputs(recipe=corpus.RECIPE, source=picture.path, folder=out, stem="photo")
    return files.write_result(made, picture, outputs, force=force)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_any_refused_file_operation_leaves_all_or_nothing(
    picture: Picture, tmp_path: Path, refusals: Refusals
) -> None:
    original = picture.path.read_bytes()
    write(result(0.25), picture, tmp_path / "old")
    old = contents(tmp_path / "old")
    write(result(0.75), picture, tmp_path / "new")
    new = contents(tmp_path / "new")
    refused = 0
    for number, rng in trials("refusals", share=0.1):
        out = tmp_path / f"out{number}"
        force = rng.random() < 0.6
        before = old if force and rng.random() < 0.7 else {}
        if before:
            out.mkdir()
            for name, content in before.items():
                (out / name).write_bytes(content)
        after, kind = rng.randrange(40), rng.choice(REFUSALS)
        with told(number, f"{os.strerror(kind)} at operation {after}, force={force}"):
            failure = None
            try:
                with refusals.armed(out, after=after, number=kind):
                    write(result(0.75), picture, out, force=force)
            except DioptreError as error:
                failure = error
                refused += 1
            there = {
                name: content for name, content in contents_of(out).items() if not name.startswith(".dioptre-")
            }
            if failure is None:
                assert there.keys() == new.keys()
            else:
                assert failure.message.endswith(".")
                assert failure.hint
                assert there == before, "neither whole nor as before"
            assert picture.path.read_bytes() == original
            # The next run cleans up files that could not be removed earlier.
            with files.staged(out, force=False) as staging:
                staging.open("next")
            assert not list(out.glob(".dioptre-*"))
        ended = "no trace" if failure and not before else "as before" if failure else "written in full"
        count("refused file operation", errno.errorcode[kind], ended)
    assert refused


def contents_of(folder: Path) -> dict[str, bytes]:
    if not folder.exists():
        return {}
    return {path.name: b"" if path.is_dir() else path.read_bytes() for path in folder.iterdir()}


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import numpy as np
from pathlib import Path
from dioptre import photo
from dioptre_link.errors import DioptreError
limits, out, whole = [int(n) for n in sys.argv[2:]], Path(sys.argv[1]), 0
pixels = np.random.default_rng(0).random((60, 80, 3), dtype=np.float32)
for number, limit in enumerate(limits):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    for suffix in (".png", ".tif", ".jpg", ".ora"):
        path = out / f"{number}{suffix}"
        try:
            if suffix == ".ora":
                from dioptre.contract import Layer
                from dioptre_link.operation import Role
                from tests.photo.layered import write_layers
                write_layers([Layer(name="a", role=Role.RESULT, pixels=pixels)], path, recipe={})
            else:
                photo.save(pixels, path)
        except DioptreError as error:
            assert not path.exists() and "full" in error.message, (path, error.message)
        else:
            assert path.stat().st_size <= limit
            whole += 1
            path.unlink()
print("survived", len(limits), "written", whole)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX resource limits")
def test_disks_that_fill_up_at_any_byte(tmp_path: Path) -> None:
    limits = [str(rng.choice((0, 1, 100, 5000, rng.randrange(60_000)))) for _, rng in trials("disk", share=0.02)]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), *limits],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S * 10,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.split()
    assert said[:2] == ["survived", str(len(limits))]
    count("disk full at a byte", "four formats", "written in full", int(said[3]))
    count("disk full at a byte", "four formats", "no trace", 4 * len(limits) - int(said[3]))
    assert not list(tmp_path.glob(".dioptre-*"))


def test_two_writers(picture: Picture, tmp_path: Path) -> None:
    sets = []
    for value in (0.25, 0.75):
        write(result(value), picture, tmp_path / str(value))
        sets.append({n: c for n, c in contents(tmp_path / str(value)).items() if n.endswith((".tif", "depth.png"))})
    for number, rng in trials("writers", share=0.01):
        out = tmp_path / f"out{number}"
        force = rng.random() < 0.5
        outcomes: list[str] = []

        def one(value: float, out: Path = out, force: bool = force, outcomes: list[str] = outcomes) -> None:
            try:
                write(result(value), picture, out, force=force)
            except DioptreError as error:
                outcomes.append(error.code)
            else:
                outcomes.append("done")

        threads = [threading.Thread(target=one, args=(value,)) for value in (0.25, 0.75)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT_S)
        with told(number, f"force={force}, {outcomes}"):
            assert len(outcomes) == 2
            assert sorted(outcomes) == ["done", "done" if force else "file-exists"]
            there = {name: contents(out)[name] for name in sets[0]}
            assert there in sets, "a mixture of two results"
            assert not list(out.glob(".dioptre-*"))
        count("two writers", "replacing" if force else "not replacing", " and ".join(sorted(outcomes)))


RUN = """
import signal, sys, time, types
import numpy as np
signal.signal(signal.SIGINT, signal.default_int_handler)
module = types.ModuleType("dioptre.features.blur")
def run(inputs, options, progress):
    from dioptre.contract import Layer, Result
    from dioptre_link.operation import Role
    for step in range(20):
        progress(step / 20, "Working")
        time.sleep(0.005)
    flat = np.random.default_rng(0).random(inputs.picture.shape, dtype=np.float32)
    return Result(layers=(Layer(name="a", role=Role.RESULT, pixels=flat),
                          Layer(name="b", role=Role.DEPTH, pixels=np.ascontiguousarray(flat[..., 0]))))
from dioptre_link.catalogue import operation
module.OPERATIONS = {operation("portrait").options: run}
sys.modules[module.__name__] = module
from dioptre.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_signals_at_any_time(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.fromarray(np.zeros((300, 400, 3), np.uint8)).save(photo)
    original = photo.read_bytes()
    longest = 0.0
    for number, rng in trials("signals", share=0.01, least=5):
        out = tmp_path / f"out{number}"
        how = rng.choice((signal.SIGINT, signal.SIGTERM, signal.SIGKILL)) if number else None
        started = time.monotonic()
        with subprocess.Popen(
            [sys.executable, "-c", RUN, "run", str(photo), "-o", str(out), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            if how is None:
                process.communicate(timeout=TIMEOUT_S)
                longest = time.monotonic() - started
                assert process.returncode == 0
                continue
            # The command has begun to load its modules; the signal may arrive at any time from now on.
            process.stdout.readline()
            wait = rng.random() * longest
            try:
                process.wait(wait)
            except subprocess.TimeoutExpired:
                process.send_signal(how)
            _, said = process.communicate(timeout=TIMEOUT_S)
        with told(number, f"{how.name} after {wait:.3f} s, exit {process.returncode}"):
            assert process.returncode in (0, 128 + how, -how), said
            assert "Traceback" not in said, said
            names = {path.name for path in out.iterdir()} if out.exists() else set()
            whole = {name for name in names if not name.startswith(".dioptre-")}
            if how is not signal.SIGKILL:
                assert whole == names, "something half-written stayed"
                assert process.returncode != 0 or len(whole) == 6
                assert len(whole) in (0, 6)
            else:
                out.mkdir(exist_ok=True)
                with files.staged(out, force=False) as staging:
                    staging.open("next")
                assert len(list(out.iterdir())) in (1, 7)
            assert photo.read_bytes() == original
        count("signal to a command", how.name, "whole result" if len(whole) == 6 else "no result")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_killed_writers_leave_whole_sets_or_none(tmp_path: Path) -> None:
    numbers = [number for number, _ in trials("kills", share=0.03)]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            f"{__package__}.kills",
            str(tmp_path),
            str(SEED),
            str(numbers[0]),
            str(numbers[-1] + 1),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=TIMEOUT_S + 10 * len(numbers),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for where, outcome, times in json.loads(done.stdout):
        count("killed writer", where, outcome, times)


def test_weights_that_are_not_numbers_are_no_success(
    tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights are complete, listed and match their SHA-256, but they are NaN, so the result must be refused."""
    from dioptre.checkpoints import locate
    from dioptre.checkpoints.card import Card
    from dioptre.checkpoints.storage import read, save
    from dioptre.cli.main import run

    weights = tmp_path / "weights"
    monkeypatch.setattr(locate, "weights_folders", lambda: (weights,))
    card, arrays = read(checkout / "weights" / "white-balance")
    assert isinstance(card, Card)
    save(weights, card, {name: np.full_like(values, np.nan) for name, values in arrays.items()})
    photo = tmp_path / "photo.png"
    photo.write_bytes(corpus.pictures()["deep.png"])
    assert run(["white-balance", str(photo), "-o", str(tmp_path / "out.png")]) == 1
    assert not (tmp_path / "out.png").exists()
