"""Division of the picture into tiles at several sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dioptre.imaging.shapes import cut
from dioptre.imaging.tiles import Tile, plan_tiles

TILE_PX = 512
"""Side of the tiles of a large picture, in pixels."""

SMALLER_PX = (256, 400)
"""Sides of the tiles of a small picture or a small reduced size, in pixels; each side needs its own compilation."""

_FEW = 4  # smaller tiles are used only if at most this many cover the picture

CELL_LEVEL = 3
"""Binary logarithm of a cell's side.

Tiles are inpainted at sizes down to 1 / 2**3. Smaller sizes are inpainted once for the whole picture.
"""

CELL = 1 << CELL_LEVEL

MARGIN_PX = (24, 24, 32, 56)
"""Margin of the tiles at each level, in that level's pixels.

Margins are whole cells and cover the largest disc and the reach of the inpainting.
"""

VISIBLE = 1e-3
"""Minimum coverage; slices that cover less of a pixel are skipped there."""


@dataclass(frozen=True)
class Grid:
    """Size of a picture and its mirrored border, padded to whole blocks so that all levels cover the same area.

    Attributes:
        height: height of the picture in pixels.
        width: width of the picture in pixels.
        border: width of the border on each side in pixels, a whole number of blocks.
        levels: number of sizes at which slices are blurred.
    """

    height: int
    width: int
    border: int
    levels: int

    @classmethod
    def around(cls, height: int, width: int, *, radius_px: float, levels: int) -> Grid:
        """Return a grid whose border is wide enough for all light that reaches the picture.

        Args:
            height: height of the picture in pixels.
            width: width of the picture in pixels.
            radius_px: largest radius of a blur disc.
            levels: number of sizes at which slices are blurred.
        """
        block = 1 << (levels - 1 + CELL_LEVEL)
        return cls(height, width, (int(radius_px) // block + 1) * block, levels)

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width of the picture with its border, in pixels."""
        block = 1 << (self.levels - 1 + CELL_LEVEL)

        def whole(length: int) -> int:
            return -(-length // block) * block + 2 * self.border

        return whole(self.height), whole(self.width)

    def size(self, level: int) -> tuple[int, int]:
        """Return the height and width of the padded grid at a level, in that level's pixels."""
        return self.padded[0] >> level, self.padded[1] >> level

    def side(self, level: int) -> int:
        """Return the side of the tiles at a level, including their margins."""
        return self._tiling(level)[0]

    def field(self, row: int, column: int, *, level: int) -> tuple[float, float]:
        """Return the position (x, y) of a pixel relative to the picture's centre, with the corners at distance 1.

        Args:
            row: row of the pixel on the padded grid at the level.
            column: column of the pixel.
            level: the level.
        """
        half = 0.5 * (self.height**2 + self.width**2) ** 0.5
        x = ((column << level) - self.border - self.width / 2) / half
        y = ((row << level) - self.border - self.height / 2) / half
        return x, y

    def core(self, level: int) -> tuple[int, int]:
        """Return the height and width of a level's tiles without their margins."""
        return self._tiling(level)[1]

    def tiles(self, level: int) -> list[Tile]:
        """Return tiles that cover the picture, and slightly more at reduced sizes, in the level's pixels."""
        start = (self.border >> level) - (CELL if level else 0)
        return [tile.moved(start) for tile in plan_tiles(self._covered(level), core_px=self.core(level))]

    def _tiling(self, level: int) -> tuple[int, tuple[int, int]]:
        """Return the side and the core (height, width) of a level's tiles.

        All tiles are equal, and there are as few as possible. A few smaller tiles are used instead if they cover
        the picture with less excess area.
        """
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
        """Fill the border in an array of the padded grid by mirroring the picture.

        Args:
            whole: the array, whose last two axes are rows and columns; modified in place.
            scale: full-size pixels per pixel of the array.
        """
        border = self.border // scale
        for axis in (-2, -1):
            along = np.moveaxis(whole, axis, 0)
            length = len(along) - 2 * border
            for outside in (np.arange(-border, 0), np.arange(length, length + border)):
                folded = outside % (2 * length)
                along[border + outside] = along[border + np.minimum(folded, 2 * length - 1 - folded)]


@dataclass(frozen=True)
class Level:
    """The picture's surfaces at a reduced size, over the padded grid.

    Attributes:
        planes: colour times coverage, and coverage, of both surfaces (2, C + 1, h, w).
        radii: signed radii of both surfaces (2, h, w), in pixels of the full size.
        edges: mask (h, w) of the pixels in which an edge pixel was split.
    """

    planes: np.ndarray
    radii: np.ndarray
    edges: np.ndarray


def place(whole: np.ndarray, part: np.ndarray, tile: Tile, *, shift: int, margin: int) -> None:
    """Copy a reduced tile's core into the reduced picture.

    Args:
        whole: the reduced picture, modified in place.
        part: the reduced tile with its margin.
        tile: the tile's core, in pixels before the reduction.
        shift: binary logarithm of the reduction factor.
        margin: the tile's margin, in pixels before the reduction.
    """
    top, left, inner = tile.top >> shift, tile.left >> shift, margin >> shift
    height = min((tile.bottom - tile.top) >> shift, whole.shape[-2] - top)
    width = min((tile.right - tile.left) >> shift, whole.shape[-1] - left)
    whole[..., top : top + height, left : left + width] = part[..., inner : inner + height, inner : inner + width]


def as_planes(pixels: np.ndarray) -> np.ndarray:
    """Return a view of (H, W, C) pixels as (C, H, W) planes."""
    return pixels.transpose(2, 0, 1)


def read(planes: np.ndarray, top: int, left: int, side: int) -> np.ndarray:
    """Return a square section of an array, repeating the array's edge outside it."""
    return cut(planes, (top, left), (side, side), axes=(-2, -1), mode="edge")
