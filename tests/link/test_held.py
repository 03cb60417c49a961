"""Access to a file that another program briefly holds open on Windows is retried; elsewhere this is simulated.

Uses only unittest, so that a bare Python 3.10 can run it, too.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import unittest
from contextlib import suppress
from pathlib import Path
from unittest import mock

from dioptre_link import files


class Refusals:
    """A callable that raises PermissionError `count` times before it calls `action`."""

    def __init__(self, action, count: int) -> None:
        self.action = action
        self.count = count

    def __call__(self, *arguments, **options):
        if self.count:
            self.count -= 1
            raise PermissionError(13, "The file is used by another process")
        return self.action(*arguments, **options)


class Held(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="dioptre-held-")
        self.addCleanup(folder.cleanup)
        self.target = Path(folder.name) / "worker.json"
        self.target.write_text("old", encoding="utf-8")
        self.source = self.target.with_name("new")
        self.source.write_text("new", encoding="utf-8")

    def test_windows_is_asked_again(self) -> None:
        with mock.patch.object(sys, "platform", "win32"), mock.patch.object(os, "replace", Refusals(os.replace, 3)):
            files.replace(self.source, self.target)
        self.assertEqual(self.target.read_text(encoding="utf-8"), "new")

    def test_what_stays_impossible_is_an_error(self) -> None:
        for platform, tries in (("win32", files.TRIES), ("linux", 1)):
            refusing = Refusals(os.replace, files.TRIES)
            with (
                mock.patch.object(sys, "platform", platform),
                mock.patch.object(os, "replace", refusing),
                mock.patch.object(files.time, "sleep"),
                self.assertRaises(PermissionError),
            ):
                files.replace(self.source, self.target)
            self.assertEqual(files.TRIES - refusing.count, tries)

    def test_a_reader_never_keeps_a_writer_from_its_file(self) -> None:
        stop = threading.Event()

        def read() -> None:
            while not stop.wait(0.001):  # A real client reads 20 times a second.
                with suppress(OSError):
                    self.target.read_bytes()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for count in range(200):
                self.source.write_text(str(count), encoding="utf-8")
                files.replace(self.source, self.target)
            files.unlink(self.target)
        finally:
            stop.set()
            reader.join()
        self.assertFalse(self.target.exists())
