"""Photos after the first one in a JPEG are named; previews and gain maps are none."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.photo import Format, load
from dioptre.photo.encode.encoding import encode
from dioptre.photo.formats.gain_maps import MPF_HEADER
from dioptre.photo.gain_map import GainMap
from dioptre.photo.metadata import containers

from .three_gains import map_jpeg

PREVIEW, FULL_HD, PANORAMA, STEREO, UNDEFINED, MAIN = 0x010001, 0x010002, 0x020001, 0x020002, 0, 0x030000


def listed(first: bytes, second: bytes, *, kind: int) -> bytes:
    """Return two JPEGs with the index of CIPA DC-007 in the first one."""

    def index(size: int) -> bytes:
        entries = struct.pack(">IIIHH", MAIN, size, 0, 0, 0) + struct.pack(
            ">IIIHH", kind, len(second), size - 10, 0, 0
        )
        fields = struct.pack(">HHII", 0xB001, 4, 1, 2) + struct.pack(
            ">HHII", 0xB002, 7, len(entries), 8 + 2 + 24 + 4
        )
        content = MPF_HEADER + b"MM\0*" + struct.pack(">IH", 8, 2) + fields + bytes(4) + entries
        return containers.segment(containers.APP2, content)

    size = len(first) + len(index(1 << 10))
    return first[:2] + index(size) + first[2:] + second


def test_the_second_half_of_a_stereo_pair_is_named(tmp_path: Path, photo: np.ndarray) -> None:
    path, one = tmp_path / "a.mpo", encode(photo, Format.JPEG)
    for kind in (UNDEFINED, STEREO, PANORAMA):
        path.write_bytes(listed(one, one, kind=kind))
        assert "several pictures" in load(path).messages[0]
    file = io.BytesIO()
    picture = Image.fromarray(photo)
    picture.save(file, "MPO", save_all=True, append_images=[picture])
    path.write_bytes(file.getvalue())
    assert "several pictures" in load(path).messages[0]


@pytest.mark.parametrize("kind", [PREVIEW, FULL_HD, UNDEFINED])
def test_previews_and_gain_maps_are_no_further_pictures(tmp_path: Path, photo: np.ndarray, kind: int) -> None:
    path, one = tmp_path / "a.jpg", encode(photo, Format.JPEG)
    gains = GainMap(codes=photo, stops_max=(1.0, 2.0, 3.0), headroom=(0.0, 3.0))
    for second in (encode(photo[::2, ::2], Format.JPEG), encode(photo[..., :1], Format.JPEG), map_jpeg(gains)):
        path.write_bytes(listed(one, second, kind=kind))
        assert load(path).messages == ()
    path.write_bytes(listed(one, one, kind=PREVIEW))
    assert load(path).messages == ()
