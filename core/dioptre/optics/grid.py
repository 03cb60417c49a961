"""The picture cut into tiles at several sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dioptre.imaging.shapes import cut
from dioptre.imaging.tiles import Tile, plan_tiles

TILE_PX = 512
"""Side of the tiles of a large picture."""

SMALLER_PX = (256, 400)
"""Sides of the tiles of a small picture, or of a small size of one; no other shape is compiled."""

_FEW = 4  # tiles make a picture, or a size of it, small

CELL_LEVEL = 3
"""Holes are filled inside a tile down to 1 / 2**3 of its size, below that from one small picture."""

CELL = 1 << CELL_LEVEL

MARGIN_PX = (24, 24, 32, 56)
"""Per level, in its own pixels: the largest disc or the fill's reach, whole cells."""

VISIBLE = 1e-3
"""Smaller shares of a slice are skipped."""


@dataclass(frozen=True)
class Grid:
    """The picture with its mirrored border, in whole blocks; every reduced level covers exactly this."""

    height: int
    width: int
    border: int  # on each side, pixels, in whole blocks
    levels: int  # sizes that something is blurred at

    @classmethod
    def around(cls, height: int, width: int, *, radius_px: float, levels: int) -> Grid:
        """With a border that holds all light that reaches the picture."""
        block = 1 << (levels - 1 + CELL_LEVEL)
        return cls(height, width, (int(radius_px) // block + 1) * block, levels)

    @property
    def padded(self) -> tuple[int, int]:
        block = 1 << (self.levels - 1 + CELL_LEVEL)

        def whole(length: int) -> int:
            return -(-length // block) * block + 2 * self.border

        return whole(self.height), whole(self.width)

    def size(self, level: int) -> tuple[int, int]:
        return self.padded[0] >> level, self.padded[1] >> level

    def side(self, level: int) -> int:
        """Of the tiles at this level."""
        return self._tiling(level)[0]

    def field(self, row: int, column: int, *, level: int) -> tuple[float, float]:
        """Place of a point of a level, from the picture's centre, x and y, with the corners at distance 1."""
        half = 0.5 * (self.height**2 + self.width**2) ** 0.5
        x = ((column << level) - self.border - self.width / 2) / half
        y = ((row << level) - self.border - self.height / 2) / half
        return x, y

    def core(self, level: int) -> tuple[int, int]:
        """Height and width of the tiles of a level without their margins."""
        return self._tiling(level)[1]

    def tiles(self, level: int) -> list[Tile]:
        """Tiles that cover the picture, and at reduced sizes a little more, in the level's pixels."""
        start = (self.border >> level) - (CELL if level else 0)
        return [tile.moved(start) for tile in plan_tiles(self._covered(level), core_px=self.core(level))]

    def _tiling(self, level: int) -> tuple[int, tuple[int, int]]:
        """A tile's side and core: equal tiles, as few as possible; few small ones where they have less beyond."""
        height, width = self._covered(level)

        def tiling(side: int) -> tuple[int, int, tuple[int, int]]:
            most = side - 2 * MARGIN_PX[level]
            rows, columns = -(-height // most), -(-width // most)
            core = -(-height // (rows * CELL)) * CELL, -(-width // (columns * CELL)) * CELL
            return rows * columns, side, core

        few = [made for made in map(tiling, SMALLER_PX) if made[0] <= _FEW]
        _, side, core = min([*few, tiling(TILE_PX)], key=lambda made: made[0] * made[1] ** 2)
        return side, core

    def _covered(self, level: int) -> tuple[int, int]:
        height, width = (length - 2 * self.border >> level for length in self.padded)
        return (height, width) if level == 0 else (height + 2 * CELL, width + 2 * CELL)

    def mirror(self, whole: np.ndarray, *, scale: int) -> None:
        """Fill the border around the picture in an array of the padded grid at 1 / `scale` of the size."""
        border = self.border // scale
        for axis in (-2, -1):
            along = np.moveaxis(whole, axis, 0)
            length = len(along) - 2 * border
            for outside in (np.arange(-border, 0), np.arange(length, length + border)):
                folded = outside % (2 * length)
                along[border + outside] = along[border + np.minimum(folded, 2 * length - 1 - folded)]


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


def as_planes(pixels: np.ndarray) -> np.ndarray:
    """A view of (H, W, C) as (C, H, W)."""
    return pixels.transpose(2, 0, 1)


def read(planes: np.ndarray, top: int, left: int, side: int) -> np.ndarray:
    """A square of an array, the edge repeated outside."""
    return cut(planes, (top, left), (side, side), axes=(-2, -1), mode="edge")
