"""Targets of coverage-guided fuzzing: the Python parsers of untrusted input, and their seeds.

A target accepts any bytes and must end with a result or a clear error. Its return values and files must be valid.
"""

from __future__ import annotations

import base64
import struct
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from dioptre import photo
from dioptre.photo.budget import of_bytes
from dioptre.photo.colour_profile import BadProfile
from dioptre.photo.colour_profile import model as colour_model
from dioptre.photo.decode import gain_maps
from dioptre.photo.decode.inspection import read_recipe
from dioptre.photo.decode.tiff import TiffLayout, layout_of
from dioptre.photo.encode.encoding import encode
from dioptre.photo.matrix_profile import grey_profile
from dioptre.photo.metadata import containers, density, exif, tiff_tags
from dioptre.photo.metadata import xmp as notes
from dioptre.photo.metadata.exif import Frame
from dioptre.photo.picture import Format
from dioptre_link.errors import DioptreError

from . import corpus, hostile

_NOTE = notes.make_note(operation="depth", models={}, recipe={})
_HUGE = 1 << 16  # Longest input in bytes; longer inputs would find nothing more and take longer.


@dataclass(frozen=True, kw_only=True)
class Target:
    """A parser to be fuzzed; `words` are typical fragments of its input."""

    seeds: Callable[[], tuple[bytes, ...]]
    work: Callable[[bytes, Path], object]
    words: tuple[bytes, ...] = ()


def run(target: Target, data: bytes, folder: Path) -> None:
    """Try one input; any exception or warning is a finding."""
    if len(data) > _HUGE:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        target.work(data, folder)


_FRAME = Frame(width=20, height=28, orientation=6, enlarged=(2.0, 3.0))


def _in_words(action: Callable[[], object]) -> None:
    refused: list[DioptreError] = []
    try:
        action()
    except DioptreError as error:
        refused.append(error)
    assert all(error.message.strip() and error.hint for error in refused)


def _notes(data: bytes, folder: Path) -> None:
    notes.read(data)
    after = notes.updated(data, note=_NOTE, frame=_FRAME)
    assert after is not None
    found = notes.read(after)
    assert found is not None
    assert found.operation == "depth"


def _depth_of(path: Path) -> None:
    depth = photo.read_embedded_depth(path)
    if depth is None:
        return
    planes = [depth.disparity] if depth.confidence is None else [depth.disparity, depth.confidence]
    assert all(np.isfinite(plane).all() for plane in planes)
    if depth.range_per_m is not None:
        far, near = depth.range_per_m
        assert 0.0 < far < near < np.inf


def _gains_of(data: bytes) -> None:
    found = gain_maps.of_jpeg(memoryview(data), of_bytes(data))
    if found is not None:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            light = found.brightened(np.ones((20, 28, 3), np.float32), found.stops(slice(0, 20), (20, 28)))
        assert np.isfinite(light).all()


def _jpeg(data: bytes, folder: Path) -> None:
    path = folder / "a.jpg"
    path.write_bytes(data)
    _in_words(partial(_depth_of, path))
    _in_words(partial(_gains_of, data))
    segments = list(containers.jpeg_segments(data))
    containers.quantisation_tables(segments)
    xmp = next((p[len(containers.XMP_HEADER) :] for _, p in segments if p.startswith(containers.XMP_HEADER)), b"")
    whole = notes.joined(xmp, containers.extended_xmp(segments))
    assert len(notes.split(whole)[0]) <= containers.MAX_XMP
    density.in_photoshop(containers.photoshop_resources(segments) or b"", (2.0, 3.0))


def _depth_in_xmp(data: bytes, folder: Path) -> None:
    if len(data) < 65_000:
        _jpeg(hostile.jpeg_with_xmp(data), folder)


def _exif(data: bytes, folder: Path) -> None:
    blob = exif.strip_prefix(data)
    exif.camera_is_adobe_rgb(blob)
    _layout_of(data)
    tiff_tags.to_exif(data)
    if blob is not None:
        after = exif.upright(density.in_exif(blob, _FRAME), _FRAME, srgb=True)
        assert exif.orientation(after) == 1
        tiff = tiff_tags.into_tiff(corpus.pictures()["cmyk.tif"], after)
        assert _layout_of(tiff).is_whole(len(tiff))


def _layout_of(data: bytes) -> TiffLayout | None:
    found = tiff_tags.first_directory(data)
    layout = None if found is None else layout_of(data, *found)
    if layout is not None:
        layout.is_whole(len(data))
    return layout


def _archive(data: bytes, folder: Path) -> None:
    path = folder / "a.ora"
    path.write_bytes(data)
    for action in (read_recipe, photo.inspect):
        _in_words(partial(action, path))


def _recipe(data: bytes, folder: Path) -> None:
    path = folder / "a.json"
    path.write_bytes(data)
    _in_words(partial(photo.inspect, path))


