"""Tiles of one fixed shape over a picture of any size.

Each tile is read with a margin of `overlap_px` on every side, reflected at the picture's edge, and only its core
is kept: with an overlap of at least the function's reach the result equals the untiled one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from .shapes import cut


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One tile's core in the picture, in pixels: rows top..bottom-1, columns left..right-1."""

    top: int
    left: int
    bottom: int
    right: int

    def moved(self, by_px: int) -> Tile:
        """The same tile in coordinates whose origin lies `by_px` further up and left."""
        return Tile(
            top=self.top + by_px, left=self.left + by_px, bottom=self.bottom + by_px, right=self.right + by_px
        )


def plan_tiles(size: tuple[int, int], *, core_px: tuple[int, int]) -> Iterator[Tile]:
    """Cores of `core_px` (height, width) covering `size`, row by row; those at the end are cut at the edge."""
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
    """The tile with its margin, always of shape `tile_px`, reflected where it reaches past the picture."""
    return cut(image, (tile.top - overlap_px, tile.left - overlap_px), tile_px)
