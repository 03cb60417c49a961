"""Read and write pictures with libvips.

It is fast, supports every bit depth and reports damaged data as an error. Where its codecs only warn, a message
says what is wrong. It receives an open file instead of a name, so any name works.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dioptre_link.errors import DioptreError

from .. import problems
from ..metadata import exif
from ..picture import Colour, Extras, Format, Source
from ..vips import vips, warned
from .decoded import Decoded, OpenFile, damaged, note_damage, note_several, turned

# libtiff says so of a wrong bit in a fax, libjpeg of a height of 0
_DAMAGE = re.compile(r"\(not supported\)|DNL not supported")
_UNSUPPORTED = re.compile(r"not configured|not implemented|not supported|[Uu]nsupported (feature|codec|process)")
Values = Callable[[Any, Decoded], np.ndarray]
"""Decodes an image, and adds a message if parts of the file are damaged or missing."""


def read(
    opened: OpenFile,
    kind: Format,
    loader: str,
    *,
    blob: bytes | None = None,
    further: int = 0,
    describe: Callable[[Decoded, Any], None],
    values: Values | None = None,
) -> Decoded:
    """Decode a file; without a budget, read only its properties.

    Args:
        opened: the file.
        kind: its format.
        loader: name of libvips' loader.
        blob: the data to read instead of the file.
        further: number of channels beside the colours.
        describe: completes the properties in libvips' header, which is its second argument.
        values: decodes the image.

    Raises:
        pyvips.Error: the file is damaged or of a kind that libvips does not support; see `refusal`.
    """
    with warned() as warnings:
        image = _image(opened, loader, blob)
    if opened.budget is not None:
        opened.budget.check_picture(image.width, image.height, bytes_per_pixel=_bytes_per_pixel(image))
    source = _source(image, kind, opened.path, further)
    found = Decoded(codes=np.empty((0, 0, 0), np.uint8), source=source)
    describe(found, image)
    if opened.budget is None:
        return found
    image = image.colourspace("lab") if found.source.colour is Colour.LAB else image
    if warnings:
        note_damage(found.messages, opened.path)
    codes = values(image, found) if values is not None else checked_values(image, found, opened.path)[0]
    found.codes = turned(codes, found.source.orientation)
    return found


def _image(opened: OpenFile, loader: str, blob: bytes | None) -> Any:
    opened.file.seek(0)
    data = vips().Source.new_from_descriptor(opened.file.fileno()) if blob is None else blob
    return getattr(vips().Image, loader)(data, access="sequential", fail_on="error")


def _bytes_per_pixel(image: Any) -> int:
    """Estimate the memory per pixel: two copies of the file's values, and float32 RGBA."""
    size = {"uchar": 1, "char": 1, "ushort": 2, "short": 2, "double": 8}.get(image.format, 4)
    return int(2 * size * image.bands + 16)


def _source(image: Any, kind: Format, path: Path, further: int) -> Source:
    """Return the properties in libvips' header."""
    bands, space = image.bands - further, image.interpretation
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
    return Source(
        format=kind,
        size=(image.height, image.width),
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


def note_frames(opened: OpenFile, found: Decoded, image: Any) -> None:
    """Add the message for a picture with several frames."""
    if "n-pages" in image.get_fields() and image.get("n-pages") > 1:
        note_several(found.messages, opened.path, "frames")


def checked_values(image: Any, found: Decoded, path: Path) -> tuple[np.ndarray, bool]:
    """Decode an image to uint8, uint16 or float32 (H, W, C); return whether nothing was said about damage, too."""
    with warned() as warnings:
        codes = values_of(image, path)
    if warnings:
        note_damage(found.messages, path)
    return codes, not warnings


def values_of(image: Any, path: Path) -> np.ndarray:
    """Decode an image to uint8, uint16 or float32 (H, W, C)."""
    if image.format not in ("uchar", "ushort", "float", "double", "uint"):
        raise problems.unsupported_values(path, image.format)
    if image.format == "double":
        image = image.cast("float")
    wide = image.format == "uint"
    kind = {"uchar": np.uint8, "ushort": np.uint16, "uint": np.uint32}.get(image.format, np.float32)
    codes = np.frombuffer(image.write_to_memory(), kind).reshape(image.height, image.width, image.bands)
    return (codes >> 16).astype(np.uint16) if wide else codes


def refusal(error: Exception, path: Path, name: str) -> DioptreError:
    """Return the error for a file that libvips does not read: damaged, or of a kind that it does not support.

    Args:
        error: libvips' error.
        path: the file.
        name: the format or the compression.
    """
    supported = _UNSUPPORTED.search(_DAMAGE.sub("", str(error))) is None
    return damaged(path) if supported else problems.unsupported_compression(path, name)


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


def image_of(codes: np.ndarray, extras: Extras) -> Any:
    """Return an image to encode, with its profile, XMP and resolution."""
    height, width, bands = codes.shape
    kind = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}[codes.dtype.name]
    grey, colour = {"uchar": ("b-w", "srgb"), "ushort": ("grey16", "rgb16"), "float": ("b-w", "srgb")}[kind]
    options: dict[str, Any] = {"interpretation": grey if bands < 3 else colour}
    if extras.resolution_dpi is not None:
        options |= {"xres": extras.resolution_dpi[0] / 25.4, "yres": extras.resolution_dpi[1] / 25.4}
    image = vips().Image.new_from_memory(codes.data, width, height, bands, kind).copy(**options)
    blobs = {"icc-profile-data": extras.icc, "xmp-data": extras.xmp}
    for name, blob in blobs.items():
        if blob is not None:
            image.set_type(vips().GValue.blob_type, name, blob)
    if extras.resolution_dpi is not None:
        image.set_type(vips().GValue.gstr_type, "resolution-unit", "in")
    return image
