"""A photograph in memory: its pixels, and what its file was like."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np

from dioptre.imaging.layers import Rows

from .gain_map import GainMap

_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}


class Format(Enum):
    """A file format that Dioptre reads. The value is its name for users."""

    JPEG = "JPEG"
    PNG = "PNG"
    TIFF = "TIFF"
    WEBP = "WebP"
    HEIC = "HEIC"
    AVIF = "AVIF"
    GIF = "GIF"


def recognise(start: bytes) -> Format | None:
    """Tell the format by a file's first bytes."""
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
    if start[4:8] == b"ftyp":
        size = min(int.from_bytes(start[:4], "big"), 256)
        brands = {start[8:12]} | {start[at : at + 4] for at in range(16, size, 4)}
        if brands & {b"avif", b"avis"}:
            return Format.AVIF
        if brands & _HEIC_BRANDS:
            return Format.HEIC
    return None


class Colour(Enum):
    """How a file stores colour."""

    RGB = "RGB"
    GREY = "grey"
    PALETTE = "palette"
    CMYK = "CMYK"
    LAB = "Lab"


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a file was like, so that a result can be written in the same way.

    bits: 8, 16 or 32 for one value of one channel. floating: values are floats.
    packed_bits: 10 or 12 where HEIC or AVIF has so many, which `bits` calls 16; else 0.
    icc: embedded profile that the pixels were converted from; None: none, or unusable, and taken as sRGB.
    orientation: as found, EXIF 1 to 8; it has been applied to the pixels.
    resolution_dpi: pixels per inch, x and y, after orientation; None where the file has none.
    exif: blob starting with its TIFF header. xmp: the main packet. photoshop: image resources with the IPTC ones.
    quantisation: tables of a JPEG, natural order, luminance first. compression: name for TIFF. lossless: for WebP.
    """

    format: Format
    bits: int = 8
    packed_bits: int = 0
    floating: bool = False
    colour: Colour = Colour.RGB
    alpha: bool = False
    icc: bytes | None = None
    orientation: int = 1
    resolution_dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    photoshop: bytes | None = None
    quantisation: tuple[tuple[int, ...], ...] = ()
    compression: str = "deflate"
    lossless: bool = False


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A photograph as the networks want it.

    pixels: float32 (H, W, 3) or (H, W, 4), sRGB-encoded, straight alpha, upright. Values lie in [0, 1] except
        for colours outside sRGB, for float files and for pictures with a gain map.
    messages: sentences for the user about what was found and how it was taken.
    sha256: of the file's bytes that the pixels were decoded from; empty where there was no file.
    gain_map: of the file, which has been applied to the pixels; see `rendition`.
    """

    pixels: np.ndarray
    source: Source
    path: Path
    messages: tuple[str, ...] = ()
    sha256: str = ""
    gain_map: GainMap | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of `pixels`."""
        return self.pixels.shape

    @property
    def width(self) -> int:
        return self.shape[1]

    @property
    def height(self) -> int:
        return self.shape[0]

    def reader(self) -> Rows:
        """What gives the pixels of some rows; keep it while rows are asked for, and no longer."""
        return self.pixels.__getitem__
