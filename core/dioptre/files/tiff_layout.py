"""Read from a TIFF directory how the first picture's pixels are stored."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .exif import Data, Directory, Header, integers

UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # SampleFormat values
OLD_JPEG, LZMA, ZSTD, PALETTE = 6, 34925, 50000, 3  # Compression values, and a PhotometricInterpretation value
COMPRESSIONS = {
    2: "CCITT",
    3: "CCITT Group 3",
    4: "CCITT Group 4",
    6: "old-style JPEG",
    7: "JPEG",
    22610: "JPEG XR",
    32766: "NeXT",
    32809: "ThunderScan",
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    34661: "JBIG",
    34676: "SGI LogLuv",
    34677: "SGI LogLuv",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "JPEG",
    34925: "LZMA",
    34933: "PNG",
    34934: "JPEG XR",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
"""Names of compressions, for messages."""

_INCH, _CENTIMETRE = 2, 3


@dataclass(frozen=True, kw_only=True)
class TiffLayout:
    """How the pixels of a TIFF picture are stored. The names are those of the fields in TIFF 6.0.

    Attributes:
        order: byte order, "<" or ">".
        width: width in pixels.
        height: height in pixels.
        bits: bits of each sample.
        sample_format: 1 for unsigned integers, 2 for signed ones, 3 for floats.
        samples: samples per pixel.
        extra: meanings of the samples after the colours; 1 is alpha by which the colours are multiplied.
        photometric: number of the colour model.
        compression: number of the compression.
        predictor: number of the predictor; 1 for none.
        fill_order: 2 if the first pixel is in a byte's lowest bits.
        planar: whether each sample has its own strips or tiles.
        tiled: whether the pixels are stored in tiles instead of strips.
        piece: width and height of a strip or tile in pixels.
        pieces: offset and size of every strip or tile.
        palette: the colour map, 16-bit values of red, then green, then blue; empty without one.
        icc: the colour profile.
        xmp: the XMP packet.
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
    piece: tuple[int, int]
    pieces: tuple[tuple[int, int], ...]
    palette: tuple[int, ...]
    icc: bytes | None
    xmp: bytes | None
    resolution_dpi: tuple[float, float] | None

    @property
    def grid(self) -> tuple[int, int, int]:
        """How many strips or tiles there must be: across, down, and in planes."""
        across, down = -(-self.width // self.piece[0]), -(-self.height // self.piece[1])
        return across, down, self.samples if self.planar else 1

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
        stored = sum(size > 0 for _, size in self.pieces)
        return (
            stored >= across * down * planes or self.compression == OLD_JPEG
        )  # which may store its data elsewhere


def layout_of(data: Data, head: Header, first: Directory) -> TiffLayout | None:
    """Return the layout of the picture in a directory; None if its size is missing."""

    def values(tag: int, *default: int) -> tuple[int, ...]:
        return integers(data, head, first.entries.get(tag)) or default

    def blob(tag: int) -> bytes | None:
        entry = first.entries.get(tag)
        return None if entry is None else bytes(data[entry.at : entry.at + entry.size])

    width, height = values(256, 0)[0], values(257, 0)[0]
    if not (width and height):
        return None
    tiled = 322 in first.entries
    starts, sizes = (values(324), values(325)) if tiled else (values(273), values(279))
    if not sizes and len(starts) == 1:  # the size is optional in old files with one strip without compression
        sizes = (max(0, len(data) - starts[0]),)
    piece = (values(322, 0)[0], values(323, 0)[0]) if tiled else (width, min(height, values(278, 0)[0] or height))
    return TiffLayout(
        order=head.order,
        width=width,
        height=height,
        bits=values(258, 1),
        sample_format=values(339, UNSIGNED)[0],
        samples=values(277, 1)[0],
        extra=values(338),
        photometric=values(262, 1)[0],
        compression=values(259, 1)[0],
        predictor=values(317, 1)[0],
        fill_order=values(266, 1)[0],
        planar=values(284, 1)[0] == 2 and values(277, 1)[0] > 1,
        tiled=tiled,
        piece=(max(1, piece[0]), max(1, piece[1])),
        pieces=tuple(zip(starts, sizes, strict=False)),
        palette=values(320),
        icc=blob(34675),
        xmp=blob(700),
        resolution_dpi=_resolution(data, head, first, values(296, _INCH)[0]),
    )


def _resolution(data: Data, head: Header, first: Directory, unit: int) -> tuple[float, float] | None:
    dpi = []
    for tag in (282, 283):
        entry = first.entries.get(tag)
        if entry is not None and entry.size == 8:
            above, below = struct.unpack_from(head.order + "II", data, entry.at)
            dpi.append(above / max(below, 1) * (2.54 if unit == _CENTIMETRE else 1.0))
    known = len(dpi) == 2 and unit in (_INCH, _CENTIMETRE) and all(1 <= d <= 65535 for d in dpi)
    return (dpi[0], dpi[1]) if known else None
