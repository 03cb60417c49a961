"""JPEG XL, by pyjpegxl (the extra `jpegxl`), because libvips' wheel has no codec for it.

pyjpegxl wraps libjxl, has a BSD licence, and reads 8-bit, 16-bit and float samples, profiles, EXIF and XMP. The
Pillow plug-in for JPEG XL supports only 8-bit colour and has a GPL licence; imagecodecs reads no profiles and
no metadata.

None of them reports whether colour is multiplied by alpha, whether the coding is lossless, or whether there are
several frames, so the image header is read here: ISO/IEC 18181-1, annex D (size and metadata bundles) and
clause 6.2.7 (variable-length fields), and ISO/IEC 18181-2 (container boxes). Nothing is read beyond the end of
the data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import problems
from ..metadata import exif
from ..picture import Colour, Extras, Format, Source
from .decoded import Decoded, OpenFile, damaged, note_channels, packed_bits
from .entry import FileFormat
from .stated_colours import HLG, PQ, CodePoints, apply_code_points

CODESTREAM, CONTAINER = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
"""First bytes: the bare picture, and a file with boxes."""
_FILE_TYPE = b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
_RATIOS = (None, (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_ALPHA, _SPOT, _CFA = 0, 2, 5
_GREY, _XYB = 1, 2
_D65, _SRGB, _CUSTOM = 1, 1, 2
# The only primaries whose code in JPEG XL, which states the white apart, is not that of H.273.
_P3, _P3_D65 = 11, 12
_SRGB_TRANSFER = 13
_HEADER_BYTES = 4096  # number of bytes to read; the part of a header before the colour profile is far shorter
_MAX_BOXES = 1000  # maximum number of boxes to search; ordinary files have about ten
_MAX_EXTRA = 256  # maximum number of extra channels; ordinary decoders support no more

_Field = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
"""The four alternatives (bits, offset) of a variable-length field; two leading bits select one of them."""

_SIZE: _Field = ((9, 1), (13, 1), (18, 1), (30, 1))
_PREVIEW_BY_8: _Field = ((0, 16), (0, 32), (5, 1), (9, 33))
_PREVIEW_SIZE: _Field = ((6, 1), (8, 65), (10, 321), (12, 1345))
_ENUM: _Field = ((0, 0), (0, 1), (4, 2), (6, 18))
_COORDINATE: _Field = ((19, 0), (19, 524288), (20, 1048576), (21, 2097152))
_DISTANCE = 0.2  # Butteraugli distance; 1 is just noticeable, 0.2 has the PSNR of a JPEG of quality 95
_BYTES_PER_SAMPLE = 12  # bytes of libjxl's buffers per pixel and channel, in addition to the result


class BadHeader(ValueError):  # noqa: N818  (named as the state it reports)
    """The header is damaged or incomplete."""


@dataclass(frozen=True, kw_only=True)
class JpegXlHeader:
    """The properties of a JPEG XL picture.

    Attributes:
        width: width in pixels after orientation.
        height: height in pixels after orientation.
        bits: bits per sample.
        floating: whether samples are floats.
        grey: whether there is one colour channel.
        extra_channels: number of channels in addition to colour, including alpha.
        alpha: whether there is an alpha channel.
        premultiplied: whether colour is multiplied by alpha.
        animated: whether there are several frames.
        lossless: whether the colour samples are stored directly and the file is not a repacked JPEG.
        xyb: whether the colours are stored as XYB, as by lossy encoders.
        profile: whether an ICC profile is embedded in the codestream.
        srgb: whether the colours are sRGB (or grey with its curve) without an embedded profile.
        transfer: code of the transfer function in ITU-T H.273; 0 if there is none.
        primaries: code of the primaries in H.273.
    """

    width: int
    height: int
    bits: int = 8
    floating: bool = False
    grey: bool = False
    extra_channels: int = 0
    alpha: bool = False
    premultiplied: bool = False
    animated: bool = False
    lossless: bool = False
    xyb: bool = True
    profile: bool = False
    srgb: bool = True
    transfer: int = 0
    primaries: int = 0


def read_header(data: bytes) -> JpegXlHeader:
    """Read the header from the first bytes of a file, either a bare codestream or a container.

    Raises:
        BadHeader: the header is damaged, or extends beyond the data.
    """
    codestream, repacked = _codestream(data)
    bits = _Bits(codestream[len(CODESTREAM) : _HEADER_BYTES])
    width, height = _size(bits)
    if bits.take(1):  # all fields have their default values
        return JpegXlHeader(width=width, height=height)
    orientation, animated = 1, False
    if bits.take(1):
        orientation = 1 + bits.take(3)
        if bits.take(1):
            _size(bits)
        if bits.take(1):
            _sides(bits, _PREVIEW_BY_8, _PREVIEW_SIZE)
        if animated := bool(bits.take(1)):
            _skip_animation(bits)
    floating, depth = _bit_depth(bits)
    bits.take(1)  # skips the flag for 16-bit buffers
    extra = bits.number(((0, 0), (0, 1), (4, 2), (12, 1)))
    if extra > _MAX_EXTRA:
        raise BadHeader("too many channels")
    alphas = [found for _ in range(extra) if (found := _extra_channel(bits)) is not None]
    xyb = bool(bits.take(1))
    colour = _colour_encoding(bits)
    return JpegXlHeader(
        width=height if orientation >= 5 else width,
        height=width if orientation >= 5 else height,
        bits=depth,
        floating=floating,
        extra_channels=extra,
        alpha=bool(alphas),
        premultiplied=bool(alphas) and alphas[0],
        animated=animated,
        lossless=not xyb and not repacked,
        xyb=xyb,
        **colour,
    )


class _Bits:
    """Reads bits from bytes, the lowest bit of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise BadHeader("incomplete header")
        self._left -= count
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        return value

    def number(self, alternatives: _Field) -> int:
        bits, offset = alternatives[self.take(2)]
        return offset + self.take(bits)


