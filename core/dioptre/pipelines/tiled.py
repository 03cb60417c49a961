"""Run an enlarging network over a picture of any size in tiles of few fixed shapes."""

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

from dioptre.imaging.layers import Progress, no_progress
from dioptre.imaging.resize import resize
from dioptre.imaging.threads import on_all_cores
from dioptre.imaging.windows import Window, plan_windows
from dioptre.models.loaded import Loaded
from dioptre.runtime import free_bytes, is_out_of_memory
from dioptre_link.errors import DioptreError
from dioptre_link.language import Message

TILES_PX = (128, 256, 384, 512)
"""Sides of the square tiles. Larger ones waste less on overlaps and need more memory."""

_LARGEST_BUDGET_BYTES = 2 << 30  # for the tiles in work, beside the picture and its result
_MOST_TILES = 4  # at a time, on a processor: XLA computes parts of a network, and NumPy what follows, on one core
_UNSTEADY = 0.25  # an output whose mean over an input pixel is farther from that pixel is not an enlargement of it
_UNSTEADY_REACH_PX = 6  # round such a pixel the output is not trusted either
_FLAT, _NOT_FLAT = 1e-3, 1e-2  # standard deviations


class UnusableResultError(DioptreError):
    """A network's output is not a picture."""

    code = "unusable-result"


@dataclass(frozen=True, kw_only=True)
class Enlarged:
    """pixels: sRGB-encoded, not clipped. interpolated: share of the picture where the network was not usable."""

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
    overlap_px: int | None = None,
    progress: Progress = no_progress,
) -> Enlarged:
    """Enlarge `picture` (sRGB-encoded, [0, 1]) by the network's own factor, or by another from it.

    factor: a whole number to which each tile is brought by bicubic resizing; left out: the network's own.
    finish: makes the enlarged tile and the original one into what is kept; finish_reach_px is how far it looks, in
        pixels of the original.
    tile_px: side of a tile; left out: that of `TILES_PX` with the fewest pixels in all for which memory is free.
    overlap_px: by how much tiles overlap on each side; left out: by what the network's configuration says.
    Equals the network's result for the whole picture at once, to 1e-5: tiles overlap by the network's reach (where
    that is hundreds of pixels, by how far photographs show: `overlap_px` of its configuration; its
    `receptive_radius_px` is always exact), and beyond the edge of a picture that is smaller than a tile the network
    sees what it sees beyond its input. Networks without normalisation can diverge on violent noise: there the
    picture is interpolated instead.
    Where a tile finds no memory all the same, the next smaller one is taken.
    Raises UnusableResultError when a tile's result is not finite, or flat without cause, with full precision too,
    and whatever `progress` raises.
    """
    height, width = picture.shape[:2]
    scale = network.config.scale if factor is None else factor
    overlap_px = (network.config.overlap_px if overlap_px is None else overlap_px) + finish_reach_px
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
    """Fill `result`; how many pixels of `picture` were interpolated."""
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
    """The side, of `TILES_PX` where one is large enough, with which a picture takes the fewest pixels in all.

    most_px: pixels for which there is memory; where even the smallest tile has more, it is that one.
    """

    def pixels(tile_px: int) -> int:
        rows, columns = (len(plan_windows(n, window_px=tile_px, overlap_px=overlap_px)) for n in size)
        return rows * columns * tile_px**2

    sides = [side for side in TILES_PX if side > 2 * overlap_px or side >= max(size)]
    sides = sides or [2 * overlap_px + TILES_PX[1]]  # for those who ask for a network's whole reach
    return min([side for side in sides if side**2 <= most_px] or sides[:1], key=pixels)


def _kept(tile: np.ndarray, row: Window, column: Window, *, scale: int = 1) -> np.ndarray:
    return tile[
        (row.first - row.start) * scale : (row.last - row.start) * scale,
        (column.first - column.start) * scale : (column.last - column.start) * scale,
    ]


def _enlarge_tile(network: Loaded, tile: np.ndarray, tile_px: int) -> np.ndarray:
    """Run one tile of at most `tile_px` a side; a smaller one is padded and the padding marked."""
    height, width = tile.shape[:2]
    inputs: tuple[np.ndarray, ...] = (tile[None],)
    if (height, width) != (tile_px, tile_px):
        padding = ((0, 0), (0, tile_px - height), (0, tile_px - width), (0, 0))
        inside = np.pad(np.ones((1, height, width, 1), np.float32), padding)
        inputs = (np.pad(tile[None], padding), inside)
    scale = network.config.scale
    made = np.asarray(network(*inputs))[0, : height * scale, : width * scale]
    if not _usable(made, tile):
        with jax.default_matmul_precision("float32"):  # accelerators may multiply with fewer digits
            made = np.asarray(network(*inputs))[0, : height * scale, : width * scale]
        if not _usable(made, tile):
            raise UnusableResultError(
                "{title} returned an invalid result for part of the picture.",
                hint="Try another model and run doctor: the weights or the device may be faulty.",
                title=Message(network.entry.title),
            )
    return made


def _usable(made: np.ndarray, tile: np.ndarray) -> bool:
    return bool(np.isfinite(made).all()) and (float(made.std()) > _FLAT or float(tile.std()) < _NOT_FLAT)


def _steadied(made: np.ndarray, tile: np.ndarray, *, restored: bool) -> tuple[np.ndarray, np.ndarray]:
    """The enlarged tile, interpolated where the network diverged, and the weight of that for each input pixel.

    restored: it may differ from the tile, where that is damaged, but not leave the range of pictures.
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
