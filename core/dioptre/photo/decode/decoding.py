"""Decode picture files to arrays of numbers.

libvips decodes JPEG, PNG, TIFF, WebP, AVIF and GIF: it is fast, supports every bit depth and reports damaged data
as an error. Where its codecs only warn, a message says what is wrong (`damage`). It receives an open file instead
of a name, so any name works. pillow-heif (the extra `heic`) decodes HEIC, pyjpegxl (the extra `jpegxl`) JPEG XL and
rawpy (the extra `raw`) RAW photos, because libvips' wheel has no decoders for them; `decode_tiff` reads
what it lacks of TIFF.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dioptre_link.errors import DioptreError
from dioptre_link.language import Message

from .. import problems
from ..budget import Budget
from ..gain_map import GainMap
from ..metadata import containers, exif
from ..metadata import xmp as notes
from ..metadata.png_texts import read_texts
from ..picture import Colour, Format, Source, recognise
from ..vips import vips, warned
from . import damage, gain_maps, heif, jpegxl, stated_colours
from .decoded import (
    Decoded,
    damaged,
    full_range,
    note_damage,
    note_further,
    note_lost_gain_map,
    note_several,
    packed_bits,
    require_finite,
    turned,
)
from .heif import correct, decode_heic
from .jpegxl import decode_jpegxl
from .raw import decode_raw, is_raw
from .tiff import (
    COMPRESSIONS,
    TiffProperties,
    check_pieces,
    decode_tiff,
    describe_tiff,
    is_for_vips,
    read_tiff,
)

FORMATS = "JPEG, PNG, TIFF, WebP, HEIC, AVIF, JPEG XL, GIF and RAW"
_START = 1 << 16  # number of leading bytes from which the format is recognised
_LOADERS = {
    Format.JPEG: "jpegload_source",
    Format.PNG: "pngload_source",
    Format.TIFF: "tiffload_source",
    Format.WEBP: "webpload_source",
    Format.GIF: "gifload_source",
}
_TICK_NS = 2_000_000_000  # resolution of file times on FAT, the coarsest of all file systems
_PART_BYTES = 1 << 20
# libtiff says so of a wrong bit in a fax, libjpeg of a height of 0
_DAMAGE = re.compile(r"\(not supported\)|DNL not supported")
_UNSUPPORTED = re.compile(r"not configured|not implemented|not supported|[Uu]nsupported (feature|codec|process)")
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def decode(path: Path, *, max_megapixels: float | None = None) -> Decoded:
    """Decode a picture file; if it contains several pictures, decode the first.

    Args:
        path: the file.
        max_megapixels: largest picture size; None for the user's setting.

    Raises:
        MissingFile: the file does not exist.
        UnreadableFile: the file cannot be read, or changes while it is being read.
        NotAPicture: the format is unknown or unsupported.
        DamagedPicture: the file is damaged or incomplete.
        PictureTooLarge: the picture exceeds a limit.
        NotEnoughMemory: too little memory is free.
    """
    with opened(path) as file, _unchanged(file, path) as sha256:
        decoded = _decode_open(file, path, budget_of(file, path, max_megapixels=max_megapixels))
        decoded.sha256 = sha256
        decoded.source = replace(decoded.source, credentials=containers.has_credentials(file))
    require_finite(decoded, path)
    return decoded


def describe(path: Path) -> Source:
    """Read a picture file's properties without its pixels. Raises the errors of `decode`."""
    with opened(path) as file:
        return _decode_open(file, path, None).source


