"""TIFF. libvips writes it and reads most kinds; others are decoded here.

Those are the compressions Zstandard, LZMA, JPEG 2000, PNG, JPEG XL and old-style JPEG, 64-bit and 16-bit
floats, 12 and other numbers of bits, tiles in separate planes, 8-bit Lab, and YCbCr. Libraries decompress one
strip or tile at a time, whose bytes must be as many as the tags promise; NumPy converts them to samples, so every
compression works with every kind of sample.

tifffile with imagecodecs would not spare these checks: of 363 damaged files in the tests, it reads 149 without a
word, because it fills up or cuts a strip of another size.
"""

from __future__ import annotations

import io
import lzma
import math
import mmap
import re
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from dioptre_link.language import Message

from .. import problems
from ..metadata import containers, exif, tiff_tags
from ..metadata.exif import Data, Directory, Header, integers
from ..picture import Colour, Extras, Format, Source
from ..vips import vips, warned
from . import by_libvips, raw, stated_colours
from .decoded import (
    PYTHON_DECODER_ERRORS,
    Decoded,
    OpenFile,
    any_size,
    damaged,
    note_channels,
    note_damage,
    note_several,
    turned,
)
from .entry import FileFormat

UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # SampleFormat values
NONE, LZW, OLD_JPEG, JPEG, PACKBITS, LZMA, ZSTD = 1, 5, 6, 7, 32773, 34925, 50000  # Compression values
PALETTE = 3  # a PhotometricInterpretation value
COMPRESSIONS = {
    2: "CCITT",
    3: "CCITT Group 3",
    4: "CCITT Group 4",
    6: "old-style JPEG",
    7: "JPEG",
    34892: "JPEG",
    32766: "NeXT",
    32809: "ThunderScan",
    34661: "JBIG",
    34676: "SGI LogLuv",
    34677: "SGI LogLuv",
    34887: "LERC",
    34925: "LZMA",
    34933: "PNG",
    50000: "Zstandard",
    50001: "WebP",
    **dict.fromkeys((33003, 33005, 34712), "JPEG 2000"),
    **dict.fromkeys((22610, 34934), "JPEG XR"),
    **dict.fromkeys((50002, 52546), "JPEG XL"),
}
"""Names of compressions, for messages."""

_INCH, _CENTIMETRE = 2, 3
_SUBFILE_TYPE, _PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 0x00FE, 0x0106, 0x014A, 0xC612
_IMAGE_SOURCE_DATA = 0x935C  # Photoshop's
_LAYERS = re.compile(rb"8BIML(ayr|r16|r32)|MIB8(rya|61r|23r)L")  # in either byte order
_SENSOR = ((32803,), (34892,))  # PhotometricInterpretation values: colour filter array, linear raw
_COMPRESSION = {1: "none", 5: "lzw", 8: "deflate", 32946: "deflate"}
_OF_FAX = {NONE, 2, 3, 4, PACKBITS}  # compressions of TIFF 6.0 for pages that need not state their one bit
_PICTURES = {33003, 33005, 34712, 34933}  # each strip or tile is a JPEG 2000 or PNG file
_JPEG_XL = {50002, 52546}
_DEFLATE = {8, 32946}
_SAMPLES = {NONE, LZW, PACKBITS, LZMA, ZSTD, *_DEFLATE}  # lossless, of bytes: they work for every kind of sample
_NOT_OF_VIPS = _PICTURES | _JPEG_XL | {OLD_JPEG, LZMA, ZSTD, 34887, 34934, 22610}
_VIPS_BITS = {UNSIGNED: {8, 16, 32}, SIGNED: {8, 16, 32}, FLOAT: {32}}
_BITS = {UNSIGNED: {*range(1, 17), 24, 32, 64}, FLOAT: {16, 32, 64}}
_CHANNELS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}
_COLOURS = {0: Colour.GREY, 1: Colour.GREY, 3: Colour.PALETTE, 5: Colour.CMYK, 8: Colour.LAB}
_WHITE_IS_ZERO, _CMYK, _YCBCR, _LAB = 0, 5, 6, 8
_ASSOCIATED, _ALPHA = 1, 2  # ExtraSamples values
_PREDICTED = {LZW, *_DEFLATE, LZMA, ZSTD}  # compressions that use a predictor, as libtiff has it
_ERRORS = (*PYTHON_DECODER_ERRORS, zstd.ZstdError)
_BY_LIBTIFF = {LZW, PACKBITS}  # in libvips
_WIDEST = 1 << 26  # pixels in a row of a picture that libvips surely reads
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


