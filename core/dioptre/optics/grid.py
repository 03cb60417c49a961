"""The picture cut into tiles at several sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dioptre.imaging.shapes import cut
from dioptre.imaging.tiles import Tile, plan_tiles

TILE_PX = 512
"""Side of the tiles of a large picture."""

SMALLER_PX = (256, 400)
"""Sides of the tile of a picture, or of a reduced size of it, that fits into one; no other shape is compiled."""

TOP = 3
"""Holes are filled inside a tile down to 1 / 2**3 of its size, below that from one small picture."""

CELL = 1 << TOP

MARGIN_PX = (24, 24, 32, 56)
"""Per level, in its own pixels: the largest disc or the fill's reach, whole cells."""

VISIBLE = 1e-3
"""Smaller shares of a slice are skipped."""


@dataclass(frozen=True)
class Grid:
    """The picture with its reflected border, in whole blocks; every level covers exactly this."""

    height: int
    width: int
    border: int  # on each side, pixels, in whole blocks
    levels: int  # sizes that something is blurred at

    @classmethod
    def around(cls, height: int, width: int, *, radius_px: float, levels: int) -> Grid:
        """With a border that holds all light that reaches the picture."""
        block = 1 << (levels - 1 + TOP)
        return cls(height, width, (int(radius_px) // block + 1) * block, levels)

    @property
    def padded(self) -> tuple[int, int]:
        block = 1 << (self.levels - 1 + TOP)

        def whole(length: int) -> int:
            return -(-length // block) * block + 2 * self.border

        return whole(self.height), whole(self.width)

    def size(self, level: int) -> tuple[int, int]:
        return self.padded[0] >> level, self.padded[1] >> level

    def side(self, level: int) -> int:
        """Of the tiles at this level."""
        needed = max(self.size(level)) + 2 * MARGIN_PX[level]
        return min((side for side in SMALLER_PX if side >= needed), default=TILE_PX)

    def field(self, row: int, column: int, *, level: int) -> tuple[float, float]:
        """Place of a point of a level, from the picture's centre, x and y, with the corners at distance 1."""
        half = 0.5 * (self.height**2 + self.width**2) ** 0.5
        x = ((column << level) - self.border - self.width / 2) / half
        y = ((row << level) - self.border - self.height / 2) / half
        return x, y

    def core(self, level: int, *, everything: bool = False) -> tuple[int, int]:
        """Height and width of the tiles of a level without their margins: as few tiles as can be, all alike."""
        most = self.side(level) - 2 * MARGIN_PX[level]

        def even(length: int) -> int:
            return -(-length // (-(-length // most) * CELL)) * CELL

        height, width = self._covered(level, everything)
        return even(height), even(width)

    def tiles(self, level: int, *, everything: bool = False) -> list[Tile]:
        """Tiles of a level that cover the picture, or also its border; in the level's pixels."""
        start = 0 if everything else (self.border >> level) - CELL
        core = self.core(level, everything=everything)
        return [tile.moved(start) for tile in plan_tiles(self._covered(level, everything), core_px=core)]

    def _covered(self, level: int, everything: bool) -> tuple[int, int]:
        if everything:
            return self.size(level)
        return (self.height >> level) + 3 * CELL, (self.width >> level) + 3 * CELL


@dataclass(frozen=True)
class Level:
    """The picture's surfaces at a reduced size, over the padded grid, and where pixels were taken apart."""

    planes: np.ndarray
    radii: np.ndarray
    edges: np.ndarray


def place(whole: np.ndarray, part: np.ndarray, tile: Tile, *, shift: int, margin: int) -> None:
    """Put a reduced tile's core into the reduced whole; `tile` and `margin` in pixels before the reduction."""
    top, left, inner = tile.top >> shift, tile.left >> shift, margin >> shift
    height = min((tile.bottom - tile.top) >> shift, whole.shape[-2] - top)
    width = min((tile.right - tile.left) >> shift, whole.shape[-1] - left)
    whole[..., top : top + height, left : left + width] = part[..., inner : inner + height, inner : inner + width]


def read(planes: np.ndarray, top: int, left: int, side: int) -> np.ndarray:
    """A square of an array, the edge repeated outside."""
    return cut(planes, (top, left), (side, side), axes=(-2, -1), mode="edge")
