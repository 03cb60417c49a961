"""Decode picture files to arrays of numbers.

libvips decodes JPEG, PNG, TIFF, WebP, AVIF and GIF: it is fast, supports every bit depth and can report truncated
data as an error. It receives an open file instead of a name, so any name works. pillow-heif (the extra `heic`)
decodes HEIC, pyjpegxl (the extra `jpegxl`) JPEG XL and rawpy (the extra `raw`) RAW photos, because libvips' wheel
has no decoders for them.
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from . import containers, exif, gain_map_reading, heif_boxes, notes, problems
from .budget import Budget
from .decode_heic import decode_heic
from .decode_jpegxl import decode_jpegxl
from .decode_lab import decode_8_bit_lab
from .decode_raw import decode_raw, is_raw
from .decoded import Decoded, damaged, full_range, note_lost_gain_map, packed_bits, require_finite, turned
from .gain_map import GainMap
from .hdr_signal import HdrSignal, divide, hdr_signal
from .picture import Colour, Format, Source, recognise
from .png_texts import read_texts
from .tiff_properties import TiffProperties, describe_tiff, read_tiff
from .unchanged import unchanged
from .vips import vips

FORMATS = "JPEG, PNG, TIFF, WebP, HEIC, AVIF, JPEG XL, GIF and RAW"
_START = 1 << 16  # number of leading bytes from which the format is recognised
_LOADERS = {
    Format.JPEG: "jpegload_source",
    Format.PNG: "pngload_source",
    Format.TIFF: "tiffload_source",
    Format.WEBP: "webpload_source",
    Format.AVIF: "heifload_source",
    Format.GIF: "gifload_source",
}
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
    with opened(path) as file, unchanged(file, path) as sha256:
        decoded = _decode_open(file, path, budget_of(file, path, max_megapixels=max_megapixels))
        decoded.sha256 = sha256
        credentials = decoded.source.credentials or containers.has_credentials(file)
        decoded.source = replace(decoded.source, credentials=credentials)
    require_finite(decoded, path)
    return decoded


@contextmanager
def decoding(path: Path, *, max_megapixels: float | None = None) -> Iterator[Decoded]:
    """Yield a decoded picture, valid inside the `with` block. `apart` does the same in another process."""
    yield decode(path, max_megapixels=max_megapixels)


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
    if tiff is not None and tiff.is_8_bit_lab:
        return decode_8_bit_lab(file, path, budget, tiff=tiff)
    try:
        source = vips().Source.new_from_descriptor(file.fileno())
        load = getattr(vips().Image, _LOADERS[kind])
        image = load(source, access="sequential", fail_on="truncated")
        if budget is not None:
            budget.check_picture(image.width, image.height, bytes_per_pixel=_bytes_per_pixel(image))
        found = Decoded(codes=np.empty((0, 0, 0), np.uint8), source=Source(format=kind))
        _describe(found, image, file, path, start=start, tiff=tiff)
        if budget is not None:
            image = image.colourspace("lab") if found.source.colour is Colour.LAB else image
            codes = _values(image, path)
            if found.source.packed_bits:
                codes = full_range(codes, found.source.packed_bits)
            found.codes = turned(codes, found.source.orientation)
            if kind is Format.JPEG and found.source.colour is Colour.RGB:
                found.gain_map = _gain_map(file, budget, found.source.orientation)
                if found.gain_map is None and gain_map_reading.HDRGM.encode() in (found.source.xmp or b""):
                    note_lost_gain_map(found.messages, path)
    except vips().Error as error:
        raise damaged(path) from error
    signal = _hdr_signal(start, kind)
    if signal is not None:
        divide(found, signal, path)
    return found


def _hdr_signal(start: bytes, kind: Format) -> HdrSignal | None:
    """Return how to read an HDR picture's codes, from the first bytes of its file; None for other pictures."""
    codes = None
    if kind is Format.AVIF:
        codes = heif_boxes.transfer_and_primaries(start)
    elif kind is Format.PNG:
        codes = containers.png_transfer_and_primaries(start)
    return None if codes is None else hdr_signal(*codes)