@dataclass(frozen=True, kw_only=True)
class TiffLayout:
    """How the pixels of a TIFF picture are stored. The names are those of the fields in TIFF 6.0.

    Attributes:
        order: byte order, "<" or ">".
        width: width in pixels.
        height: height in pixels.
        bits: bits of each sample; 0 if they are not stated, except in fax pages, which have 1.
        sample_format: 1 for unsigned integers, 2 for signed ones, 3 for floats.
        samples: samples per pixel.
        extra: meanings of the last samples: 0 is not stated, 1 alpha by which the colours are multiplied, 2 alpha.
        photometric: number of the colour model; -1 for inks other than CMYK.
        compression: number of the compression.
        predictor: number of the predictor; 1 for none, or if the compression does not use it; 0 if it is damaged.
        fill_order: 2 if the first pixel is in a byte's lowest bits.
        planar: whether each sample has its own strips or tiles.
        tiled: whether the pixels are stored in tiles instead of strips.
        blocks: how many pixels across and down share their colour in YCbCr, 1 in others.
        piece: width and height of a strip or tile in pixels.
        pieces: offset and size of every strip or tile.
        palette: the colour map, 16-bit values of red, then green, then blue; empty without one.
        icc: the colour profile.
        resolution_dpi: pixels per inch, x and y; None if the file has none.
    """

    order: str
    width: int
    height: int
    bits: tuple[int, ...]
    sample_format: int
    samples: int
    extra: tuple[int, ...]
    photometric: int
    compression: int
    predictor: int
    fill_order: int
    planar: bool
    tiled: bool
    blocks: tuple[int, ...]
    piece: tuple[int, int]
    pieces: tuple[tuple[int, int], ...]
    palette: tuple[int, ...]
    icc: bytes | None
    resolution_dpi: tuple[float, float] | None

    @property
    def grid(self) -> tuple[int, int, int]:
        """How many strips or tiles there must be: across, down, and in planes."""
        across, down = -(-self.width // self.piece[0]), -(-self.height // self.piece[1])
        return across, down, self.samples if self.planar else 1

    def stored(self, rows: int, columns: int, samples: int) -> tuple[int, int]:
        """Return how many rows, of how many bytes, hold a strip or tile; in YCbCr, a row may hold several."""
        across, down = self.blocks
        samples = samples if across == down == 1 else across * down + 2
        return -(-rows // down), -(-columns // across * samples * self.bits[0] // 8)

    @property
    def meanings(self) -> tuple[int, ...]:
        """Meanings of the samples beside the colours, as in `extra`.

        A lone one is alpha if the file has no ExtraSamples, as for libtiff, ImageMagick and Pillow.
        """
        count = max(0, self.samples - _CHANNELS.get(self.photometric, 0))
        stated = self.extra or (_ALPHA,) * (count == 1)
        return ((0,) * count + stated)[len(stated) :]

    @property
    def alpha(self) -> int | None:
        """Place of alpha among `meanings`; None if there is none."""
        places = [self.meanings.index(each) for each in (_ASSOCIATED, _ALPHA) if each in self.meanings]
        return places[0] if places else None

    def kept(self, codes: np.ndarray) -> np.ndarray:
        """Return the colours of decoded channels (H, W, C), followed by alpha if there is one."""
        colours = codes.shape[2] - len(self.meanings)
        last = [] if self.alpha is None else [colours + self.alpha]
        return codes if len(self.meanings) == len(last) else codes[..., [*range(colours), *last]]

    def is_whole(self, file_bytes: int) -> bool:
        """Return whether every strip and tile and the palette lie in the file, and no two strips or tiles overlap.

        Decoders would fill a missing one with a constant; overlapping ones would let a small file fill a picture of
        any size.
        """
        if self.photometric == PALETTE and len(self.palette) < 3 << min(self.bits[0], 16):
            return False
        end = 0
        for start, size in sorted(self.pieces):
            if size and (start < end or start + size > file_bytes):
                return False
            end = max(end, start + size)
        across, down, planes = self.grid
        stored = sum(size > 0 for _, size in self.pieces[: across * down * planes])
        # Old JPEG may store its data elsewhere.
        return stored == across * down * planes or self.compression == OLD_JPEG


def layout_of(data: Data, head: Header, first: Directory) -> TiffLayout | None:
    """Return the layout of the picture in a directory; None if its size is missing, or samples are too many."""

    def values(tag: int, *default: int) -> tuple[int, ...]:
        return integers(data, head, first.entries.get(tag)) or default

    def blob(tag: int) -> bytes | None:
        entry = first.entries.get(tag)
        return None if entry is None else bytes(data[entry.at : entry.at + entry.size])

    width, height, samples = values(256, 0)[0], values(257, 0)[0], values(277, 1)[0]
    if not (width and height and samples < 1 << 16):
        return None
    tiled = 322 in first.entries
    starts, sizes = (values(324), values(325)) if tiled else (values(273), values(279))
    photometric, compression = values(262, 1)[0], values(259, 1)[0]
    bits = values(258, int(samples == 1 and compression in _OF_FAX))
    if not sizes and len(starts) == 1:  # the size is optional in old files with one strip without compression
        sizes = (max(0, min(len(data) - starts[0], -(-width * samples * bits[0] // 8) * height)),)
    predictor = values(317, int(317 not in first.entries)) if compression in _PREDICTED else (1,)
    piece = (values(322, 0)[0], values(323, 0)[0]) if tiled else (width, min(height, values(278, 0)[0] or height))
    return TiffLayout(
        order=head.order,
        width=width,
        height=height,
        bits=bits,
        sample_format=values(339, UNSIGNED)[0],
        samples=samples,
        extra=values(338),
        photometric=-1 if photometric == _CMYK and values(332, 1)[0] != 1 else photometric,
        compression=compression,
        predictor=predictor[0] if len(predictor) == 1 else 0,
        fill_order=values(266, 1)[0],
        planar=values(284, 1)[0] == 2,
        tiled=tiled,
        blocks=values(530, 2, 2) if photometric == _YCBCR else (1, 1),
        piece=(max(1, piece[0]), max(1, piece[1])),
        pieces=tuple(zip(starts, sizes, strict=False)),
        palette=values(320),
        icc=blob(34675),
        resolution_dpi=_resolution(data, head, first, values(296, _INCH)[0]),
    )


def _resolution(data: Data, head: Header, first: Directory, unit: int) -> tuple[float, float] | None:
    per_unit = (exif.fraction(data, head, first.entries.get(tag)) for tag in (282, 283))
    dpi = [float(each or 0) * (2.54 if unit == _CENTIMETRE else 1.0) for each in per_unit]
    known = unit in (_INCH, _CENTIMETRE) and all(1 <= each <= 65535 for each in dpi)
    return (dpi[0], dpi[1]) if known else None


@dataclass(frozen=True, kw_only=True)
class TiffProperties:
    """The properties of a TIFF file's first picture.

    Attributes:
        holds_sensor_data: whether the file is a RAW photo: a DNG, sensor data, or a preview of another picture.
        layout: how the pixels are stored; None if their size is missing, or samples are too many.
        is_whole: whether all pixel data lies within the file, and no two parts of it overlap.
        several: whether more pictures follow.
        layered: whether the file also has the layers of which Photoshop made the picture.
        orientation: EXIF orientation, 1 to 8.
        exif: descriptive fields as an EXIF blob; None if there are none.
        xmp: XMP packet; None if there is none.
        photoshop: Photoshop image resources, including IPTC; None if there are none.
    """

    holds_sensor_data: bool
    layout: TiffLayout | None
    is_whole: bool
    several: bool
    layered: bool
    orientation: int
    exif: bytes | None
    xmp: bytes | None
    photoshop: bytes | None


def read_tiff(file: BinaryIO, start: bytes) -> TiffProperties | None:
    """Return the properties of an open TIFF file, or of a RAW photo that starts as one; None for other files.

    Args:
        file: the open file.
        start: the first bytes of the file.
    """
    if not FORMAT.starts(start):
        return None
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        read = tiff_tags.first_directory(data)
        if read is None:
            return None
        head, first = read

        def values(tag: int) -> tuple[int, ...]:
            return integers(data, head, first.entries.get(tag))

        xmp, photoshop = tiff_tags.xmp_and_photoshop(data)
        is_preview = values(_SUBFILE_TYPE) == (1,)
        orientation = (*values(exif.ORIENTATION), 1)[0]
        layout, layers = layout_of(data, head, first), first.entries.get(_IMAGE_SOURCE_DATA)
        return TiffProperties(
            holds_sensor_data=_DNG_VERSION in first.entries
            or values(_PHOTOMETRIC) in _SENSOR
            or (is_preview and _SUB_DIRECTORIES in first.entries),
            layout=layout,
            is_whole=layout is None or layout.is_whole(len(data)),
            several=first.next != 0,
            layered=layers is not None and bool(_LAYERS.search(data, layers.at, layers.at + layers.size)),
            orientation=orientation if 1 <= orientation <= 8 else 1,
            exif=tiff_tags.to_exif(data),
            xmp=xmp,
            photoshop=photoshop,
        )


def _describe(found: Decoded, tiff: TiffProperties, layout: TiffLayout, path: Path) -> None:
    """Fill in the metadata, compression, palette, alpha and orientation of a TIFF file, and say what is not kept.

    Raises:
        DamagedPicture: the pixel data lies beyond the file's end, or parts of it overlap.
    """
    if not tiff.is_whole:
        raise damaged(path)
    if tiff.several:
        note_several(found.messages, path, "layers or pages")
    if tiff.layered:
        found.messages.append(
            Message("{file} has layers. The flattened picture is used; they are not kept.", file=path.name)
        )
    if any(size > 0 for _, size in layout.pieces[math.prod(layout.grid) :]):
        note_damage(found.messages, path)
    alpha = found.source.alpha or layout.alpha is not None
    if len(layout.meanings) > alpha:
        note_channels(found.messages, path)
    palette = layout.photometric == PALETTE and found.source.colour is Colour.RGB
    found.source = replace(
        found.source,
        exif=tiff.exif,
        xmp=found.source.xmp or tiff.xmp,
        photoshop=tiff.photoshop,
        compression=_COMPRESSION.get(layout.compression, "deflate"),
        colour=Colour.PALETTE if palette else found.source.colour,
        orientation=tiff.orientation,
        alpha=alpha,
    )


def _is_for_vips(layout: TiffLayout) -> bool:
    """Return whether libvips reads a TIFF with this layout."""
    bits = layout.bits[0]
    small = bits in (1, 2, 4) and layout.samples == 1 and layout.sample_format == UNSIGNED
    known = small or bits in _VIPS_BITS.get(layout.sample_format, ())
    own_lab = layout.photometric == _LAB and (bits == 8 or layout.samples > 3)
    wide_palette = layout.photometric == PALETTE and bits > 8
    plain_ycbcr = layout.photometric == _YCBCR and layout.compression in _SAMPLES  # libvips would take it for RGB
    # libvips divides grey and CMYK by alpha as if it had 8 bits
    premultiplied = _ASSOCIATED in layout.meanings and layout.compression in _SAMPLES
    return (
        layout.compression not in _NOT_OF_VIPS
        and layout.predictor in (1, 2, 3)  # libtiff ignores a field that is damaged
        and known
        and len(set(layout.bits)) == 1
        and not (layout.planar and (layout.tiled or bits < 8 or layout.compression in _SAMPLES))
        and not (own_lab or wide_palette or plain_ycbcr or premultiplied)
        and 0 < _CHANNELS.get(layout.photometric, 0) <= layout.samples
    )


def _read(opened: OpenFile) -> Decoded:
    tiff, path = read_tiff(opened.file, opened.start), opened.path
    if is_raw(opened.start, tiff):
        known = {} if tiff is None else {"exif": tiff.exif, "photoshop": tiff.photoshop}
        return raw.develop(opened, **known)
    if tiff is None or (layout := tiff.layout) is None:
        raise damaged(path)
    try:
        found = (_read_by_libvips if _is_for_vips(layout) else _read_here)(opened, tiff, layout)
    except vips().Error as error:
        name = COMPRESSIONS.get(layout.compression, str(layout.compression))
        raise by_libvips.refusal(error, path, name) from error
    with opened.mapped() as data:
        stated_colours.apply_tiff(found, data)
    return found


def is_raw(start: bytes, tiff: TiffProperties | None) -> bool:
    """Return whether a file that starts as a TIFF does is a RAW photo, such as a DNG or a CR2.

    Args:
        start: the first bytes of the file.
        tiff: its properties.
    """
    classic = start[2:4] in (b"*\0", b"\0*")  # RAW photos are not BigTIFF files
    return classic and (start[8:12] == b"CR\2\0" or (tiff is not None and tiff.holds_sensor_data))


def _read_by_libvips(opened: OpenFile, tiff: TiffProperties, layout: TiffLayout) -> Decoded:
    def values(image: Any, found: Decoded) -> np.ndarray:
        codes, _ = by_libvips.checked_values(image, found, opened.path)
        if not _check_pieces(opened.file, layout, opened.path):
            note_damage(found.messages, opened.path)
        return layout.kept(codes)

    return by_libvips.read(
        opened,
        Format.TIFF,
        "tiffload_source",
        further=len(layout.meanings),
        describe=lambda found, _: _describe(found, tiff, layout, opened.path),
        values=values,
    )


def _read_here(opened: OpenFile, tiff: TiffProperties, layout: TiffLayout) -> Decoded:
    path, budget = opened.path, opened.budget
    channels, dpi = _supported(layout, path), layout.resolution_dpi
    floating = layout.sample_format == FLOAT
    bits = 32 if floating else 8 if max(layout.bits) <= 8 else 16
    source = Source(
        format=Format.TIFF,
        size=(layout.height, layout.width),
        colour=_COLOURS.get(layout.photometric, Colour.RGB),
        bits=bits,
        floating=floating,
        alpha=layout.alpha is not None,
        icc=layout.icc,
        resolution_dpi=dpi[::-1] if dpi and tiff.orientation >= 5 else dpi,
    )
    bands = (3 if layout.photometric == PALETTE else channels) + source.alpha
    codes, premultiplied = np.empty((0, 0, bands), np.uint8), _ASSOCIATED in layout.meanings
    found = Decoded(codes=codes, source=source, premultiplied=premultiplied)
    _describe(found, tiff, layout, path)
    if budget is None:
        return found
    size = max(layout.bits) // 8 + 1
    budget.check_picture(*layout.piece)
    budget.check_picture(layout.width, layout.height, bytes_per_pixel=3 * size * layout.samples + 16)
    try:
        with any_size():
            codes = layout.kept(_decoded(opened.file, layout))
    except _ERRORS as error:
        raise damaged(path) from error
    if layout.photometric == _YCBCR and not _check_pieces(opened.file, layout, path):
        note_damage(found.messages, path)
    found.codes = turned(_codes(codes, layout), tiff.orientation)
    return found


def _supported(layout: TiffLayout, path: Path) -> int:
    """Return the number of colour channels; raise NotAPicture if the kind of TIFF is not supported."""
    name = COMPRESSIONS.get(layout.compression, str(layout.compression))
    missing = layout.compression in _JPEG_XL and not find_spec("pyjpegxl")
    if layout.compression not in _SAMPLES | _PICTURES | _JPEG_XL | {OLD_JPEG} or missing:
        raise problems.unsupported_compression(path, name)
    bits = set(layout.bits)
    if 0 in bits or layout.samples < _CHANNELS.get(layout.photometric, 0):
        raise damaged(path)
    coded = layout.compression not in _SAMPLES
    known = len(bits) == 1 and bits <= ({8, 16} if coded else _BITS.get(layout.sample_format, set()))
    if layout.sample_format == SIGNED:
        raise problems.unsupported_values(path, "int")
    if not known:
        raise problems.unsupported_bits(path, max(bits))
    channels = _CHANNELS.get(layout.photometric)
    lab = layout.photometric == _LAB and (layout.sample_format != UNSIGNED or not bits <= {8, 16})
    wide_ycbcr = layout.photometric == _YCBCR and bits != {8}
    if channels is None or lab or wide_ycbcr:
        raise problems.unsupported_colours(path)
    differences = {1: True, 2: bits <= {8, 16, 32, 64}, 3: layout.sample_format == FLOAT}
    if not differences.get(layout.predictor):
        raise problems.unsupported_compression(path, name)
    return channels


def _decoded(file: BinaryIO, layout: TiffLayout) -> np.ndarray:
    """Return the picture's samples (H, W, C) in their own type."""
    if layout.compression != OLD_JPEG and not (layout.photometric == _YCBCR and layout.compression in _SAMPLES):
        return _assembled(file, layout)
    from PIL import Image

    file.seek(0)
    with Image.open(file) as image:  # Pillow converts YCbCr, in which colours can have fewer samples
        codes = _values(image, (layout.height, layout.width, layout.samples))
        return np.asarray(image.convert("RGB")) if image.mode == "YCbCr" else codes


def _values(image: Any, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the samples of a Pillow image; raise ValueError before it is decoded if it has another size."""
    if image.size != (shape[1], shape[0]):
        raise ValueError(image.size)
    return np.asarray(image).reshape(shape)


def _pieces(
    file: BinaryIO, layout: TiffLayout
) -> Iterator[tuple[tuple[int, int, int], tuple[int, int, int], bytes]]:
    """Yield the place (row, column, sample), the shape (rows, columns, samples) and the data of strips or tiles."""
    width, height = layout.piece
    across, down, planes = layout.grid
    for number, (start, size) in enumerate(layout.pieces[: across * down * planes]):
        plane, place = divmod(number, across * down)
        top, left = place // across * height, place % across * width
        rows = height if layout.tiled else min(height, layout.height - top)
        file.seek(start)
        data = file.read(size)
        if layout.fill_order == 2 and layout.compression in _SAMPLES:
            data = data.translate(_REVERSED)
        yield (top, left, plane), (rows, width, layout.samples // planes), data


def _assembled(file: BinaryIO, layout: TiffLayout) -> np.ndarray:
    """Decode every strip or tile and return the picture's samples (H, W, C) in their own type."""
    result: np.ndarray | None = None
    for (top, left, plane), shape, data in _pieces(file, layout):
        block = _piece(data, layout, shape=shape)
        if result is None:
            result = np.empty((layout.height, layout.width, layout.samples), block.dtype)
        target = result[top : top + shape[0], left : left + shape[1], plane : plane + shape[2]]
        target[:] = block[: target.shape[0], : target.shape[1]]
    assert result is not None
    return result


def _piece(data: bytes, layout: TiffLayout, *, shape: tuple[int, int, int]) -> np.ndarray:
    """Decode a strip or tile to samples of the given shape (rows, columns, samples)."""
    if layout.compression in _SAMPLES:
        return _samples(_decompressed(data, layout, shape), layout, shape)
    if layout.compression in _JPEG_XL:
        import pyjpegxl

        head = pyjpegxl.probe(data)
        if (head.height, head.width) != shape[:2]:
            raise ValueError(head.width, head.height)
        return np.asarray(pyjpegxl.decode_to_numpy(data, dtype=f"uint{layout.bits[0]}")[1]).reshape(shape)
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        codes = _values(image, shape)
    if layout.photometric == _YCBCR:
        codes = np.asarray(Image.fromarray(codes, "YCbCr").convert("RGB"))
    return codes


def _decompressed(data: bytes, layout: TiffLayout, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the bytes of a strip or tile, uint8 (rows, bytes per row), if there are as many as promised."""
    whole, found = _examined(data, layout, shape)
    if not whole:
        raise ValueError(shape)
    rows, row_bytes = layout.stored(*shape)
    if layout.compression in _BY_LIBTIFF:
        found = _by_libtiff(data, layout, rows, row_bytes)
    return np.frombuffer(found, np.uint8, rows * row_bytes).reshape(rows, row_bytes)


def _examined(data: bytes, layout: TiffLayout, shape: tuple[int, int, int]) -> tuple[bool, bytes]:
    """Return whether a strip or tile holds what the tags promise, and its bytes.

    More of them show damage, or a wrong field such as the number of bits. The last strip may be filled up. Bytes
    that are not compressed may be followed by a few, though not one for each row. libtiff returns none, and tells
    only whether there are more.
    """
    found = b""
    least, row_bytes = layout.stored(*shape)
    for rows in (least, layout.stored(layout.piece[1], *shape[1:])[0]):
        size, room = rows * row_bytes, max(rows, 4) if layout.compression == NONE else 1
        if layout.compression in _BY_LIBTIFF:
            wide = (1, size + 1) if size < _WIDEST else (rows + 1, row_bytes)
            try:
                found = _by_libtiff(data, layout, *wide)
            except vips().Error:
                return True, b""
        else:
            found = _inflated(data, layout, size + room)
            if len(found) < size + room:
                return len(found) >= least * row_bytes, found
    return False, found


def _inflated(data: bytes, layout: TiffLayout, size: int) -> bytes:
    """Return at most `size` bytes, and compare the checksum, if there is one, of data that hold fewer."""
    if layout.compression == NONE:
        return data
    makers = {LZMA: lzma.LZMADecompressor, ZSTD: zstd.ZstdDecompressor}
    return bytes(makers.get(layout.compression, zlib.decompressobj)().decompress(data, size))


def _by_libtiff(data: bytes, layout: TiffLayout, rows: int, row_bytes: int) -> bytes:
    """Return the bytes of these rows; raise libvips' error if the data hold fewer."""
    size = {256: row_bytes, 257: rows, 278: rows, 279: len(data)}
    tags = size | {258: 8, 259: layout.compression, 262: 1, 273: 110}
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + fields + bytes(4)
    with warned():
        image = vips().Image.tiffload_buffer(head + data, access="sequential", fail_on="error")
        return bytes(image.write_to_memory())


def _check_pieces(file: BinaryIO, layout: TiffLayout, path: Path) -> bool:
    """Return whether every strip and tile that libtiff decodes holds as many bytes as the tags promise.

    Raises:
        DamagedPicture: a checksum of Deflate is wrong, which libtiff does not always compare, or a JPEG is too
            small, so that libvips would leave a part empty.
    """
    whole = True
    for _, shape, data in _pieces(file, layout) if layout.compression in {JPEG, *_SAMPLES} else ():
        try:
            if layout.compression == JPEG:
                rows, *others = containers.jpeg_frame(data)
                if others != [*shape[1:]] or rows < shape[0]:
                    raise ValueError(rows, others)
            else:
                whole &= _examined(data, layout, shape)[0]
        except _ERRORS as error:
            raise damaged(path) from error
    return whole


def _samples(raw: np.ndarray, layout: TiffLayout, shape: tuple[int, int, int]) -> np.ndarray:
    """Convert the bytes of a strip or tile, uint8 (rows, bytes per row), to samples, undoing the predictor."""
    bits, order = layout.bits[0], layout.order
    if bits not in (8, 16, 32, 64):
        return _packed(raw, bits, order, shape)
    if layout.predictor == 3:  # differences of the bytes, the most significant first; Adobe's technical note 3
        summed = np.cumsum(raw.reshape(shape[0], -1, shape[2]), axis=1, dtype=np.uint8)
        planes = summed.reshape(shape[0], bits // 8, -1).swapaxes(1, 2)
        return np.ascontiguousarray(planes).view(f">f{bits // 8}").reshape(shape)
    if layout.predictor == 2:
        whole = raw.view(f"{order}u{bits // 8}").astype(f"u{bits // 8}").reshape(shape)
        whole = np.cumsum(whole, axis=1, dtype=whole.dtype)
        return whole.view(f"f{bits // 8}") if layout.sample_format == FLOAT else whole
    return raw.view(f"{order}{'f' if layout.sample_format == FLOAT else 'u'}{bits // 8}").reshape(shape)


def _packed(raw: np.ndarray, bits: int, order: str, shape: tuple[int, int, int]) -> np.ndarray:
    """Return samples that do not fill 1, 2, 4 or 8 bytes, as uint8, uint16 or uint32."""
    count = shape[1] * shape[2]
    if bits == 24:
        parts = raw.reshape(shape[0], count, 3).astype(np.uint32)
        parts = parts if order == ">" else parts[..., ::-1]
        return (parts[..., 0] << 16 | parts[..., 1] << 8 | parts[..., 2]).reshape(shape)
    result = np.zeros((shape[0], count), np.uint8 if bits <= 8 else np.uint16)
    for row, packed in zip(result, raw, strict=True):  # by rows, because bits as bytes take much memory
        each = np.unpackbits(packed, count=count * bits).reshape(count, bits)
        for column in range(bits):
            row <<= 1
            row |= each[:, column]
    return result.reshape(shape)


def _codes(samples: np.ndarray, layout: TiffLayout) -> np.ndarray:
    """Convert samples to the values of `Decoded.codes`: full-range uint8 or uint16, or float32."""
    if layout.photometric == PALETTE:
        return _coloured(samples, layout)
    if layout.photometric == _LAB:
        return _lab(samples)
    if samples.dtype.kind == "f":
        with np.errstate(over="ignore"):
            values = samples.astype(np.float32)
        return 1 - values if layout.photometric == _WHITE_IS_ZERO else values
    # Pillow reads some pictures of 16 bits, such as strips that are PNGs with colours, to 8.
    bits = layout.bits[0] if layout.compression in _SAMPLES else 8 * samples.dtype.itemsize
    codes = _full_range(samples, bits)
    if layout.photometric == _WHITE_IS_ZERO:
        codes[..., 0] = np.iinfo(codes.dtype).max - codes[..., 0]
    return codes


def _full_range(samples: np.ndarray, bits: int) -> np.ndarray:
    if bits in (24, 32, 64):
        return (samples >> (bits - 16)).astype(np.uint16)
    dtype, most = (np.uint8, 255) if bits <= 8 else (np.uint16, 65535)
    top = (1 << bits) - 1
    if top == most:
        return samples.astype(dtype)
    return np.round(np.arange(top + 1) * (most / top)).astype(dtype)[samples]


def _coloured(samples: np.ndarray, layout: TiffLayout) -> np.ndarray:
    """Replace indices by colours, uint8 (H, W, 3); alpha, if any, is the last channel."""
    colours = np.zeros((1 << layout.bits[0], 3), np.uint16)
    table = np.array(layout.palette, np.uint16)[: len(colours) * 3].reshape(3, -1).T
    colours[: len(table)] = table
    codes = (colours if colours.max(initial=0) < 256 else colours >> 8).astype(np.uint8)[samples[..., 0]]
    if samples.shape[2] == 1:
        return codes
    alpha = _full_range(samples[..., 1:], layout.bits[0])
    return np.concatenate([codes.astype(alpha.dtype) * (np.iinfo(alpha.dtype).max // 255), alpha], 2)


def _lab(samples: np.ndarray) -> np.ndarray:
    """Return L*a*b* as float32 (TIFF 6.0 section 23), with alpha, if any, in [0, 1]."""
    bits = 8 * samples.dtype.itemsize
    lab = np.empty(samples.shape, np.float32)
    lab[...] = samples
    lab[..., 0] *= 100 / ((1 << bits) - 1)
    lab[..., 1:3] -= (lab[..., 1:3] >= 1 << (bits - 1)) * np.float32(1 << bits)  # a and b are signed
    lab[..., 1:3] /= 1 << (bits - 8)
    lab[..., 3:] /= (1 << bits) - 1
    return lab


def _write(codes: np.ndarray, extras: Extras) -> bytes:
    image = by_libvips.image_of(codes, extras)
    keep = vips().enums.ForeignKeep
    predictor = "float" if image.format == "float" else "horizontal"
    tiff: bytes = image.tiffsave_buffer(
        compression=extras.compression, predictor=predictor, keep=keep.ICC | keep.XMP
    )
    return tiff_tags.into_tiff(tiff, extras.exif, photoshop=extras.photoshop)


FORMAT = FileFormat(
    starts=re.compile(rb"II[*+]\0|MM\0[*+]").match,
    suffixes=(".tif", ".tiff"),
    read=_read,
    write=_write,
    depths=(8, 16, 32),
    holds_iptc=True,
)