def budget_of(file: BinaryIO, path: Path, *, max_megapixels: float | None = None) -> Budget:
    """Return the budget for reading an open file."""
    return Budget.of(path, file_bytes=os.fstat(file.fileno()).st_size, max_megapixels=max_megapixels)


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a regular file for reading; FIFOs and devices are refused without waiting.

    Raises:
        MissingFile: the path does not exist or is not a regular file.
        UnreadableFile: the file cannot be read.
    """
    try:
        with os.fdopen(os.open(path, _OPEN), "rb") as file:
            kind = os.fstat(file.fileno()).st_mode
            if stat.S_ISDIR(kind):
                raise IsADirectoryError
            if not stat.S_ISREG(kind):
                raise problems.not_a_file(path)
            yield file
    except OSError as error:
        if isinstance(error, PermissionError) and path.is_dir():  # on Windows, opening a folder raises this
            raise problems.reading(IsADirectoryError(), path) from error
        raise problems.reading(error, path) from error
    except ValueError as error:  # the path has a NUL byte, or characters that the file system cannot encode
        if isinstance(error, UnicodeError) or "\0" in str(path):
            raise problems.reading(FileNotFoundError(), path) from error
        raise


@contextmanager
def _unchanged(file: BinaryIO, path: Path) -> Iterator[str]:
    """Yield the sha256 of an open file, and check at the end of the block that the file is unchanged.

    Raises:
        UnreadableFile: the file has changed.
    """
    before = _state(file)
    sha256 = _sha256(file)
    yield sha256
    recent = abs(time.time_ns() - before[1]) < _TICK_NS  # a later change may not alter the file's time
    # Different times need not mean different bytes: a backup or a new hard link also changes them.
    if (recent or _state(file) != before) and _sha256(file) != sha256:
        raise problems.changed(path)


def _state(file: BinaryIO) -> tuple[int, int, int]:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while part := file.read(_PART_BYTES):
        digest.update(part)
    file.seek(0)
    return digest.hexdigest()


def _decode_open(file: BinaryIO, path: Path, budget: Budget | None) -> Decoded:
    """Decode a file within a budget; without a budget, read only its properties."""
    start = file.read(_START)
    file.seek(0)
    name = problems.shown(path)
    if not start:
        raise problems.NotAPicture(
            "{name} is empty.", hint="Copy it again from the camera or its source.", name=name
        )
    tiff = read_tiff(file, start)
    if is_raw(start, tiff):
        developed = decode_raw(file, path, budget, exif=None if tiff is None else tiff.exif)
        if tiff is not None:  # without XMP, whose settings are for the RAW photo
            developed.source = replace(developed.source, photoshop=tiff.photoshop)
        return developed
    kind = recognise(start)
    if kind is None:
        raise problems.NotAPicture(
            "Dioptre cannot read {name} as a picture.",
            hint="Export it in one of these formats: {formats}.",
            name=name,
            formats=FORMATS,
        )
    if kind is Format.HEIC:
        return decode_heic(file, path, budget)
    if kind is Format.JPEGXL:
        return decode_jpegxl(file, path, budget)
    try:
        if tiff is not None and tiff.layout is not None and not is_for_vips(tiff.layout):
            found = decode_tiff(file, path, budget, layout=tiff.layout, tiff=tiff)
        else:
            found = _by_libvips(file, path, budget, start=start, kind=kind, tiff=tiff)
    except vips().Error as error:
        if kind is Format.AVIF and heif.is_sequence(start):
            raise problems.unsupported_heif(path, kind.value) from error
        raise _refusal(str(error), path, kind, tiff) from error
    if kind is Format.AVIF:
        correct(found, file)
        stated_colours.apply_code_points(found, heif.code_points(start), path)
    elif kind in (Format.PNG, Format.TIFF):
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            stated_colours.apply(found, data, path)
    return found


def _by_libvips(
    file: BinaryIO, path: Path, budget: Budget | None, *, start: bytes, kind: Format, tiff: TiffProperties | None
) -> Decoded:
    """Decode a file with libvips; without a budget, read only its properties. Raises pyvips' Error for damage."""
    segments = _segments(file) if kind is Format.JPEG else []
    damage.require_common_jpeg(segments, path)
    with warned() as warnings:
        image = _opened(file, kind)
    if budget is not None:
        budget.check_picture(image.width, image.height, bytes_per_pixel=_bytes_per_pixel(image))
    found = Decoded(codes=np.empty((0, 0, 0), np.uint8), source=Source(format=kind))
    _describe(found, image, file, path, start=start, segments=segments, tiff=tiff)
    if budget is None:
        return found
    image = image.colourspace("lab") if found.source.colour is Colour.LAB else image
    if warnings:
        note_damage(found.messages, path)
    codes = _checked_values(image, file, path, found)
    if tiff is not None and tiff.layout is not None:
        codes = tiff.layout.kept(codes)
        if not check_pieces(file, tiff.layout, path):
            note_damage(found.messages, path)
    if found.source.packed_bits:
        codes = full_range(codes, found.source.packed_bits)
    found.codes = turned(codes, found.source.orientation)
    if kind is Format.JPEG and found.source.colour in (Colour.RGB, Colour.GREY):
        found.gain_map = _gain_map(file, budget, found.source.orientation)
        if found.gain_map is None and gain_maps.HDRGM.encode() in (found.source.xmp or b""):
            note_lost_gain_map(found.messages, path)
    return found


def _opened(file: BinaryIO, kind: Format) -> Any:
    if kind is Format.AVIF:
        return vips().Image.heifload_buffer(heif.content(file), access="sequential", fail_on="error")
    file.seek(0)
    source = vips().Source.new_from_descriptor(file.fileno())
    return getattr(vips().Image, _LOADERS[kind])(source, access="sequential", fail_on="error")