def _bytes_per_pixel(image: Any) -> int:
    """Estimate the memory per pixel: two copies of the file's values, and float32 RGBA."""
    size = {"uchar": 1, "char": 1, "ushort": 2, "short": 2, "double": 8}.get(image.format, 4)
    return int(2 * size * image.bands + 16)


def _describe(
    found: Decoded, image: Any, file: BinaryIO, path: Path, *, start: bytes, tiff: TiffProperties | None
) -> None:
    """Fill in the file's properties from libvips' header, and from the file where libvips lacks them."""
    kind = found.source.format
    bands, space = image.bands, image.interpretation
    colour = {"cmyk": Colour.CMYK, "b-w": Colour.GREY, "grey16": Colour.GREY}.get(space, Colour.RGB)
    if space in ("lab", "labs", "labq"):
        colour, bands = Colour.LAB, 3
    elif bands < 3:
        colour = Colour.GREY
    channels = {Colour.GREY: 1, Colour.CMYK: 4}.get(colour, 3)
    if bands not in (channels, channels + 1):
        raise problems.NotAPicture(
            "{file} has {bands} channels.",
            hint="Export it as grey, RGB or CMYK, with no extra channels except alpha.",
            file=problems.shown(path),
            bands=bands,
        )
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
    if pages > 1 or (kind is Format.PNG and containers.png_is_animated(start)):
        word = "layers or pages" if kind is Format.TIFF else "frames"
        found.messages.append(f"{path.name} contains several {word}; the first one is used.")
    if kind is Format.JPEG:
        _describe_jpeg(found, file)
    elif kind is Format.PNG:
        _describe_png(found, file)
    elif kind is Format.TIFF:
        describe_tiff(found, tiff, path)
    elif kind is Format.WEBP:
        found.source = replace(found.source, lossless=b"VP8L" in start[12:64])
    elif kind is Format.AVIF:
        depth = image.get("bits-per-sample") if "bits-per-sample" in image.get_fields() else 8
        found.source = replace(found.source, orientation=1, packed_bits=packed_bits(depth))  # rotated by libheif


def _describe_jpeg(found: Decoded, file: BinaryIO) -> None:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
        segments = list(containers.jpeg_segments(view))
    xmp = found.source.xmp
    found.source = replace(
        found.source,
        quantisation=containers.quantisation_tables(segments),
        photoshop=containers.photoshop_resources(segments),
        texts=containers.comments(segments),
        credentials=any(marker == containers.APP11 and b"jumb" in payload[:64] for marker, payload in segments),
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
        credentials=texts.credentials,
    )


def _gain_map(file: BinaryIO, budget: Budget, orientation: int) -> GainMap | None:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
        found = gain_map_reading.of_jpeg(view, budget)
    return None if found is None else replace(found, codes=turned(found.codes, orientation))


def _values(image: Any, path: Path) -> np.ndarray:
    """Decode an image to uint8, uint16 or float32 (H, W, C)."""
    if image.format not in ("uchar", "ushort", "float", "double", "uint"):
        raise problems.NotAPicture(
            "{file} contains {format} values.",
            hint="Export it with 8, 16 or 32 bits per channel (float).",
            file=problems.shown(path),
            format=image.format,
        )
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
    kind = recognise(blob[:64])
    if kind not in (Format.JPEG, Format.PNG):
        return None
    try:
        image = getattr(vips().Image, _LOADERS[kind].replace("_source", "_buffer"))(blob, fail_on="truncated")
        budget.check_picture(image.width, image.height)
        codes = image.extract_band(0).numpy()
    except vips().Error:
        return None
    return np.asarray(codes, np.float32) / np.float32(np.iinfo(codes.dtype).max)


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
