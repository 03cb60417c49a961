"""Targets of coverage-guided fuzzing: the Python parsers of untrusted input, and their seeds.

A target accepts any bytes and must end with a result or a clear error. Its return values and files must be valid.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as safetensors

from dioptre import photo
from dioptre.batch import many
from dioptre.batch.work import Made
from dioptre.caching import caches
from dioptre.checkpoints.card import Card, WeightsError
from dioptre.checkpoints.torch_file import Tensor, read_torch
from dioptre.contract import EmbeddedDepth
from dioptre.models.depth_anything_v2.convert import from_safetensors
from dioptre.photo import parcel
from dioptre.photo.budget import of_bytes
from dioptre.photo.colour_profile import BadProfile
from dioptre.photo.colour_profile import model as colour_model
from dioptre.photo.decode.inspection import read_recipe
from dioptre.photo.encode.encoding import encode
from dioptre.photo.formats import gain_maps
from dioptre.photo.formats.decoded import Decoded
from dioptre.photo.formats.tiff import TiffLayout, layout_of
from dioptre.photo.matrix_profile import grey_profile
from dioptre.photo.metadata import containers, density, exif, tiff_tags
from dioptre.photo.metadata import xmp as notes
from dioptre.photo.metadata.exif import Frame
from dioptre.photo.picture import Format
from dioptre.photo.problems import BY_CODE
from dioptre_link import wire
from dioptre_link.errors import DioptreError
from dioptre_link.language import Message
from dioptre_link.recipe import Recipe
from dioptre_link.records import Entry, Link, Record
from dioptre_link.start import Rendezvous
from dioptre_link.strokes import checked_strokes

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


def _depth_file(data: bytes, folder: Path) -> None:
    path = folder / "a.png"
    path.write_bytes(data)
    for unit in (None, "mm"):
        _in_words(partial(photo.read_depth, path, width=20, height=12, unit=unit))


def _texts(data: bytes, folder: Path) -> None:
    text = data.decode("utf-8", "replace")
    _in_words(lambda: Recipe.from_json(text).to_json())
    _in_words(lambda: checked_strokes(text))
    _in_words(lambda: Card.from_json(text).to_json())
    with suppress(ValueError, RecursionError):
        Rendezvous.from_dict(json.loads(text))


def _record(data: bytes, folder: Path) -> None:
    kept: list[bytes] = []
    _in_words(lambda: Record(lambda: data, kept.append).add(_ENTRY))
    for written in kept:
        assert _ENTRY.id in {entry.id for entry in Record(lambda: written, kept.append).load()}  # noqa: B023


def _line(data: bytes, folder: Path) -> None:
    wire.decode_hello(data)
    for sender in ("client", "worker"):
        with suppress(wire.WireError):
            message = wire.decode(data, sender=sender)
            assert message["type"] in wire.MESSAGES[sender]


def _decoders_answer(data: bytes, folder: Path) -> None:
    """Read an answer as `apart` does, from a decoder that a file may have taken over."""
    expected = (parcel.BadParcel, KeyError, TypeError, ValueError)
    with suppress(*expected, RecursionError):
        answer = json.loads(data)
        if "error" in answer:
            assert isinstance(parcel.to_error(answer["error"], BY_CODE), DioptreError)
        arrays = parcel.received(answer["arrays"], io.BytesIO(bytes(4096)))
        for kind in (Decoded, EmbeddedDepth | None, tuple[int, int]):
            with suppress(*expected):
                parcel.unpacked(kind, answer["result"], arrays)


def _outcome(data: bytes, folder: Path) -> None:
    with suppress(many.BadOutcomeError):
        found = many.unpacked(data)
        assert not isinstance(found, Made) or all(Path(name).name == name for name in found.files)


def _kept(data: bytes, folder: Path) -> None:
    """Read a cache entry whose header is what `data` says and whose checksums are right."""
    header = data.replace(b"\n", b" ") + b"\n"
    path = folder / "kept"
    path.write_bytes(
        caches._MAGIC + hashlib.sha256(header).hexdigest().encode() + b"\n" + header + _PLANE.tobytes()
    )
    with suppress(caches.DamagedError):
        found = caches.read(path)
        assert all(np.isfinite(plane).all() for plane in found.planes.values())


def _weights(data: bytes, folder: Path) -> None:
    path = folder / "model"
    path.write_bytes(data)
    with suppress(WeightsError):
        from_safetensors(path)
    with suppress(WeightsError):
        file = read_torch(path)
        tensors = (
            {str(k): v for k, v in file.tree.items() if isinstance(v, Tensor)}
            if isinstance(file.tree, dict)
            else {}
        )
        dict(file.arrays(tensors))


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


_ENTRY = Entry(
    operation="portrait",
    options={},
    inputs={"picture": Link(id=1, name="Photo", sha256="0" * 64, rect=(0, 0, 20, 12))},
    outputs={"result": Link(id="2", name="Portrait")},
    values={"focus": 0.5},
    models={"a": "0" * 64},
    id="1",
    when="2026-01-01T00:00:00",
)
_PLANE = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)


def _told(*values: object) -> tuple[bytes, ...]:
    return tuple(json.dumps(value).encode() for value in values)


def _records() -> tuple[bytes, ...]:
    kept: list[bytes] = []
    Record(lambda: b"", kept.append).save([_ENTRY, _ENTRY])
    return tuple(kept)


def _lines() -> tuple[bytes, ...]:
    from tests.worker.test_server import MESSAGES, PIXELS

    layer = {"name": "a", "role": "result", "visible": True, "pixels": PIXELS}
    answers = (
        {"type": "progress", "job": 1, "fraction": 0.5, "phase": Message("Reading {file}", file="a").to_wire()},
        {"type": "error", "job": 1, "code": "c", "message": "m", "hint": "h"},
        {"type": "result", "job": 1, "layers": [layer], "values": {"a": 1}, "messages": [], "models": {"a": "b"}},
    )
    return _told(*MESSAGES, *answers)


def _answers() -> tuple[bytes, ...]:
    path = Path("a")
    arrays: list[np.ndarray] = []
    decoded = Decoded(
        codes=np.zeros((4, 5, 3), np.uint8),
        source=photo.Source(format=Format.PNG, icc=b"i", texts=(("a", "b"),), resolution_dpi=(1.0, 2.0)),
        messages=[Message("{file} is damaged", file="a")],
        sha256="0" * 64,
    )
    content = parcel.packed(decoded, arrays)
    error = parcel.of_error(DioptreError("{name} is bad", hint="h", name=path))
    answer = {"result": content, "arrays": parcel.described(arrays)}
    return _told(answer, {"error": error}, {"result": [3, 4], "arrays": []})


def _outcomes() -> tuple[bytes, ...]:
    made = Made(
        files={"a.png": b"x", "a.json": b"{}"}, before=b"b", after=b"a", models={}, values={"v": 1}, messages=("m",)
    )
    return (many.packed(made),)


def _headers() -> tuple[bytes, ...]:
    plane: Mapping[str, Any] = {
        "name": "disparity",
        "shape": [3, 4],
        "sha256": caches.digest_of_bytes(_PLANE.data),
    }
    return _told({"planes": [plane], "facts": {"a": [1, 0.5, None]}})


def _checkpoints() -> tuple[bytes, ...]:
    from tests.checkpoints.test_torch_file import model, tensor

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + model(tensor("0", (2, 3), (3, 1), values=6)) + b".")
        archive.writestr("a/data/0", bytes(24))
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps({"model": {}}, 2))
    named = {
        "pretrained.cls_token": np.zeros((1, 1, 4), np.float32),
        "pretrained.norm.bias": np.zeros(4, np.float16),
    }
    return buffer.getvalue(), plain.getvalue(), safetensors(named)


_NUMBERS = (b"0", b"-1", b"nan", b"inf", b"1e-320", b"1e400", b"9" * 30, b"1/0", b"0x1", b"\xd9\xa1")
_JSON = (*_NUMBERS, b"[", b"{", b'""', b"null", b"true", b"\\ud800", b"9" * 400, b"[" * 500, b"-1.5e308")
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
    "depth file": Target(
        seeds=lambda: (
            encode(np.arange(240, dtype=np.uint16).reshape(12, 20, 1) * 200, Format.PNG),
            encode(np.linspace(0, 9, 240, dtype=np.float32).reshape(12, 20, 1), Format.TIFF),
        ),
        work=_depth_file,
        words=(b"\0\0\x80\x7f", b"\0\0\xc0\x7f", b"\xff\xff\xff\xff"),
    ),
    "texts": Target(
        seeds=lambda: (
            corpus.recipe_text(),
            *_told(
                [{"keep": True, "radius": 0.1, "points": [[0.5, 0.5], [0.2, 0.1]]}],
                {"id": "a", "title": "t", "architecture": "x", "licence": "MIT", "files": {"f": "0" * 64}},
                {"port": 1, "token": "t", "pid": 2, "protocol": 1, "version": "1", "unix_socket": "s"},
            ),
        ),
        work=_texts,
        words=(*_JSON,),
    ),
    "record": Target(seeds=_records, work=_record, words=_JSON),
    "worker's messages": Target(seeds=_lines, work=_line, words=_JSON),
    "decoder's answers": Target(seeds=_answers, work=_decoders_answer, words=_JSON),
    "outcome from a scheduler": Target(seeds=_outcomes, work=_outcome, words=(*_JSON, b"../", b"\\\\")),
    "kept step": Target(seeds=_headers, work=_kept, words=(*_JSON, b"[0, 0]", b"[12, 1]", b"[-3, -4]")),
    "weights": Target(
        seeds=_checkpoints,
        work=_weights,
        words=(b"PK\1\2", b"PK\5\6", b"\x8a\x08", b"(", b"t", b"R", b"Q", b"]", b"\xff" * 8, b'"shape":[0]'),
    ),
}
