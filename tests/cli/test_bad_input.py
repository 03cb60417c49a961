"""Bad input on the command line leads to one clear sentence, a hint and an exit code, and nothing is written."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from dioptre.checkpoints import locate
from dioptre.cli import findings
from dioptre.models import loading

Dioptre = Callable[..., tuple[int, str, str]]


def nothing(path: Path, photo: Path) -> None:
    path.write_bytes(b"")


def words(path: Path, photo: Path) -> None:
    path.write_text("This is a letter, not a picture.", encoding="utf-8")


def half_a_jpeg(path: Path, photo: Path) -> None:
    content = photo.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def bomb(path: Path, photo: Path) -> None:
    """Write a PNG of a few hundred bytes whose header declares 300 megapixels."""

    def chunk(kind: bytes, payload: bytes) -> bytes:
        return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))

    header = struct.pack(">IIBBBBB", 20_000, 15_000, 8, 2, 0, 0, 0)
    image = zlib.compress(bytes(1 << 16))
    content = chunk(b"IHDR", header) + chunk(b"IDAT", image) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def not_numbers(path: Path, photo: Path) -> None:
    pixels = np.full((8, 8, 3), 0.5, np.float32)
    pixels[3, 4, 1] = np.nan
    tifffile.imwrite(path, pixels, photometric="rgb")


def folder(path: Path, photo: Path) -> None:
    path.mkdir()


BAD = [
    (nothing, "empty.jpg", "empty.jpg"),
    (words, "letter.jpg", "letter.jpg"),
    (half_a_jpeg, "half.jpg", "half.jpg"),
    (bomb, "bomb.png", "300"),
    (not_numbers, "nan.tif", "nan.tif"),
    (folder, "folder.jpg", "is a folder"),
    (None, "none.jpg", "does not exist"),
]


@pytest.mark.parametrize(("make", "name", "message"), BAD, ids=[case[1] for case in BAD])
@pytest.mark.parametrize("command", ["run", "depth", "super-resolution"])
def test_a_bad_picture_is_refused_in_words(
    *,
    command: str,
    make: Callable[[Path, Path], None] | None,
    name: str,
    message: str,
    photo: Path,
    tmp_path: Path,
    dioptre: Dioptre,
) -> None:
    if make is not None:
        make(tmp_path / name, photo)
    out = tmp_path / "out" if command == "run" else tmp_path / "out.png"
    code, said, err = dioptre(command, tmp_path / name, "-o", out)
    assert (code, said) == (1, "")
    first, hint, log = err.splitlines()
    assert first.startswith("Error: ")
    assert message in first
    assert hint.startswith("Hint: ")
    assert log.startswith("Log: ")
    assert not out.exists()


@pytest.fixture
def own_weights(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only weights folder in use; it contains copies instead of links, so that a test may damage them."""
    weights = private_home / "data" / "weights"
    for link in list(weights.iterdir()):
        target = link.resolve()
        link.unlink()
        shutil.copytree(target, link)
    monkeypatch.setattr(locate, "weights_folders", lambda: (weights,))
    loading._load.cache_clear()
    return weights


def missing(weights: Path) -> None:
    shutil.rmtree(weights / "span-x2")


def corrupt(weights: Path) -> None:
    values = max(
        (path for path in (weights / "span-x2").rglob("*") if path.is_file()), key=lambda p: p.stat().st_size
    )
    content = bytearray(values.read_bytes())
    content[len(content) // 2] ^= 1
    values.write_bytes(content)


def foreign(weights: Path) -> None:
    """Replace the weights of span-x2 with those of span-x4, and adapt the card so that it is consistent."""
    shutil.rmtree(weights / "span-x2")
    shutil.copytree(weights / "span-x4", weights / "span-x2")
    card = weights / "span-x2" / "card.json"
    content = json.loads(card.read_text(encoding="utf-8"))
    card.write_text(json.dumps({**content, "id": "span-x2"}), encoding="utf-8")


def no_card(weights: Path) -> None:
    (weights / "span-x2" / "card.json").write_text("{", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (missing, "'span-x2' are not installed"),
        (corrupt, "'span-x2' are damaged"),
        (foreign, "do not fit the network"),
        (no_card, "is damaged"),
    ],
)
def test_bad_weights_are_named_and_nothing_is_written(
    *, spoil: Callable[[Path], None], message: str, own_weights: Path, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    spoil(own_weights)
    code, said, err = dioptre("super-resolution", photo, "-o", tmp_path / "out.png", "--scale", "2")
    assert (code, said) == (1, "")
    assert message in err.splitlines()[0]
    assert "Hint: " in err
    assert not (tmp_path / "out.png").exists()
    errors = {finding.code for finding in findings.weights() if finding.level == findings.ERROR}
    assert errors == (
        set() if spoil is foreign else {"weights-missing"} if spoil is missing else {"weights-damaged"}
    )


def test_a_place_that_cannot_be_written_is_refused_before_any_work(
    photo: Path, tmp_path: Path, dioptre: Dioptre, pipelines: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    code, _, err = dioptre("run", photo, "-o", tmp_path / "file" / "out")
    assert code == 1
    assert "part of its path is not a folder" in err
    # Simulate a read-only folder, because root may write anywhere.
    monkeypatch.setattr(os, "access", lambda *_: False)
    code, _, err = dioptre("run", photo, "-o", tmp_path / "out")
    assert code == 1
    assert "cannot be written" in err
    assert pipelines == []
    assert not (tmp_path / "out").exists()


FULL_DISK = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))  # files stop growing there, as on a full disk
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import types
import numpy as np
from dioptre.contract import Layer, Result
from dioptre_link.operation import Role
module = types.ModuleType("dioptre.features.blur")
noise = np.random.default_rng(0).random((64, 64, 3), np.float32)
picture = Result(layers=(Layer(name="x", role=Role.RESULT, pixels=noise),))
run = lambda inputs, options, progress: picture
from dioptre_link.catalogue import operation
module.OPERATIONS = {operation("portrait").options: run}
sys.modules[module.__name__] = module
from dioptre.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX resource limits")
def test_a_full_disk_leaves_nothing(photo: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, "run", str(photo), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == 1
    assert "The disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
