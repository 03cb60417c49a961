"""Pixels in strips of whole rows.

A large picture is read, converted and written one strip at a time. Krita's event loop runs in between, and there is
never a second copy of the whole picture.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

STRIP_BYTES = 2 << 20  # Size of a strip in bytes; reading or writing one takes a few milliseconds.
ONE = {"U8": b"\xff", "U16": b"\xff\xff", "F16": b"\x00\x3c", "F32": b"\x00\x00\x80\x3f"}
"""Opaque alpha value in Krita's byte order, by channel depth."""


@dataclass(frozen=True, kw_only=True)
class Raster:
    """Rows of `row_bytes` bytes from the top, in strips of whole rows."""

    row_bytes: int
    strips: tuple[bytes, ...]

    @staticmethod
    def of(data: bytes, row_bytes: int) -> Raster:
        return Raster(row_bytes=row_bytes, strips=(data,))

    @cached_property
    def height(self) -> int:
        return sum(len(strip) for strip in self.strips) // self.row_bytes

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of all bytes, regardless of strips. A few GiB take a second: do not use it on the GUI thread."""
        digest = hashlib.sha256()
        for strip in self.strips:
            digest.update(strip)
        return digest.hexdigest()

    def __iter__(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield each strip as (first row, number of rows, bytes)."""
        for first, strip in zip(self._firsts, self.strips, strict=True):
            yield first, len(strip) // self.row_bytes, strip

    def rows(self, first: int, count: int) -> bytes:
        """Return `count` rows from row `first` on, or fewer at the end."""
        parts: list[bytes] = []
        at = max(0, bisect_right(self._firsts, first) - 1)
        last = first + count
        while at < len(self.strips) and self._firsts[at] < last:
            top = self._firsts[at]
            parts.append(self.strips[at][max(0, first - top) * self.row_bytes : (last - top) * self.row_bytes])
            at += 1
        return b"".join(parts)

    def part(self, rect: tuple[int, int, int, int], pixel_bytes: int) -> bytes:
        """Return the pixels of a rectangle (left, top, width, height) within the raster."""
        left, top, width, height = rect
        rows, row = self.rows(top, height), self.row_bytes
        if width * pixel_bytes == row:
            return rows
        return b"".join(rows[at : at + width * pixel_bytes] for at in range(left * pixel_bytes, len(rows), row))

    @cached_property
    def _firsts(self) -> list[int]:
        firsts, row = [], 0
        for strip in self.strips:
            firsts.append(row)
            row += len(strip) // self.row_bytes
        return firsts


def strips(height: int, rows: int) -> Iterable[tuple[int, int]]:
    """Yield (first row, number of rows) of strips of `rows` rows."""
    for first in range(0, height, rows):
        yield first, min(rows, height - first)


def strip_rows(row_bytes: int) -> int:
    """Return the number of rows in a strip."""
    return max(1, STRIP_BYTES // max(1, row_bytes))


def is_opaque(data: bytes, depth: str, pixel_bytes: int) -> bool:
    """Return whether every pixel is fully opaque.

    Args:
        data: Packed pixels whose last channel is alpha.
        depth: Krita's name for the channel depth.
        pixel_bytes: Bytes per pixel.
    """
    one, pixels = ONE[depth], len(data) // pixel_bytes
    return all(
        data[pixel_bytes - len(one) + at :: pixel_bytes].count(byte) == pixels for at, byte in enumerate(one)
    )
