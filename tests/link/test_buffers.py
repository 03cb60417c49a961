"""Buffers store pixels in files that both the client and the worker can access."""

from __future__ import annotations

import errno
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from dioptre_link.buffers import Buffer, DiskFullError
from dioptre_link.wire import PixelFormat, Pixels


class Room(unittest.TestCase):
    def test_the_message_says_where_how_much_and_what_is_free(self) -> None:
        """A system may refuse space that it reports as free; only the numbers in the message can explain that."""
        pixels = Pixels(file="a", width=2000, height=1000, format=PixelFormat("u8", channels=4))
        refused = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with (
            tempfile.TemporaryDirectory() as folder,
            mock.patch("dioptre_link.buffers.allocate", side_effect=refused),
            mock.patch("shutil.disk_usage", return_value=mock.Mock(free=60_000_000_000)),
        ):
            with self.assertRaises(DiskFullError) as caught:
                Buffer(Path(folder), pixels, create=True)
            self.assertEqual(list(Path(folder).iterdir()), [])
        for part in (folder, " 8.0 MB are needed", "the system reports 60000.0 MB free"):
            self.assertIn(part, caught.exception.message)
        self.assertIn("quota", caught.exception.hint)

    def test_a_system_that_cannot_reserve_space_is_asked_for_the_free_space_first(self) -> None:
        """On Windows, the file would otherwise grow until the disk is full."""
        pixels = Pixels(file="a", width=2000, height=1000, format=PixelFormat("u8", channels=4))
        unsupported = OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        with (
            tempfile.TemporaryDirectory() as folder,
            mock.patch.object(os, "posix_fallocate", side_effect=unsupported, create=True),
        ):
            for free, fits in ((8_000_000, True), (7_999_999, False)):
                with mock.patch("shutil.disk_usage", return_value=mock.Mock(free=free)):
                    if fits:
                        with Buffer(Path(folder), pixels, create=True) as buffer:
                            buffer.write_rows(999, bytes(7999) + b"x")
                            self.assertEqual(buffer.read_rows(999, 1)[-2:], b"\0x")
                    else:
                        with self.assertRaises(DiskFullError):
                            Buffer(Path(folder), pixels, create=True)
                self.assertEqual(list(Path(folder).iterdir()), [])