def _segments(file: BinaryIO) -> list[tuple[int, bytes]]:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
        return list(containers.jpeg_segments(view))


def _checked_values(image: Any, file: BinaryIO, path: Path, found: Decoded) -> np.ndarray:
    """Decode an image, and add a message to `found` if parts of the file are damaged or missing."""
    kind = found.source.format
    try:
        with warned() as warnings:
            codes = _values(image, path)
    except vips().Error as error:
        if kind is Format.JPEG and "premature end of JPEG" in str(error):
            return _without_end(error, file, path, found)
        raise
    if kind is Format.JPEG and not warnings:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
            if damage.jpeg_has_surplus(view):
                note_damage(found.messages, path)
            elif damage.jpeg_lacks_end(view):
                _note_end(found.messages, path)
    elif warnings or (kind is Format.GIF and damage.gif_is_damaged(file)):
        note_damage(found.messages, path)
    return codes


def _without_end(error: Exception, file: BinaryIO, path: Path, found: Decoded) -> np.ndarray:
    """Decode a JPEG that lacks its end marker; raise `error` if pixels are missing, too."""
    file.seek(0)
    data = file.read() + damage.END_OF_JPEG
    with warned() as warnings:
        codes = _values(vips().Image.jpegload_buffer(data, access="sequential", fail_on="error"), path)
    if warnings:
        raise error
    _note_end(found.messages, path)
    if damage.jpeg_has_surplus(data):
        note_damage(found.messages, path)
    return codes


def _note_end(messages: list[str], path: Path) -> None:
    name = problems.shown(Path(path.name))
    messages.append(Message("{file} lacks its end, but every line of the picture is there.", file=name))


def _refusal(reason: str, path: Path, kind: Format, tiff: TiffProperties | None) -> DioptreError:
    """Return the error for a file that libvips does not read: damaged, or of a kind that it does not support."""
    if _UNSUPPORTED.search(_DAMAGE.sub("", reason)) is None:
        return damaged(path)
    number = 0 if tiff is None or tiff.layout is None else tiff.layout.compression
    return problems.unsupported_compression(path, COMPRESSIONS.get(number, str(number or kind.value)))


def _bytes_per_pixel(image: Any) -> int:
    """Estimate the memory per pixel: two copies of the file's values, and float32 RGBA."""
    size = {"uchar": 1, "char": 1, "ushort": 2, "short": 2, "double": 8}.get(image.format, 4)
    return int(2 * size * image.bands + 16)


def _describe(
    found: Decoded,
    image: Any,
    file: BinaryIO,
    path: Path,
    *,
    start: bytes,
    segments: list[tuple[int, bytes]],
    tiff: TiffProperties | None,
) -> None:
    """Fill in the file's properties from libvips' header, and from the file where libvips lacks them."""
    kind = found.source.format
    further = tiff.layout.meanings if tiff is not None and tiff.layout is not None else ()
    bands, space = image.bands - len(further), image.interpretation
    colour = {"cmyk": Colour.CMYK, "b-w": Colour.GREY, "grey16": Colour.GREY}.get(space, Colour.RGB)
    if space in ("lab", "labs", "labq"):
        colour, bands = Colour.LAB, 3
    elif bands < 3:
        colour = Colour.GREY
    channels = {Colour.GREY: 1, Colour.CMYK: 4}.get(colour, 3)
    if bands not in (channels, channels + (kind is not Format.JPEG)):  # JPEG has no alpha
        raise problems.unsupported_colours(path)
    if colour is Colour.RGB and "palette" in image.get_fields():
        colour = Colour.PALETTE
    bits = {"uchar": 8, "char": 8, "ushort": 16, "short": 16}.get(image.format, 32)
    found.source = replace(
        found.source,
        colour=colour,
        bits=16 if space == "labs" else bits,
        floating=image.format in ("float", "double") and colour is not Colour.LAB,
        alpha=bands == channels + 1,
        icc=_blob(image, "icc-profile-data"),
        exif=exif.strip_prefix(_blob(image, "exif-data")),
        xmp=_blob(image, "xmp-data"),
        orientation=_orientation(image),
        resolution_dpi=_resolution(image),
    )
    pages = image.get("n-pages") if "n-pages" in image.get_fields() else 1
    if kind is Format.PNG and b"acTL" in dict(containers.png_chunks(start, after_pixels=False)):
        pages = 2
    if pages > 1 and kind is not Format.TIFF:
        note_several(found.messages, path, "frames")
    if kind is Format.JPEG:
        _describe_jpeg(found, file, path, segments)
    elif kind is Format.PNG:
        _describe_png(found, file)
    elif kind is Format.TIFF:
        describe_tiff(found, tiff, path)
    elif kind is Format.WEBP:
        found.source = replace(found.source, lossless=b"VP8L" in start)
    elif kind is Format.AVIF:
        depth = image.get("bits-per-sample") if "bits-per-sample" in image.get_fields() else 8
        found.source = replace(found.source, orientation=1, packed_bits=packed_bits(depth))  # rotated by libheif


