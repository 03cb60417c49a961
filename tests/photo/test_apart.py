"""Decoding in a separate process gives the same result, stays within its limits, and never hangs the caller."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest

from dioptre import photo
from dioptre.photo import apart, parcel, problems
from dioptre.photo.apart import Reader
from dioptre.photo.decode import decoding
from dioptre.photo.picture import Source
from dioptre_link.errors import Cancelled, DioptreError
from tests.faults import corpus, hostile

ENOUGH_S = 60.0


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    one = Reader()
    yield one
    one.close()


def pid(reader: Reader) -> int:
    assert reader._process is not None
    return reader._process.pid


@pytest.mark.parametrize("name", sorted(corpus.pictures()))
def test_every_kind_of_file_comes_back_as_it_is(name: str, reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(corpus.pictures()[name])
    here = photo.load(path)
    there = photo.load(path, decoding=reader.decoding)
    np.testing.assert_array_equal(here.pixels, there.pixels)
    assert here.source == there.source
    assert here.messages == there.messages
    assert decoding.describe(path) == reader.describe(path)
    assert reader.read_embedded_depth(path) is None


def test_a_warm_process_serves_one_file_after_the_other(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(corpus.pictures()["deep.png"])
    first = photo.load(path, decoding=reader.decoding).pixels
    before = pid(reader)
    path.write_bytes(hostile.flat_png(3000, 40))
    assert photo.load(path, decoding=reader.decoding).pixels.shape == (40, 3000, 3)
    path.write_bytes(corpus.pictures()["deep.png"])
    np.testing.assert_array_equal(photo.load(path, decoding=reader.decoding).pixels, first)
    assert pid(reader) == before


@pytest.mark.skipif(sys.platform == "win32", reason="a current folder cannot be removed there")
def test_a_current_folder_that_is_gone_costs_nothing(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(corpus.pictures()["alpha.png"])
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert reader.decoding(tmp_path / "a.png").codes.size
    with pytest.raises(problems.MissingFile):
        reader.decoding(Path("a.png"))


def test_errors_are_those_of_this_process(reader: Reader, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    cut = tmp_path / "cut.png"
    cut.write_bytes(corpus.pictures()["deep.png"][:-200])
    for path in (bad, cut, tmp_path / "none.png", tmp_path):
        with pytest.raises(DioptreError) as here:
            photo.load(path)
        with pytest.raises(type(here.value)) as there:
            photo.load(path, decoding=reader.decoding)
        assert there.value.to_dict() == here.value.to_dict()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
def test_fifos_and_devices_block_nothing(reader: Reader, tmp_path: Path) -> None:
    fifo = tmp_path / "a.jpg"
    os.mkfifo(fifo)
    for path in (fifo, Path("/dev/zero"), Path("/dev/tty")):
        for read in (photo.load, partial(photo.load, decoding=reader.decoding), photo.inspect):
            with pytest.raises(DioptreError):
                read(path)


SILENT = [sys.executable, "-c", "import time; time.sleep(1000)"]
SLOW = [sys.executable, "-c", "print('{\"bytes\": 10}', flush=True); import time; time.sleep(1000)"]
DYING = [sys.executable, "-c", "import os; print('{\"bytes\": 10}', flush=True); os.abort()"]
LIES = json.dumps({"result": {}, "arrays": [{"dtype": "uint8", "shape": [9000, 9000, 3]}]})
LYING = [sys.executable, "-c", f"print('{{\"bytes\": 10}}'); print('{LIES}', flush=True); input()"]
CLAIMING = [sys.executable, "-c", f"print('{LIES.replace('9000', '-1')}', flush=True); input(); input()"]


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (SILENT, problems.TooSlow),
        (SLOW, problems.TooSlow),
        (DYING, problems.DamagedPicture),
        (LYING, problems.DamagedPicture),
        (CLAIMING, problems.DamagedPicture),
    ],
    ids=["dead mount", "slow", "dying", "lying", "claiming"],
)
def test_whatever_the_process_does_ends_in_words(
    command: list[str], kind: type[DioptreError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "START_S", 0.5)
    monkeypatch.setattr(apart, "OPEN_S", 0.0)
    short = apart.Limits.of(10)
    monkeypatch.setattr(apart.Limits, "seconds", lambda *_: 0.2)
    monkeypatch.setattr(apart.Limits, "of", lambda *_, **__: short)
    reader = Reader(command=command)
    try:
        with pytest.raises(kind) as caught:
            reader.decoding(tmp_path / "a.png")
        assert caught.value.hint
    finally:
        reader.close()


def test_cancel_works_while_a_file_is_read(tmp_path: Path) -> None:
    asked = threading.Semaphore(0)

    def check() -> None:
        asked.release()
        raise Cancelled

    reader = Reader(command=SILENT)
    with pytest.raises(Cancelled):
        reader.decoding(tmp_path / "a.png", check=check)
    assert asked.acquire(blocking=False)
    assert reader._process is None, "nothing goes on reading"
    reader.close()


def test_a_process_that_was_killed_is_started_again(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(corpus.pictures()["deep.png"])
    reader = Reader()
    try:
        photo.load(path, decoding=reader.decoding)
        process = psutil.Process(pid(reader))
        process.kill()
        process.wait(ENOUGH_S)
        assert photo.load(path, decoding=reader.decoding).shape == photo.load(path).shape
        left = pid(reader)
    finally:
        reader.close()
    assert not psutil.pid_exists(left)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_memory_beyond_the_budget_costs_the_process_alone(tmp_path: Path) -> None:
    """A decoder that asks for more memory than its file justifies does not get it, whatever made it ask."""
    greedy = (
        "from dioptre.photo import child\n"
        "import numpy as np\n"
        "def decode(path, megapixels):\n"
        "    return np.empty((1 << 22, 4096, 1), np.uint8)\n"
        "child._DO['decode'] = decode\n"
        "child.main()\n"
    )
    path = tmp_path / "a.png"
    path.write_bytes(corpus.pictures()["deep.png"])
    reader = Reader(command=[sys.executable, "-P", "-c", greedy])
    try:
        with pytest.raises(problems.NotEnoughMemory):
            reader.decoding(path)
    finally:
        reader.close()


@pytest.mark.skipif(sys.platform == "win32", reason="limits of time are POSIX's")
def test_time_beyond_the_budget_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = (
        "from dioptre.photo import child\n"
        "def decode(path, megapixels):\n"
        "    while True: pass\n"
        "child._DO['decode'] = decode\n"
        "child.Limits.seconds = lambda *_: 0.0\n"
        "child.main()\n"
    )
    path = tmp_path / "a.png"
    path.write_bytes(corpus.pictures()["deep.png"])
    reader = Reader(command=[sys.executable, "-P", "-c", endless])
    started = time.monotonic()
    try:
        with pytest.raises(problems.TooSlow):
            reader.decoding(path)
    finally:
        reader.close()
    assert time.monotonic() - started < ENOUGH_S


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX kills")
def test_a_decoder_ends_with_its_parent(tmp_path: Path) -> None:
    """It used to go on until its own limits, on a file that nobody waits for any more."""
    path, told = tmp_path / "a.png", tmp_path / "pid"
    path.write_bytes(corpus.pictures()["deep.png"])
    endless = f"""
