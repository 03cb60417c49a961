"""A photo in memory: its pixels and the properties of its file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import numpy as np

from dioptre.contract import EmbeddedDepth, Rows

from .gain_map import GainMap


class Format(Enum):
    """A file format that Dioptre reads; the value is its name for users. `formats` has a module of each name."""

    JPEG = "JPEG"
    PNG = "PNG"
    TIFF = "TIFF"
    WEBP = "WebP"
    HEIC = "HEIC"
    AVIF = "AVIF"
    JPEGXL = "JPEG XL"
    GIF = "GIF"
    RAW = "RAW"


class Colour(Enum):
    """The colour model of a file."""

    RGB = "RGB"
    GREY = "grey"
    PALETTE = "palette"
    CMYK = "CMYK"
    LAB = "Lab"


@dataclass(frozen=True, kw_only=True)
class Extras:
    """The metadata and storage options of a file.

    Attributes:
        icc: the embedded profile, from which the pixels were converted. None if it is missing or unusable; the
            pixels are then treated as sRGB.
        exif: EXIF blob, starting with its TIFF header.
        xmp: the main XMP packet.
        photoshop: Photoshop image resources, including IPTC.
        texts: keywords and texts of a PNG, and the comments of a JPEG or GIF, with `containers.COMMENT` as keyword.
        resolution_dpi: pixels per inch, x and y, after orientation; None if the file has none.
        quantisation: quantization tables of a JPEG in row-major order, luminance first.
        compression: name of a TIFF's compression.
        lossless: whether a WebP or JPEG XL is lossless.
        packed_bits: 10 or 12 for HEIC, AVIF and JPEG XL files of that depth (`bits` is then 16), else 0.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    photoshop: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    resolution_dpi: tuple[float, float] | None = None
    quantisation: tuple[tuple[int, ...], ...] = ()
    compression: str = "deflate"
    lossless: bool = False
    packed_bits: int = 0


@dataclass(frozen=True, kw_only=True)
class Source(Extras):
    """The properties of a file, which allow a result to be written in the same way.

    Attributes:
        format: the file format.
        size: height and width as stored, which `orientation` may exchange; (0, 0) for RAW photos.
        bits: bits per channel: 8, 16 or 32.
        floating: whether the values are floats.
        colour: the colour model.
        alpha: whether there is an alpha channel.
        hdr_transfer: code in ITU-T H.273 of the transfer function of an HDR picture (PQ, HLG); else 0. The
            profile is that of the ordinary picture that `hdr_signal` makes of it.
        orientation: EXIF orientation in the file, 1 to 8; it has been applied to the pixels.
        credentials: whether the file has content credentials (C2PA).
        reframed: whether results show the photo in another frame, such as two views beside each other: positions in
            the metadata do not hold there, and a larger size is not an enlargement.
    """

    format: Format
    size: tuple[int, int] = (0, 0)
    bits: int = 8
    floating: bool = False
    colour: Colour = Colour.RGB
    alpha: bool = False
    hdr_transfer: int = 0
    orientation: int = 1
    credentials: bool = False
    reframed: bool = False


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A photo in the form that the networks expect.

    Attributes:
        pixels: float32 (H, W, 3) or (H, W, 4), sRGB-encoded, straight alpha, upright. Values lie in [0, 1] except
            for colours outside sRGB, float files and pictures with a gain map.
        source: the properties of the file.
        path: the file.
        messages: sentences for the user about assumptions made while reading.
        sha256: hash of the bytes from which the pixels were decoded; empty without a file.
        gain_map: the gain map of the file, or the one computed for an HDR picture, already applied to the pixels;
            see `rendition`.
        depth: the depth in the file, if it was asked for; None if there is none.
    """

    pixels: np.ndarray
    source: Source
    path: Path
    messages: tuple[str, ...] = ()
    sha256: str = ""
    gain_map: GainMap | None = None
    depth: EmbeddedDepth | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of `pixels`."""
        return self.pixels.shape

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.shape[1]

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.shape[0]

    def without_metadata(self) -> Picture:
        """Return the picture without EXIF, XMP, IPTC and texts; profile, resolution and storage options remain."""
        source = replace(self.source, exif=None, xmp=None, photoshop=None, texts=(), credentials=False)
        return replace(self, source=source)

    def reader(self) -> Rows:
        """Return a function that reads rows of the pixels. It may hold much memory, so drop it after use."""
        return self.pixels.__getitem__
