"""Run an enlarging network over a picture of any size, in tiles of a few fixed shapes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import jax
import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageFilter

from dioptre.contract import Progress, no_progress
from dioptre.imaging.resize import resize
from dioptre.imaging.threads import on_all_cores
from dioptre.imaging.tiles import Window, plan_windows
from dioptre.models.loaded import Loaded
from dioptre.runtime import free_bytes, is_out_of_memory
from dioptre_link.errors import DioptreError
from dioptre_link.language import Message

TILES_PX = (128, 256, 384, 512)
"""Sides of the square tiles. Larger tiles waste less on overlaps but need more memory."""

_LARGEST_BUDGET_BYTES = 2 << 30  # maximum memory of the tiles in progress, not counting the picture and its result
# Maximum number of tiles processed at the same time on a CPU: some parts of a network in XLA, and the NumPy code
# that follows it, use only one core.
_MOST_TILES = 4
# The network counts as diverged at an input pixel if the mean of the corresponding output pixels differs from it by
# more than this.
_UNSTEADY = 0.25
_UNSTEADY_REACH_PX = 6  # distance, in input pixels, from a diverged pixel within which the output is not used
# An output is unusable if its standard deviation is at most the first value although that of the input tile is at
# least the second: the content of the tile is lost.
_FLAT, _NOT_FLAT = 1e-3, 1e-2


class UnusableResultError(DioptreError):
    """A network's output is not a usable picture."""

    code = "unusable-result"


@dataclass(frozen=True, kw_only=True)
class Enlarged:
    """An enlarged picture.

    Attributes:
        pixels: (H, W, 3), sRGB-encoded, not clipped.
        interpolated: fraction of the picture where the network's output was unusable and was interpolated instead.
    """

    pixels: Float32[np.ndarray, "H W 3"]
    interpolated: float


