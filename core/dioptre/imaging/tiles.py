"""Tiles of one fixed shape over a picture of any size.

Each tile is read with a margin of `overlap_px` on every side, reflected at the picture's edge, and only its core
is kept: with an overlap of at least the function's reach the result equals the untiled one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from .layers import Progress, no_progress
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


def map_tiles(
    function: Callable[[Float32[np.ndarray, "H W *c"]], Float32[np.ndarray, "sH sW *d"]],
    image: Float32[np.ndarray, "h w *c"],
    *,
    tile_px: tuple[int, int],
    overlap_px: int,
    scale: int = 1,
    progress: Progress = no_progress,
    phase: str = "Working",
) -> Float32[np.ndarray, "sh sw *d"]:
    """Apply `function` tile by tile: it takes tiles of shape `tile_px` and returns them `scale` times as large.

    overlap_px: margin on each side, in pixels of the input; tile_px includes it.
    Raises ValueError when nothing is left of the tile beside its margins, and whatever `progress` raises.
    """
    core_px = (tile_px[0] - 2 * overlap_px, tile_px[1] - 2 * overlap_px)
    if min(core_px) < 1:
        raise ValueError(f"tile_px {tile_px} leaves nothing beside an overlap of {overlap_px}")
    tiles = list(plan_tiles((image.shape[0], image.shape[1]), core_px=core_px))
    result: np.ndarray | None = None
    for number, tile in enumerate(tiles):
        progress(number / len(tiles), phase)
        made = np.asarray(function(read_tile(image, tile, tile_px=tile_px, overlap_px=overlap_px)))
        if result is None:
            result = np.empty((image.shape[0] * scale, image.shape[1] * scale, *made.shape[2:]), np.float32)
        margin = overlap_px * scale
        height, width = (tile.bottom - tile.top) * scale, (tile.right - tile.left) * scale
        result[tile.top * scale : tile.bottom * scale, tile.left * scale : tile.right * scale] = made[
            margin : margin + height, margin : margin + width
        ]
    progress(1.0, phase)
    assert result is not None  # a picture has at least one pixel, so there was a tile
    return result
