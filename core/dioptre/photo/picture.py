"""A photo in memory: its pixels and the properties of its file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import numpy as np

from dioptre.contract import Rows

from .gain_map import GainMap

JPEGXL_CODESTREAM, JPEGXL_CONTAINER = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
"""First bytes of JPEG XL: the bare picture, and a file with boxes."""
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}


class Format(Enum):
    """A file format that Dioptre reads; the value is its name for users."""

    JPEG = "JPEG"
    PNG = "PNG"
    TIFF = "TIFF"
    WEBP = "WebP"
    HEIC = "HEIC"
    AVIF = "AVIF"
    JPEGXL = "JPEG XL"
    GIF = "GIF"
    RAW = "RAW"


def recognise(start: bytes) -> Format | None:
    """Recognise the format from the first bytes of a file; None if it is unknown.

    RAW photos are not recognised here: many start as TIFF files do. See `decode_raw.is_raw`.
    """
    if start[:3] == b"\xff\xd8\xff":
        return Format.JPEG
    if start[:8] == b"\x89PNG\r\n\x1a\n":
        return Format.PNG
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return Format.TIFF
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return Format.WEBP
    if start[:6] in (b"GIF87a", b"GIF89a"):
        return Format.GIF
    if start[:2] == JPEGXL_CODESTREAM or start[:12] == JPEGXL_CONTAINER:
        return Format.JPEGXL
    if start[4:8] == b"ftyp":
        size = min(int.from_bytes(start[:4], "big"), 256)
        brands = {start[8:12]} | {start[at : at + 4] for at in range(16, size, 4)}
        if brands & {b"avif", b"avis"}:
            return Format.AVIF
        if brands & _HEIC_BRANDS:
            return Format.HEIC
    return None


class Colour(Enum):
    """The colour model of a file."""

    RGB = "RGB"
    GREY = "grey"
    PALETTE = "palette"
    CMYK = "CMYK"
    LAB = "Lab"


@dataclass(frozen=True, kw_only=True)
class Source:
    """The properties of a file, which allow a result to be written in the same way.

    Attributes:
        format: the file format.
        bits: bits per channel: 8, 16 or 32.
        packed_bits: 10 or 12 for HEIC, AVIF and JPEG XL files of that depth (`bits` is then 16), else 0.
        floating: whether the values are floats.
        colour: the colour model.
        alpha: whether there is an alpha channel.
        icc: the embedded profile, from which the pixels were converted. None if it is missing or unusable; the
            pixels are then treated as sRGB.
        hdr_transfer: code in ITU-T H.273 of the transfer function of an HDR picture (PQ, HLG); else 0. The
            profile is that of the ordinary picture that `hdr_signal` makes of it.
        orientation: EXIF orientation in the file, 1 to 8; it has been applied to the pixels.
        resolution_dpi: pixels per inch, x and y, after orientation; None if the file has none.
        exif: EXIF blob, starting with its TIFF header.
        xmp: the main XMP packet.
        photoshop: Photoshop image resources, including IPTC.
        texts: keywords and texts of a PNG, and the comments of a JPEG or GIF, with `containers.COMMENT` as keyword.
        credentials: whether the file has content credentials (C2PA).
        quantisation: quantization tables of a JPEG in row-major order, luminance first.
        compression: name of a TIFF's compression.
        lossless: whether a WebP or JPEG XL is lossless.
        reframed: whether results show the photo in another frame, such as two views beside each other: positions in
            the metadata do not hold there, and a larger size is not an enlargement.
    """

    format: Format
    bits: int = 8
    packed_bits: int = 0
    floating: bool = False
    colour: Colour = Colour.RGB
    alpha: bool = False
    icc: bytes | None = None
    hdr_transfer: int = 0
    orientation: int = 1
    resolution_dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    photoshop: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    credentials: bool = False
    quantisation: tuple[tuple[int, ...], ...] = ()
    compression: str = "deflate"
    lossless: bool = False
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
    """

    pixels: np.ndarray
    source: Source
    path: Path
    messages: tuple[str, ...] = ()
    sha256: str = ""
    gain_map: GainMap | None = None

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
