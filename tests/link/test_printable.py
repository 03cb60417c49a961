"""Text from files cannot control the terminal."""

from __future__ import annotations

import io
import logging
import unittest

from dioptre_link.printable import PrintableFormatter, PrintableStream, printable, unguarded

HOSTILE = (
    "\x1b]52;c;ZXZpbA==\x07",  # OSC 52, which sets the clipboard.
    "\x9d52;c;ZXZpbA==\x9c",  # The same sequence in C1 codes.
    "\x1b[2J\x1b[H",
    "\rDone.",
    "\b\b\b",
    "\x7f",
    "\u202egpj.exe",
    "\u2066\u2069",
    "\u2028",
    "\udcff",
    "\0",
)


class Printable(unittest.TestCase):
    def test_control_characters_are_shown_and_not_obeyed(self) -> None:
        for text in HOSTILE:
            for lines in (False, True):
                with self.subTest(text=text, lines=lines):
                    shown = printable(f"a{text}b", lines=lines)
                    self.assertTrue(shown.isprintable(), shown)
                    self.assertIn("\\u", shown)

    def test_words_in_every_script_stay(self) -> None:
        for text in ("Grüße 4 × 3, “ok”", "写真.jpg", "صورة", "👩‍👩‍👧.png", "a\\b"):
            self.assertEqual(printable(text), text)

    def test_lines_are_kept_where_they_may_be(self) -> None:
        self.assertEqual(printable("a\n\tb", lines=True), "a\n\tb")
        self.assertEqual(printable("a\n\tb"), "a\\u000a\\u0009b")

    def test_a_message_cannot_forge_a_line_of_the_log(self) -> None:
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(PrintableFormatter("%(levelname)s %(message)s"))
        logger = logging.Logger("forged")
        logger.addHandler(handler)
        logger.info("begin %s", "a\n2026 ERROR forged \x1b[31m")
        try:
            raise ValueError("b\x1b[2J")
        except ValueError:
            logger.exception("failed")
        lines = stream.getvalue().splitlines()
        self.assertEqual(lines[0], "INFO begin a\\u000a2026 ERROR forged \\u001b[31m")
        self.assertNotIn("\x1b", stream.getvalue())

    def test_a_stream_filters_all_that_is_written(self) -> None:
        inner = io.StringIO()
        guarded = PrintableStream(inner)
        guarded.write("a\x1b[31mb\n")
        guarded.writelines(["c\x07\n"])
        self.assertEqual(inner.getvalue(), "a\\u001b[31mb\nc\\u0007\n")
        self.assertIs(unguarded(guarded), inner)
        self.assertIs(unguarded(inner), inner)
        self.assertFalse(guarded.isatty())
