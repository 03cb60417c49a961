"""Fifty jobs in a row do not leak memory, open files, or files in the exchange folder."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from dioptre_link import start
from dioptre_link.client import Worker
from dioptre_link.wire import PixelFormat

WIDTH, HEIGHT = 1500, 1000
ENOUGH_S = 60.0
# Allowed growth: the size of one float32 picture, because malloc keeps freed memory; 50 leaked pictures would take
# a gigabyte.
GROWTH_BYTES = 24 << 20


def test_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkout: Path) -> None:
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path))
    command = [sys.executable, str(checkout / "tests" / "link" / "fake_worker.py")]
    with Worker("test", command=command) as worker:
        with worker.new_buffer(WIDTH, HEIGHT, PixelFormat()) as picture:
            picture.write_rows(0, bytes(picture.pixels.nbytes // 2) + b"\0\0\0\x3f" * (picture.pixels.nbytes // 8))

            def job() -> None:
                worker.submit("fake", {}, {"picture": picture}).wait().delete()

            for _ in range(5):
                job()
            processes = (psutil.Process(), psutil.Process(start.Rendezvous.read().pid))
            before = [(process.memory_info().rss, process.num_fds()) for process in processes]
            for _ in range(50):
                job()
            after = [(process.memory_info().rss, process.num_fds()) for process in processes]
            for (rss, files), (rss_after, files_after) in zip(before, after, strict=True):
                assert rss_after - rss < GROWTH_BYTES
                assert files_after <= files
            left = [path.name for path in next(start.exchange_dir().iterdir()).iterdir()]
            assert left == ["c1.raw"]
        worker.shut_down()
    end = time.monotonic() + ENOUGH_S
    while start.is_running():
        assert time.monotonic() < end
        time.sleep(0.01)
