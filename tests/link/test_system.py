"""The wording of messages on Windows and macOS; the system is patched.

Uses only unittest, so that a bare Python 3.10 can run it, too.
"""

from __future__ import annotations

import os
import sys
import unittest
from unittest import mock

from dioptre_link import system
from dioptre_link.language import translated

HINT = "Run: python3 install.py --repair"


class ForThisSystem(unittest.TestCase):
    def test_windows_has_no_python3(self) -> None:
        with mock.patch.object(sys, "platform", "win32"):
            self.assertEqual(system.for_this_system(HINT), "Run: py install.py --repair")
            self.assertEqual(translated(HINT, languages=("xx",)), "Run: py install.py --repair")
        for other in ("linux", "darwin"):
            with mock.patch.object(sys, "platform", other):
                self.assertEqual(system.for_this_system(HINT), HINT)


class Writable(unittest.TestCase):
    def test_what_a_code_page_lacks_becomes_plain(self) -> None:
        self.assertEqual(system.writable("Filters ▸ Dioptre…", "cp850"), "Filters > Dioptre...")
        self.assertEqual(system.writable("Blende für 花", "cp1252"), "Blende für \\u82b1")
        self.assertEqual(system.writable("Filters ▸ Dioptre…", "utf-8"), "Filters ▸ Dioptre…")


class Languages(unittest.TestCase):
    def setUp(self) -> None:
        system.languages.cache_clear()
        self.addCleanup(system.languages.cache_clear)

    def test_the_environment_comes_first(self) -> None:
        for platform in ("win32", "darwin", "linux"):
            with mock.patch.object(sys, "platform", platform), mock.patch.dict(os.environ, {"LANG": "fr_FR"}):
                system.languages.cache_clear()
                self.assertIsNone(system.languages())

    def test_a_mac_lists_its_languages(self) -> None:
        listed = '(\n    "de-DE",\n    "zh-Hans-DE",\n    en\n)\n'
        self.assertEqual(system.parse_apple_languages(listed), ("de_DE", "zh_Hans_DE", "en"))
        with (
            mock.patch.dict(os.environ, clear=True),
            mock.patch.object(sys, "platform", "darwin"),
            mock.patch("subprocess.run", return_value=mock.Mock(stdout=listed)),
        ):
            self.assertEqual(system.languages(), ("de_DE", "zh_Hans_DE", "en"))

    @unittest.skipUnless(sys.platform == "win32", "asks Windows")
    def test_windows_answers(self) -> None:
        with mock.patch.dict(os.environ):
            for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
                os.environ.pop(name, None)
            found = system.languages()
        self.assertIsNotNone(found)
        self.assertRegex(found[0], r"^[a-z]{2,3}_[A-Z]{2}$")