def _describe_jpeg(found: Decoded, file: BinaryIO, path: Path, segments: list[tuple[int, bytes]]) -> None:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
        if gain_maps.has_further_photo(view):
            note_further(found.messages, path)
    xmp = found.source.xmp
    found.source = replace(
        found.source,
        quantisation=containers.quantisation_tables(segments),
        photoshop=containers.photoshop_resources(segments),
        texts=containers.comments(segments),
        xmp=None if xmp is None else notes.joined(xmp, containers.extended_xmp(segments)),
    )


def _describe_png(found: Decoded, file: BinaryIO) -> None:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        texts = read_texts(data)
    source = found.source
    blob = source.exif or texts.exif
    orientation, dpi = exif.orientation(blob), source.resolution_dpi
    found.source = replace(
        source,
        exif=blob,
        orientation=orientation,
        resolution_dpi=dpi[::-1] if dpi and (orientation >= 5) != (source.orientation >= 5) else dpi,
        xmp=source.xmp or texts.xmp,
        photoshop=texts.photoshop,
        texts=tuple(texts.texts),
    )


def _gain_map(file: BinaryIO, budget: Budget, orientation: int) -> GainMap | None:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
        found = gain_maps.of_jpeg(view, budget)
    return None if found is None else replace(found, codes=turned(found.codes, orientation))


def _values(image: Any, path: Path) -> np.ndarray:
    """Decode an image to uint8, uint16 or float32 (H, W, C)."""
    if image.format not in ("uchar", "ushort", "float", "double", "uint"):
        raise problems.unsupported_values(path, image.format)
    if image.format == "double":
        image = image.cast("float")
    wide = image.format == "uint"
    kind = {"uchar": np.uint8, "ushort": np.uint16, "uint": np.uint32}.get(image.format, np.float32)
    codes = np.frombuffer(image.write_to_memory(), kind).reshape(image.height, image.width, image.bands)
    return (codes >> 16).astype(np.uint16) if wide else codes


def decoded_grey(blob: bytes, *, budget: Budget) -> np.ndarray | None:
    """Decode the first channel of a picture in memory as float32 (H, W) in [0, 1]; None if it is damaged.

    Raises:
        PictureTooLarge: the picture exceeds a limit.
        NotEnoughMemory: too little memory is free.
    """
    codes = damage.whole_picture(blob, budget=budget)
    return None if codes is None else codes[..., 0] / np.float32(np.iinfo(codes.dtype).max)


def _orientation(image: Any) -> int:
    value = image.get("orientation") if "orientation" in image.get_fields() else 1
    return value if 1 <= value <= 8 else 1


def _resolution(image: Any) -> tuple[float, float] | None:
    if image.xres == 1.0 and image.yres == 1.0:  # libvips' default for a file without a resolution
        return None
    dpi = (image.xres * 25.4, image.yres * 25.4)
    if _orientation(image) >= 5:
        dpi = dpi[::-1]
    return dpi if all(1 <= d <= 65535 for d in dpi) else None


def _blob(image: Any, name: str) -> bytes | None:
    return bytes(image.get(name)) if name in image.get_fields() else None


def size_of(path: Path) -> tuple[int, int]:
    """Return the height and width in a file's header.

    Returns (0, 0) if reading them would be slow (HEIC, RAW) or the file is bad.
    """
    try:
        with opened(path) as file:  # never blocks on a FIFO or a device
            start = file.read(_START)
            file.seek(0)
            tiff = read_tiff(file, start)
            if is_raw(start, tiff):
                return 0, 0
            if tiff is not None and tiff.layout is not None:
                return tiff.layout.height, tiff.layout.width
            if recognise(start) is Format.JPEGXL:
                header = jpegxl.read_header(start)
                return header.height, header.width
            source = vips().Source.new_from_descriptor(file.fileno())
            image = vips().Image.new_from_source(source, "", access="sequential")
            return int(image.height), int(image.width)
    except (vips().Error, ValueError, DioptreError):
        return 0, 0