def _profile(data: bytes, folder: Path) -> None:
    for bands in (1, 3):
        with suppress(BadProfile):
            out = np.empty((4, 5, 3), np.float32)
            colour_model(data, bands=bands).to_srgb(np.full((4, 5, bands), 100, np.uint8), out=out)
            assert np.isfinite(out).all()


def _depth_packets() -> tuple[bytes, ...]:
    wedge = base64.b64encode(encode(np.arange(64, dtype=np.uint8).reshape(8, 8, 1), Format.PNG)).decode()
    about = "xmlns:G='http://ns.google.com/photos/1.0/depthmap/'"
    item = "xmlns:I='http://ns.google.com/photos/dd/1.0/item/'"
    properties = (
        f"{about} G:Format='RangeLinear' G:Near='0.5' G:Far='10' G:Units='mm' G:Data='{wedge}'",
        f"{about} G:Format='RangeInverse' G:Near='1' G:Far='2' G:Units='m' G:Data='{wedge}' G:Confidence='{wedge}'",
        f"{about} {item} I:Semantic='Depth' I:Length='30' I:Padding='4'",
    )
    return tuple(hostile.xmp_of(each) for each in properties)


def _jpegs() -> tuple[bytes, ...]:
    pictures = corpus.pictures()
    whole = [pictures[name] for name in ("plain.jpg", "full.jpg", "progressive.jpg", "gains.jpg")]
    packet = _depth_packets()[0]
    pieces = [packet[at : at + 200] for at in range(0, len(packet), 200)]
    number = b"0" * 32 + struct.pack(">I", len(packet))
    payloads = [
        containers.EXTENDED_XMP_HEADER + number + struct.pack(">I", 200 * place) + piece
        for place, piece in enumerate(pieces)
    ]
    return (*whole, *map(hostile.jpeg_with_xmp, _depth_packets()), hostile.jpeg_with(*payloads))


_NUMBERS = (b"0", b"-1", b"nan", b"inf", b"1e-320", b"1e400", b"9" * 30, b"1/0", b"0x1", b"\xd9\xa1")
_XML = (b"<", b"/>", b"<!--", b"<![CDATA[", b"<?a ?>", b"&lt;", b"&#0;", b"&#x10ffff;", b"xml:lang", b'=""')
_PROPERTIES = (
    b"tiff:XResolution='300/1'",
    b"exif:PixelXDimension='9'",
    b"<rdf:Seq/>",
    b"<rdf:li/>",
    b"xmpMM:History",
    b"Iptc4xmpExt:DigitalSourceType",
    b"rdf:Description",
    b"rdf:resource",
)

TARGETS: dict[str, Target] = {
    "notes": Target(
        seeds=lambda: (corpus.xmp(), hostile.xmp_with_density("300/1"), *_depth_packets(), hostile.utf16_doctype()),
        work=_notes,
        words=(*_NUMBERS, *_XML, *_PROPERTIES),
    ),
    "depth in XMP": Target(
        seeds=_depth_packets,
        work=_depth_in_xmp,
        words=(*_NUMBERS, *_XML, b"RangeLinear", b"G:Confidence", b"I:Semantic", b"I:Length='40'"),
    ),
    "JPEG": Target(seeds=_jpegs, work=_jpeg, words=(b"\xff\xe1", b"\xff\xdb", b"\xff\xff", b"8BIM\3\xed")),
    "EXIF": Target(
        seeds=lambda: (
            corpus.exif().removeprefix(b"Exif\0\0"),
            corpus.pictures()["deep.tif"],
            corpus.pictures()["lzw.tif"],
            hostile.exif_of_pointers(3, 4),
            hostile.exif_of_shared_bytes(4, 50),
        ),
        work=_exif,
        words=(b"II*\0", b"MM\0*", b"II+\0", b"\x69\x87\4\0\1\0\0\0", b"\x87\x69\0\4\0\0\0\1", b"\xff\xff\xff\xff"),
    ),
    "OpenRaster": Target(
        seeds=lambda: (corpus.layered(),),
        work=_archive,
        words=(b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"\x08\0", b"\x0c\0", b"\x0e\0"),
    ),
    "recipe": Target(
        seeds=lambda: (corpus.recipe_text(),),
        work=_recipe,
        words=(*_NUMBERS, b"[", b"{", b'""', b"null", b"\\ud800"),
    ),
    "colour profile": Target(
        seeds=lambda: (corpus.adobe_rgb(), grey_profile("g", curve=1.8)),
        work=_profile,
        words=(b"para\0\0\0\0\0\4", b"curv\0\0\0\0\0\0\0\0", b"rTRC", b"kTRC", b"A2B0", b"Lab ", b"GRAY"),
    ),
}
