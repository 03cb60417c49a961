"""An input's SHA-256 covers the bytes that were decoded, and results get the input's permissions."""

from __future__ import annotations

import hashlib
import importlib
import os
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dioptre.contract import Layer, Result
from dioptre.photo import load, problems, replacing, save
from dioptre.photo.depth_files import encoded_depth
from dioptre_link.operation import Role

from .layered import write_layers
from .written import write_run

# Imported by name, because the package has a function of the same name.
DECODE = importlib.import_module("dioptre.photo.decode.decoding")


def write(path: Path, value: int) -> bytes:
    Image.new("RGB", (24, 16), (value, value, value)).save(path)
    return path.read_bytes()


def test_the_picture_knows_what_it_was_decoded_from(tmp_path: Path) -> None:
    content = write(tmp_path / "a.png", 10)
    assert load(tmp_path / "a.png").sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("times_put_back", [False, True])
def test_a_file_that_changes_while_it_is_decoded_is_refused(
    when: str, times_put_back: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    write(path, 10)
    other = write(tmp_path / "b.png", 200)
    real = DECODE._decode_open

    def change() -> None:
        before = path.stat()
        # Overwrite the file in place, as an editor or a synchronising program may do.
        with path.open("r+b") as file:
            file.truncate()
            file.write(other)
        if times_put_back:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def racing(*arguments: Any) -> Any:
        if when == "before":
            change()
        found = real(*arguments)
        if when == "after":
            change()
        return found

    monkeypatch.setattr(DECODE, "_decode_open", racing)
    with pytest.raises(problems.UnreadableFile, match="changed while"):
        load(path)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o640, 0o640), (0o644, 0o644), (0o444, 0o644)])
def test_who_may_not_read_the_input_may_not_read_the_result(mode: int, expected: int, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write(path, 10)
    path.chmod(mode)
    picture = load(path)
    flat = picture.pixels[..., 0]
    before = os.umask(0o022)
    try:
        save(picture.pixels, tmp_path / "b.png", like=picture)
        with replacing(tmp_path / "c.png", force=False, permissions_of=path) as stream:
            stream.write(encoded_depth(flat, ".png"))
        layers = [Layer(name="a", role=Role.RESULT, pixels=np.ascontiguousarray(picture.pixels))]
        write_layers(layers, tmp_path / "d.ora", inputs=[path])
    finally:
        os.umask(before)
    for name in ("b.png", "c.png", "d.ora"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == expected, name


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_who_may_not_read_the_depth_may_not_read_the_result(tmp_path: Path) -> None:
    path, depth = tmp_path / "a.png", tmp_path / "depth.png"
    write(path, 10)
    write(depth, 20)
    depth.chmod(0o600)
    picture = load(path)
    layer = Layer(name="a", role=Role.RESULT, pixels=np.ascontiguousarray(picture.pixels))
    recipe = {"steps": [{"operation": "lens_blur"}]}
    save(picture.pixels, tmp_path / "b.png", like=picture, inputs=[depth])
    with replacing(tmp_path / "c.png", force=False, permissions_of=[path, depth]) as stream:
        stream.write(encoded_depth(picture.pixels[..., 0], ".png"))
    write_layers([layer], tmp_path / "d.ora", inputs=[path, depth])
    written = write_run(
        Result(layers=(layer,)), picture, tmp_path / "out", "a", force=False, recipe=recipe, inputs=[depth]
    )
    for file in (*written, *(tmp_path / name for name in ("b.png", "c.png", "d.ora"))):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files away")
def test_a_groups_permissions_are_not_another_groups(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write(path, 10)
    path.chmod(0o640)
    os.chown(path, -1, 65533)
    save(load(path), tmp_path / "b.png")
    assert stat.S_IMODE((tmp_path / "b.png").stat().st_mode) == 0o600
