"""File contents never reach the terminal or the log as control sequences."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dioptre.photo.metadata.containers import XMP_HEADER
from tests.faults import corpus, hostile

OSC_52 = "\x1b]52;c;ZXZpbA==\x07"


COMMANDS = (["inspect"], ["inspect", "--json"], ["depth", "-o", "x.png"], ["run", "--verbose"])


def picture_with(text: str) -> bytes:
    """Return a JPEG with our metadata, in which `text` is both the operation and the tool."""
    packet = corpus.xmp().replace(b'operation="portrait"', f'operation="{text}"'.encode())
    return hostile.jpeg_with(XMP_HEADER + packet)


@pytest.mark.skipif(sys.platform == "win32", reason="the system takes no such names")
@pytest.mark.parametrize("arguments", COMMANDS)
def test_names_and_metadata_are_shown_harmlessly(arguments: list[str], tmp_path: Path) -> None:
    names = [f"a{OSC_52}\nforged.jpg", "b\x1b[2J\nforged.jpg", "c\u202egpj.jpg"]
    (tmp_path / names[0]).write_bytes(picture_with("\u009d52;c;AA\u009c\u202e&#10;forged"))
    (tmp_path / names[1]).write_bytes(b"no picture")
    several = arguments[0] == "inspect"
    environment = {**os.environ, "DIOPTRE_HOME": str(tmp_path / "home"), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-m", "dioptre", *arguments, *(names if several else names[1:2])],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert b"\nforged" not in done.stdout + done.stderr
    logs = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*.log"))
    for output in (done.stdout, done.stderr, logs):
        text = output.decode("utf-8").replace("\n", "")
        assert text.isprintable(), repr(text)
    assert done.stdout + done.stderr
