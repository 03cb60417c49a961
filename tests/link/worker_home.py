"""A home in which tests start a real worker process with a fake operation, and pixels to send to it.

Uses only unittest, so that a bare Python 3.10 can run the tests, too; `DIOPTRE_TEST_PYTHON` is then the worker's
Python.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from dioptre_link import start
from dioptre_link.buffers import Buffer
from dioptre_link.client import Worker
from dioptre_link.errors import DioptreError
from dioptre_link.wire import PixelFormat

PYTHON = os.environ.get("DIOPTRE_TEST_PYTHON", sys.executable)
FAKE_WORKER = str(Path(__file__).with_name("fake_worker.py"))
WIDTH, HEIGHT = 64, 48
U8 = PixelFormat("u8", channels=4)
PLANE = PixelFormat("f32", channels=1)
ENOUGH_S = 60.0


class Home(unittest.TestCase):
    """Base class for tests with a separate home, in which a worker may run."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.home = Path(tempfile.mkdtemp(prefix="dioptre-link-"))
        cls.environment = mock.patch.dict(os.environ, {"DIOPTRE_HOME": str(cls.home)})
        cls.environment.start()

    @classmethod
    def tearDownClass(cls) -> None:
        stop_worker()
        cls.environment.stop()
        shutil.rmtree(cls.home, ignore_errors=True)

    def worker(self, *, idle_s: float = 120.0) -> Worker:
        worker = Worker("test", command=[PYTHON, FAKE_WORKER, str(idle_s)])
        self.addCleanup(worker.close)
        return worker


def stop_worker() -> None:
    """End the home's worker, if there is one, and wait until it has exited."""
    worker = Worker("test")
    try:
        worker.connect(may_start=False)
    except DioptreError:
        return
    worker.shut_down()
    wait_until(lambda: not start.is_running())


def wait_until(holds) -> None:
    end = time.monotonic() + ENOUGH_S
    while not holds():
        if time.monotonic() > end:
            raise AssertionError("it did not come about in time")
        time.sleep(0.01)


def picture_bytes(width: int = WIDTH, height: int = HEIGHT) -> bytes:
    return bytes((7 * i + i // 256) % 256 for i in range(width * height * 4))


def filled(worker: Worker, data: bytes, layout: PixelFormat = U8, *, size=(WIDTH, HEIGHT)) -> Buffer:
    buffer = worker.new_buffer(*size, layout)
    buffer.write_rows(0, data)
    return buffer
