"""uv's program is unpacked whole or not at all."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from dioptre_link import uv


def _wheel(path: Path, program: bytes = b"program") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(f"uv-1.data/scripts/{uv.PROGRAM}", program)
        wheel.writestr("uv-1.dist-info/LICENSE-MIT", "licence")
        wheel.writestr("uv-1.dist-info/METADATA", "left out")
    return path


def test_the_program_is_unpacked_and_replaced(tmp_path: Path) -> None:
    for program in (b"first", b"second"):
        found = uv.unpack(_wheel(tmp_path / "uv.whl", program), tmp_path / "to")
        assert (found.name, found.read_bytes()) == (uv.PROGRAM, program)
        assert sorted(path.name for path in found.parent.iterdir()) == ["LICENSE-MIT", uv.PROGRAM]


@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "other"])
def test_a_damaged_wheel_is_said_and_leaves_no_program(tmp_path: Path, damage: str) -> None:
    wheel = _wheel(tmp_path / "uv.whl", bytes(range(256)) * 40)
    content = bytearray(wheel.read_bytes())
    content[100] ^= 255
    if damage == "other":
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("LICENSE", "")
    else:
        wheel.write_bytes({"empty": b"", "cut": bytes(content[:-40])}.get(damage, bytes(content)))
    with pytest.raises(OSError, match="damaged, so download Dioptre again"):
        uv.unpack(wheel, tmp_path / "to")
    assert not (tmp_path / "to" / uv.PROGRAM).exists()
