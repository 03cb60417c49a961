"""Tiles of one fixed shape that cover a picture of any size.

Each tile is read with a margin of `overlap_px` on every side, reflected at the picture's edge, and only its core is
kept. If the overlap is at least the reach of the function, the result is the same as without tiles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from .shapes import cut


@dataclass(frozen=True, kw_only=True)
class Tile:
    """The core of a tile, in pixels of the picture: rows `top` to `bottom - 1`, columns `left` to `right - 1`."""

    top: int
    left: int
    bottom: int
    right: int

    def moved(self, by_px: int) -> Tile:
        """Return the tile in coordinates whose origin lies `by_px` farther up and left."""
        return Tile(
            top=self.top + by_px, left=self.left + by_px, bottom=self.bottom + by_px, right=self.right + by_px
        )


def plan_tiles(size: tuple[int, int], *, core_px: tuple[int, int]) -> Iterator[Tile]:
    """Yield cores of `core_px` (height, width) that cover `size`, row by row; the last ones are cut at the edge."""
    for top in range(0, size[0], core_px[0]):
        for left in range(0, size[1], core_px[1]):
            yield Tile(
                top=top,
                left=left,
                bottom=min(top + core_px[0], size[0]),
                right=min(left + core_px[1], size[1]),
            )


def read_tile(
    image: Float32[np.ndarray, "h w *c"], tile: Tile, *, tile_px: tuple[int, int], overlap_px: int
) -> Float32[np.ndarray, "H W *c"]:
    """Read a tile with its margin, reflected outside the picture.

    Args:
        image: the picture.
        tile: the tile's core.
        tile_px: height and width of the result.
        overlap_px: width of the margin above and to the left of the core.
    """
    return cut(image, (tile.top - overlap_px, tile.left - overlap_px), tile_px)
