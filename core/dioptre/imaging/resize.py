"""Resize pictures with antialiasing.

`resize` handles whole pictures of any size without compilation. It interpolates between rows itself to enlarge
bilinearly, and uses Pillow's convolution resampling on float planes for the rest, with threads for the channels and
bands of rows, because Pillow copies each plane several times. `enlarge` is for integer factors inside jitted
functions.

Resize premultiplied values if there is alpha. Box and bilinear averages are exact in linear light; bicubic
resizing of encoded values, as in editors, rings less at dark edges.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, product
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int
from PIL import Image

Method = Literal["area", "bilinear", "bicubic", "lanczos"]

_FILTERS = {
    "area": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

_REACH = {"area": 0.5, "bilinear": 1.0, "bicubic": 2.0, "lanczos": 3.0}  # half-widths of the filters, in pixels
_BAND = 1 << 21  # number of values of one channel that are processed at a time
_THREADS = 4


def resize(
    image: Float32[np.ndarray, "h w *c"], size: tuple[int, int], *, method: Method = "bicubic"
) -> Float32[np.ndarray, "H W *c"]:
    """Resize an image to `size`.

    Pixel centres are at half-integers, as in Pillow and the editors. When reducing, the filter widens to prevent
    aliasing. Values outside [0, 1] are kept. Bicubic and lanczos may overshoot; clip the result where that matters.

    Args:
        image: the image to resize.
        size: new height and width.
        method: filter; "area" is the exact mean over the box of each new pixel.

    Raises:
        ValueError: a side of `size` is below 1.
    """
    if min(size) < 1:
        raise ValueError(f"size is {size}; both sides must be at least 1")
    if image.shape[:2] == tuple(size):
        return image.copy()
    if method == "bilinear" and image.shape[0] <= size[0] and image.shape[1] <= size[1]:
        return resized_rows(image, size, slice(0, size[0]))
    planes = image.reshape(*image.shape[:2], -1)
    result = np.empty((*size, planes.shape[2]), np.float32)
    bands = _bands((planes.shape[0], planes.shape[1]), size, reach=_REACH[method])

    def one(work: tuple[int, _Band]) -> None:
        channel, band = work
        plane = Image.fromarray(np.ascontiguousarray(planes[band.first : band.last, :, channel]))
        made = plane.resize((size[1], band.bottom - band.top), _FILTERS[method], box=(0, *band.box))
        result[band.top : band.bottom, :, channel] = np.asarray(made)

    pieces = list(product(range(planes.shape[2]), bands))
    if len(pieces) == 1 or result.size + planes.size < 1 << 16:  # too small for threads to pay off
        for piece in pieces:
            one(piece)
    else:
        with ThreadPoolExecutor(max_workers=_THREADS) as pool:
            list(pool.map(one, pieces))
    return result.reshape(*size, *image.shape[2:])


def resized_rows(
    image: Float32[np.ndarray, "h w *c"], size: tuple[int, int], rows: slice
) -> Float32[np.ndarray, "n W *c"]:
    """Compute some rows of an image enlarged bilinearly by `resize`.

    Args:
        image: as in `resize`.
        size: height and width of the whole result, neither of them less than the image's.
        rows: the rows of the result.
    """
    down = cells_beside(np.arange(rows.start, rows.stop), size[0], image.shape[0])
    return interpolated(image, down, cells_beside(np.arange(size[1]), size[1], image.shape[1]))


@dataclass(frozen=True, kw_only=True)
class _Band:
    """A band of the result, and the rows of the picture from which it is computed.

    Rows `top` to `bottom - 1` of the result come from rows `first` to `last - 1` of the picture; `box` is Pillow's
    argument, relative to those rows of the picture.
    """

    top: int
    bottom: int
    first: int
    last: int
    box: tuple[float, int, float]


def _bands(old: tuple[int, int], new: tuple[int, int], *, reach: float) -> list[_Band]:
    """Split the resizing of a large picture into bands, which keeps temporary copies small.

    Args:
        old: height and width of the picture.
        new: height and width of the result.
        reach: half-width of the filter, in pixels of the old or new picture, whichever is coarser.

    Returns:
        The bands; a single one if both pictures have at most `_BAND` values.
    """
    scale = old[0] / new[0]
    if max(old[0] * old[1], new[0] * new[1]) <= _BAND:
        return [_Band(top=0, bottom=new[0], first=0, last=old[0], box=(0, old[1], old[0]))]
    reach_px = reach * max(scale, 1.0) + 2
    rows = int(_BAND / max(scale * old[1], new[1]))
    rows = max(rows, int(4 * reach_px / scale), 1)  # limits the overlap to a fraction of the band
    bands = []
    for top in range(0, new[0], rows):
        bottom = min(top + rows, new[0])
        first, last = max(0, int(top * scale - reach_px)), min(old[0], int(bottom * scale + reach_px) + 1)
        box = (top * scale - first, old[1], min(bottom * scale, old[0]) - first)
        bands.append(_Band(top=top, bottom=bottom, first=first, last=last, box=box))
    return bands


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A cell beside each pixel along a side, and its weight in linear interpolation."""

    cell: Int[np.ndarray, " n"]
    weight: Float32[np.ndarray, " n"]