def _codestream(data: bytes) -> tuple[bytes, bool]:
    """Return the first bytes of the codestream, and whether the file is a repacked JPEG."""
    if data[:2] == CODESTREAM:
        return data, False
    codestream, repacked, at = b"", False, 0
    for _ in range(_MAX_BOXES if data[:12] == CONTAINER else 0):
        size, kind, content = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], at + 8
        if size == 1:
            size, content = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        if kind == b"jxlp":  # a part of the codestream; its number comes first
            content += 4
        if kind in (b"jxlc", b"jxlp") and not codestream:
            codestream = data[content : content + _HEADER_BYTES]
        repacked |= kind == b"jbrd"
        at += size
        if at < content or at >= len(data):  # a size of 0 means that the box ends the file
            break
    if codestream[:2] != CODESTREAM:
        raise BadHeader("no codestream")
    return codestream, repacked


def _size(bits: _Bits) -> tuple[int, int]:
    return _sides(bits, ((5, 1),) * 4, _SIZE, selected=False)


def _sides(bits: _Bits, by_8: _Field, whole: _Field, *, selected: bool = True) -> tuple[int, int]:
    """Read a width and a height; if `selected`, sides that are multiples of 8 are variable-length fields too."""
    small = bits.take(1)

    def side() -> int:
        if small:
            return 8 * (bits.number(by_8) if selected else by_8[0][1] + bits.take(by_8[0][0]))
        return bits.number(whole)

    height = side()
    ratio = _RATIOS[bits.take(3)]
    return (side() if ratio is None else height * ratio[0] // ratio[1]), height


def _skip_animation(bits: _Bits) -> None:
    bits.number(((0, 100), (0, 1000), (10, 1), (30, 1)))
    bits.number(((0, 1), (0, 1001), (8, 1), (10, 1)))
    bits.number(((0, 0), (3, 0), (16, 0), (32, 0)))
    bits.take(1)


def _bit_depth(bits: _Bits) -> tuple[bool, int]:
    """Return whether samples are floats, and the number of bits per sample."""
    if not bits.take(1):
        return False, bits.number(((0, 8), (0, 10), (0, 12), (6, 1)))
    depth = bits.number(((0, 32), (0, 16), (0, 24), (6, 1)))
    bits.take(4)
    return True, depth


def _extra_channel(bits: _Bits) -> bool | None:
    """Skip a channel's description; return whether colour is premultiplied by it, or None if it is not alpha."""
    if bits.take(1):  # all fields have their default values
        return False
    kind = bits.number(_ENUM)
    _bit_depth(bits)
    bits.number(((0, 0), (0, 3), (0, 4), (3, 1)))
    bits.take(8 * bits.number(((0, 0), (4, 0), (5, 16), (10, 48))))
    if kind == _ALPHA:
        return bool(bits.take(1))
    if kind == _SPOT:
        bits.take(64)
    elif kind == _CFA:
        bits.number(((0, 1), (2, 0), (4, 3), (8, 19)))
    return None


def _colour_encoding(bits: _Bits) -> dict[str, Any]:
    """Return the fields of the header that describe colours, except those with their default values."""
    if bits.take(1):
        return {}
    profile = bool(bits.take(1))
    space = bits.number(_ENUM)
    grey = space == _GREY
    if profile or space == _XYB:
        return {"grey": grey, "profile": profile, "srgb": False}
    white = bits.number(_ENUM)
    if white == _CUSTOM:
        _skip_points(bits, 1)
    primaries = _SRGB if grey else bits.number(_ENUM)
    if primaries == _CUSTOM:
        _skip_points(bits, 3)
    if bits.take(1):  # a gamma value follows
        bits.take(24)
        transfer = 0
    else:
        transfer = bits.number(_ENUM)
    bits.number(_ENUM)  # skips the rendering intent
    plain = (white, primaries, transfer) == (_D65, _SRGB, _SRGB_TRANSFER)
    primaries = _P3_D65 if (white, primaries) == (_D65, _P3) else primaries
    return {"grey": grey, "srgb": plain, "transfer": transfer, "primaries": primaries}


def _skip_points(bits: _Bits, count: int) -> None:
    for _ in range(2 * count):
        bits.number(_COORDINATE)


def _read(opened: OpenFile) -> Decoded:
    path, budget = opened.path, opened.budget
    try:
        import pyjpegxl
    except ImportError as error:
        raise problems.NotAPicture(
            "{file} is a JPEG XL picture, and support for it is not installed.",
            hint="Install Dioptre with the extra 'jpegxl', or export the picture as TIFF.",
            file=problems.shown(path),
        ) from error
    data = opened.file.read()
    try:
        header = read_header(data)
        dtype = _dtype(header)
        bands = (1 if header.grey else 3) + header.alpha
        if budget is None:
            found, codes = pyjpegxl.probe(data), np.empty((0, 0, bands), dtype)
        else:
            per_pixel = _BYTES_PER_SAMPLE * (3 + header.extra_channels) + 2 * bands * dtype.itemsize + 16
            budget.check_picture(header.width, header.height, bytes_per_pixel=per_pixel)
            found, codes = pyjpegxl.decode_to_numpy(data, dtype=dtype.name)
    except (BadHeader, RuntimeError, ValueError) as error:
        raise damaged(path) from error
    if codes.shape[2] != bands or (budget is not None and codes.shape[:2] != (header.height, header.width)):
        raise damaged(path)
    messages: list[str] = []
    if header.animated:
        messages.append(f"{path.name} contains several frames; the last one is used.")
    if header.extra_channels > header.alpha:
        note_channels(messages, path)
    hdr = header.transfer in (PQ, HLG)
    source = Source(
        format=Format.JPEGXL,
        size=(header.height, header.width),
        bits=8 * dtype.itemsize,
        packed_bits=packed_bits(header.bits) if dtype == np.uint16 else 0,
        floating=dtype == np.float32,
        colour=Colour.GREY if header.grey else Colour.RGB,
        alpha=header.alpha,
        icc=None if header.srgb or hdr else found.icc,
        exif=_exif(found.exif),
        xmp=found.xmp or None,
        orientation=1,  # libjxl has already rotated the picture
        lossless=header.lossless,
    )
    decoded = Decoded(codes=codes, source=source, premultiplied=header.premultiplied, messages=messages)
    if hdr:
        apply_code_points(decoded, CodePoints(primaries=header.primaries, transfer=header.transfer), path)
    return decoded


def _exif(box: bytes | None) -> bytes | None:
    """Return the EXIF blob in an Exif box, which starts with an offset unless pyjpegxl wrote the file."""
    if box is None or len(box) < 4:
        return None
    return exif.strip_prefix(box[4 + int.from_bytes(box[:4], "big") :]) or exif.strip_prefix(box)


def _dtype(header: JpegXlHeader) -> np.dtype[np.uint8] | np.dtype[np.uint16] | np.dtype[np.float32]:
    if header.floating or header.bits > 16 or (header.xyb and header.profile):  # libjxl decodes XYB to linear sRGB
        return np.dtype(np.float32)
    return np.dtype(np.uint8) if header.bits <= 8 else np.dtype(np.uint16)


def _write(codes: np.ndarray, extras: Extras) -> bytes:
    """Encode in sRGB, the only colours that pyjpegxl writes."""
    import pyjpegxl

    speed = pyjpegxl.EncoderSpeed.Falcon if extras.lossless else pyjpegxl.EncoderSpeed.Cheetah
    jxl = pyjpegxl.encode_from_numpy(codes, lossless=extras.lossless, quality=_DISTANCE, speed=speed)
    return _with_metadata(jxl, exif=extras.exif, xmp=extras.xmp)


def _with_metadata(jxl: bytes, *, exif: bytes | None, xmp: bytes | None) -> bytes:
    """Add metadata to a file written by libjxl, and return the new file.

    pyjpegxl would compress EXIF and XMP with Brotli, which many programs cannot read. ISO/IEC 18181-2 (boxes).

    Args:
        jxl: the file, without metadata.
        exif: EXIF blob, starting with its TIFF header.
        xmp: XMP packet.
    """
    boxes = [] if jxl[:2] == CODESTREAM else list(_boxes(jxl))
    parts = [content if kind == b"jxlc" else content[4:] for kind, content in boxes if kind in (b"jxlc", b"jxlp")]
    codestream = b"".join(parts) if boxes else jxl
    levels = [_box(kind, content) for kind, content in boxes if kind == b"jxll"]
    if exif is None and xmp is None and not levels:
        return codestream
    result = [CONTAINER, _FILE_TYPE, *levels, _box(b"jxlc", codestream)]
    if exif is not None:
        result.append(_box(b"Exif", bytes(4) + exif))  # an offset of 0: the TIFF header follows immediately
    if xmp is not None:
        result.append(_box(b"xml ", xmp))
    return b"".join(result)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and content of each box."""
    at = 0
    while at < len(data):
        size, head = int.from_bytes(data[at : at + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        end = at + size if size >= head else len(data)
        yield data[at + 4 : at + 8], data[at + head : end]
        at = end


def _box(kind: bytes, content: bytes) -> bytes:
    size = len(content) + 8
    if size < 1 << 32:
        return size.to_bytes(4, "big") + kind + content
    return b"\0\0\0\1" + kind + (size + 8).to_bytes(8, "big") + content


FORMAT = FileFormat(
    starts=re.compile(b"|".join(map(re.escape, (CODESTREAM, CONTAINER)))).match,
    suffixes=(".jxl",),
    read=_read,
    write=_write,
    depths=(8, 16),  # not 32, because libjxl fails for floats with a wide range
    extra=("jpegxl", "pyjpegxl"),
)
