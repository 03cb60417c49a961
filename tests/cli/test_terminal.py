"""File contents never reach the terminal or the log as control sequences."""

from __future__ import annotations

import sys
from collections.abc import Callable
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
def test_names_and_metadata_are_shown_harmlessly(
    arguments: list[str],
    tmp_path: Path,
    private_home: Path,
    dioptre: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"a{OSC_52}\nforged.jpg", "b\x1b[2J\nforged.jpg", "c\u202egpj.jpg"]
    (tmp_path / names[0]).write_bytes(picture_with("\u009d52;c;AA\u009c\u202e&#10;forged"))
    (tmp_path / names[1]).write_bytes(b"no picture")
    monkeypatch.chdir(tmp_path)
    code, out, err = dioptre(*arguments, *(names if arguments[0] == "inspect" else names[1:2]))
    assert code == 1
    assert out + err
    assert "\nforged" not in out + err
    logs = "".join(path.read_text(encoding="utf-8") for path in private_home.rglob("*.log"))
    for output in (out, err, logs):
        assert output.replace("\n", "").isprintable(), repr(output)