def cells_beside(places: Int[np.ndarray, " n"], length: int, cells: int) -> tuple[Beside, Beside]:
    """Return the two cells beside each pixel of a side of this length, as in bilinear resizing of the cells."""
    positions = (places + 0.5) * (cells / length) - 0.5
    first = np.floor(positions).astype(np.int64)
    beyond = (positions - first).astype(np.float32)
    return (
        Beside(cell=np.clip(first, 0, cells - 1), weight=1 - beyond),
        Beside(cell=np.clip(first + 1, 0, cells - 1), weight=beyond),
    )


def interpolated(
    cells: Float32[np.ndarray, "h w *c"], down: tuple[Beside, Beside], across: tuple[Beside, Beside]
) -> Float32[np.ndarray, "n m *c"]:
    """Interpolate linearly between cells, at a rectangle of pixels.

    Args:
        cells: values of the cells.
        down: result of `cells_beside` for consecutive rows of the rectangle.
        across: the same for its columns.
    """
    planes = cells.reshape(*cells.shape[:2], -1)
    of_right = across[1].weight.repeat(planes.shape[2])

    def line(number: int) -> Float32[np.ndarray, " mc"]:
        left, right = (planes[number].take(each.cell, 0).reshape(-1) for each in across)
        return left + of_right * (right - left)

    result = np.empty((len(down[0].cell), of_right.size), np.float32)
    lines: dict[int, np.ndarray] = {}
    start = 0
    for (above, below), group in groupby(zip(*(each.cell.tolist() for each in down), strict=True)):
        lines = {number: lines[number] if number in lines else line(number) for number in (above, below)}
        some = slice(start, start := start + len(list(group)))  # a few rows, which stay in the processor's cache
        np.multiply(down[1].weight[some, None], lines[below] - lines[above], out=result[some])
        result[some] += lines[above]
    return result.reshape(len(result), len(across[0].cell), *cells.shape[2:])


def fitted_size(
    size: tuple[int, int], *, longest_px: int | None = None, pixels: int | None = None
) -> tuple[int, int]:
    """Reduce `size` in proportion to a maximum side or number of pixels; never enlarge it or go below 1.

    Args:
        size: height and width.
        longest_px: maximum length of the longer side.
        pixels: maximum number of pixels.
    """
    height, width = size
    scale = 1.0
    if longest_px is not None:
        scale = min(scale, longest_px / max(height, width))
    if pixels is not None:
        scale = min(scale, (pixels / (height * width)) ** 0.5)
    return max(1, round(height * scale)), max(1, round(width * scale))


def enlarge(image: Float[Array, "h w c"], factor: int) -> Float[Array, "H W c"]:
    """Enlarge bilinearly by an integer factor, repeating the edge pixels; equivalent to Pillow's bilinear."""
    return _enlarge_axis(_enlarge_axis(image, factor, 0), factor, 1)


def _enlarge_axis(image: Float[Array, "h w c"], factor: int, axis: int) -> Float[Array, "H W c"]:
    length = image.shape[axis]
    first, last = jnp.take(image, jnp.array([0]), axis), jnp.take(image, jnp.array([length - 1]), axis)
    padded = jnp.concatenate([first, image, last], axis)
    phases = []
    for phase in range(factor):
        # Position of the new pixel's centre relative to the centre of an old one, in old pixels.
        position = (phase + 0.5) / factor - 0.5
        start = 0 if position < 0 else 1
        weight = position + 1 - start
        left, right = (_slice(padded, start + k, length, axis) for k in (0, 1))
        phases.append(left * (1 - weight) + right * weight)
    shape = list(image.shape)
    shape[axis] *= factor
    return jnp.stack(phases, axis + 1).reshape(shape)


def _slice(image: Float[Array, "h w c"], start: int, length: int, axis: int) -> Float[Array, "H W c"]:
    return image[start : start + length] if axis == 0 else image[:, start : start + length]