import hashlib, os, time
from pathlib import Path
from dioptre.photo import child
def decode(path, megapixels):
    Path({str(told)!r}).write_text(str(os.getpid()))
    while True:
        hashlib.sha256(bytes(50_000_000))  # in C, as decoders work
child._DO['decode'] = decode
child.main()
"""
    parent = f"""
import sys
from pathlib import Path
from dioptre.photo.apart import Reader
Reader(command=[sys.executable, "-P", "-c", {endless!r}]).decoding(Path({str(path)!r}))
"""
    with subprocess.Popen([sys.executable, "-P", "-c", parent]) as running:
        end = time.monotonic() + ENOUGH_S
        while not told.exists() or not told.read_text(encoding="ascii"):
            assert time.monotonic() < end
            time.sleep(0.01)
        decoder = psutil.Process(int(told.read_text(encoding="ascii")))
        running.kill()
    killed = time.monotonic()
    while decoder.is_running() and decoder.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() - killed < 3.0, "a second is the aim on an idle machine"
        time.sleep(0.01)


def test_parcels_are_checked() -> None:
    for place in (
        {"dtype": "uint8", "shape": [4097, 1, 1]},
        {"dtype": "object", "shape": [1, 1, 1]},
        {"dtype": "uint8", "shape": [-1, 1, 1]},
        {"dtype": "uint8", "shape": [1 << 60, 1 << 60, 1]},
    ):
        with pytest.raises(parcel.BadParcel):
            parcel.received([place], io.BytesIO(bytes(4096)))
    for content in (None, {}, {"format": "EXE"}, []):
        with pytest.raises(parcel.BadParcel):
            parcel.unpacked(Source, content, [])