def enlarge_tiled(
    network: Loaded,
    picture: Float32[np.ndarray, "h w 3"],
    *,
    factor: int | None = None,
    finish: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    finish_reach_px: int = 0,
    tile_px: int | None = None,
    progress: Progress = no_progress,
) -> Enlarged:
    """Enlarge a picture by the network's native factor, or by another factor with additional resizing.

    The result equals the network's output for the whole picture at once, to 1e-5: tiles overlap by the network's
    reach, and where a picture smaller than a tile is padded, the network treats the padding like the area outside
    its input. If the reach is hundreds of pixels, a smaller overlap that suffices for photographs is used:
    `overlap_px` of the network's configuration (its `receptive_radius_px` is always exact). Networks without
    normalisation can diverge on extreme noise; the picture is interpolated there instead. If a tile runs out of
    memory, the next smaller size is used.

    Args:
        network: a super-resolution network.
        picture: (h, w, 3), sRGB-encoded, in [0, 1].
        factor: how many times larger the result is, as an integer. Default: the network's own factor. For any
            other, each tile is also resized by bicubic interpolation.
        finish: function that computes the final tile from the enlarged and the original tile.
        finish_reach_px: radius around a pixel on which the result of `finish` depends, in pixels of the original.
        tile_px: side of a tile. Default: the size in `TILES_PX` that processes the fewest pixels and fits into
            memory.
        progress: called with (fraction, phase) between tiles; raises Cancelled to stop.

    Returns:
        Enlarged: the picture at `factor` times its size.

    Raises:
        UnusableResultError: the result of a tile is not finite, or is flat for a tile that is not, even in full
            precision.
    """
    height, width = picture.shape[:2]
    scale = network.config.scale if factor is None else factor
    overlap_px = network.config.overlap_px + finish_reach_px
    most_px = min(_LARGEST_BUDGET_BYTES, free_bytes() // 2) // network.config.working_bytes_per_px
    most_tiles = min(_MOST_TILES, os.cpu_count() or 1) if jax.default_backend() == "cpu" else 1
    if tile_px is None:
        tile_px = cheapest_tile((height, width), overlap_px=overlap_px, most_px=most_px // most_tiles)
    at_a_time = max(1, min(most_tiles, most_px // tile_px**2))
    result = np.empty((height * scale, width * scale, 3), np.float32)
    replaced = None
    while replaced is None:
        try:
            replaced = _in_tiles(
                network,
                picture,
                result,
                tile_px,
                overlap_px=overlap_px,
                finish=finish,
                at_a_time=at_a_time,
                progress=progress,
            )
        except Exception as error:
            smaller = [side for side in TILES_PX if 2 * overlap_px < side < tile_px]
            if not smaller or not is_out_of_memory(error):
                raise
            tile_px, at_a_time = smaller[-1], 1
            progress(0.0, "Enlarging in smaller tiles to save memory")
    progress(1.0, "Enlarging")
    return Enlarged(pixels=result, interpolated=replaced / (height * width))


def _in_tiles(
    network: Loaded,
    picture: Float32[np.ndarray, "h w 3"],
    result: Float32[np.ndarray, "H W 3"],
    tile_px: int,
    *,
    overlap_px: int,
    finish: Callable[[np.ndarray, np.ndarray], np.ndarray] | None,
    at_a_time: int,
    progress: Progress,
) -> float:
    """Fill `result`; return how many pixels of `picture` were interpolated."""
    height, width = picture.shape[:2]
    scale = result.shape[0] // height
    rows = plan_windows(height, window_px=tile_px, overlap_px=overlap_px)
    columns = plan_windows(width, window_px=tile_px, overlap_px=overlap_px)
    replaced: list[float] = []

    def work(place: tuple[Window, Window]) -> None:
        row, column = place
        tile = picture[row.start : row.start + row.length, column.start : column.start + column.length]
        made = _enlarge_tile(network, tile, tile_px)
        made, doubt = _steadied(made, tile, restored=network.config.restores)
        if scale != network.config.scale:
            made = resize(made, (row.length * scale, column.length * scale), method="bicubic")
        if finish is not None:
            made = finish(made, tile)
        replaced.append(float(_kept(doubt, row, column).sum()))
        result[row.first * scale : row.last * scale, column.first * scale : column.last * scale] = _kept(
            made, row, column, scale=scale
        )

    progress(0.0, "Enlarging")
    on_all_cores(list(product(rows, columns)), work, lambda share: progress(share, "Enlarging"), threads=at_a_time)
    return math.fsum(replaced)


def cheapest_tile(size: tuple[int, int], *, overlap_px: int, most_px: int) -> int:
    """Choose the tile side in `TILES_PX` with which the network processes the fewest pixels in total.

    If the overlap is too large for all of them, a larger side is used.

    Args:
        size: (height, width) of the picture.
        overlap_px: overlap of the tiles on each side.
        most_px: number of pixels of a tile that fit into memory; if even the smallest tile exceeds it, that one is
            used.
    """

    def pixels(tile_px: int) -> int:
        rows, columns = (len(plan_windows(n, window_px=tile_px, overlap_px=overlap_px)) for n in size)
        return rows * columns * tile_px**2

    sides = [side for side in TILES_PX if side > 2 * overlap_px or side >= max(size)]
    # Callers may pass a very large overlap, such as a network's entire reach.
    sides = sides or [2 * overlap_px + TILES_PX[1]]
    return min([side for side in sides if side**2 <= most_px] or sides[:1], key=pixels)


def _kept(tile: np.ndarray, row: Window, column: Window, *, scale: int = 1) -> np.ndarray:
    return tile[
        (row.first - row.start) * scale : (row.last - row.start) * scale,
        (column.first - column.start) * scale : (column.last - column.start) * scale,
    ]


def _enlarge_tile(network: Loaded, tile: np.ndarray, tile_px: int) -> np.ndarray:
    """Enlarge a tile with sides of at most `tile_px`; pad a smaller tile and pass a mask of its valid area."""
    height, width = tile.shape[:2]
    inputs: tuple[np.ndarray, ...] = (tile[None],)
    if (height, width) != (tile_px, tile_px):
        padding = ((0, 0), (0, tile_px - height), (0, tile_px - width), (0, 0))
        inside = np.pad(np.ones((1, height, width, 1), np.float32), padding)
        inputs = (np.pad(tile[None], padding), inside)
    scale = network.config.scale
    made = np.asarray(network(*inputs))[0, : height * scale, : width * scale]
    if not _usable(made, tile):
        with jax.default_matmul_precision("float32"):  # by default, accelerators may multiply at lower precision
            made = np.asarray(network(*inputs))[0, : height * scale, : width * scale]
        if not _usable(made, tile):
            raise UnusableResultError(
                "{title} returned an invalid result for part of the picture.",
                hint="Try another network, and run 'dioptre doctor': the weights or the device may be faulty.",
                title=Message(network.entry.title),
            )
    return made


def _usable(made: np.ndarray, tile: np.ndarray) -> bool:
    return bool(np.isfinite(made).all()) and (float(made.std()) > _FLAT or float(tile.std()) < _NOT_FLAT)


def _steadied(made: np.ndarray, tile: np.ndarray, *, restored: bool) -> tuple[np.ndarray, np.ndarray]:
    """Replace the enlarged tile by interpolation where the network diverged.

    Args:
        made: the enlarged tile.
        tile: the original tile.
        restored: whether the network repairs damage: its output may then differ from the tile, but must stay within
            [0, 1].

    Returns:
        The tile, and the weight of the interpolation for each input pixel.
    """
    size = tile.shape[0], tile.shape[1]
    reduced = resize(made, size, method="area")
    shift = np.abs(reduced - (np.clip(reduced, 0, 1) if restored else tile)).max(axis=2)
    if shift.max() <= _UNSTEADY:
        return made, np.zeros(size, np.float32)
    mask = Image.fromarray(((shift > _UNSTEADY) * 255).astype(np.uint8))
    wide = mask.filter(ImageFilter.MaxFilter(4 * _UNSTEADY_REACH_PX + 1))
    doubt = np.asarray(wide.filter(ImageFilter.BoxBlur(_UNSTEADY_REACH_PX)), np.float32) / 255
    weight = resize(doubt, (made.shape[0], made.shape[1]), method="bilinear")[..., None]
    interpolated = resize(tile, (made.shape[0], made.shape[1]), method="bicubic")
    steadied: np.ndarray = np.where(weight > 0, interpolated * weight + made * (1 - weight), made)
    return steadied, doubt
