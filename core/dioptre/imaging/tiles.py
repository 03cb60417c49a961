"""Cut pictures of any size into tiles of one fixed shape, or into windows that stay inside the picture.

Each tile is read with a margin of `overlap_px` on every side, reflected at the picture's edge, and only its core is
kept. If the overlap is at least the reach of the function, the result is the same as without tiles. A network that
pads its input with zeros gives exactly the same result in windows as on the whole picture: each edge of a window is
either the picture's own edge or too far from the kept pixels to affect them.
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


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window along one axis: read `length` pixels from `start`; keep those from `first` to `last - 1`."""

    start: int
    length: int
    first: int
    last: int


def plan_windows(length_px: int, *, window_px: int, overlap_px: int) -> list[Window]:
    """Plan windows that together keep every pixel of an axis exactly once.

    Args:
        length_px: length of the axis. If it is shorter than `window_px`, the only window has this length.
        window_px: length of a window.
        overlap_px: minimum distance of a kept pixel from any window edge that is not the picture's edge.

    Raises:
        ValueError: the overlap is so large that a window would keep no pixels.
    """
    if length_px <= window_px:
        return [Window(start=0, length=length_px, first=0, last=length_px)]
    step = window_px - 2 * overlap_px
    if step < 1:
        raise ValueError(f"window_px {window_px} keeps nothing beside an overlap of {overlap_px}")
    windows = []
    kept = 0
    while kept < length_px:
        start = min(max(kept - overlap_px, 0), length_px - window_px)
        last = length_px if start + window_px == length_px else start + window_px - overlap_px
        windows.append(Window(start=start, length=window_px, first=kept, last=last))
        kept = last
    return windows
