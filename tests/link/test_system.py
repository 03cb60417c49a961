"""The wording of messages on Windows and macOS; the system is patched.

Uses only unittest, so that a bare Python 3.10 can run it, too.
"""

from __future__ import annotations

import os
import sys
import unittest
from unittest import mock

from dioptre_link import language
from dioptre_link.language import translated

HINT = "Run: python3 install.py --repair"


class ForThisSystem(unittest.TestCase):
    def test_windows_has_no_python3(self) -> None:
        with mock.patch.object(sys, "platform", "win32"):
            self.assertEqual(language.for_this_system(HINT), "Run: py install.py --repair")
            self.assertEqual(translated(HINT, languages=("xx",)), "Run: py install.py --repair")
        for other in ("linux", "darwin"):
            with mock.patch.object(sys, "platform", other):
                self.assertEqual(language.for_this_system(HINT), HINT)


class Writable(unittest.TestCase):
    def test_what_a_code_page_lacks_becomes_plain(self) -> None:
        self.assertEqual(language.writable("Filters ▸ Dioptre…", "cp850"), "Filters > Dioptre...")
        self.assertEqual(language.writable("Blende für 花", "cp1252"), "Blende für \\u82b1")
        self.assertEqual(language.writable("Filters ▸ Dioptre…", "utf-8"), "Filters ▸ Dioptre…")


class Languages(unittest.TestCase):
    def setUp(self) -> None:
        language.preferred_languages.cache_clear()
        self.addCleanup(language.preferred_languages.cache_clear)

    def test_the_environment_comes_first(self) -> None:
        for platform in ("win32", "darwin", "linux"):
            with mock.patch.object(sys, "platform", platform), mock.patch.dict(os.environ, {"LANG": "fr_FR"}):
                language.preferred_languages.cache_clear()
                self.assertIsNone(language.preferred_languages())

    def test_a_mac_lists_its_languages(self) -> None:
        listed = '(\n    "de-DE",\n    "zh-Hans-DE",\n    en\n)\n'
        self.assertEqual(language.parse_apple_languages(listed), ("de_DE", "zh_Hans_DE", "en"))
        with (
            mock.patch.dict(os.environ, clear=True),
            mock.patch.object(sys, "platform", "darwin"),
            mock.patch("subprocess.run", return_value=mock.Mock(stdout=listed)),
        ):
            self.assertEqual(language.preferred_languages(), ("de_DE", "zh_Hans_DE", "en"))

    @unittest.skipUnless(sys.platform == "win32", "asks Windows")
    def test_windows_answers(self) -> None:
        with mock.patch.dict(os.environ):
            for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
                os.environ.pop(name, None)
            found = language.preferred_languages()
        self.assertIsNotNone(found)
        self.assertRegex(found[0], r"^[a-z]{2,3}_[A-Z]{2}$")
