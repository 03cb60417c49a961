"""Resizing with antialiasing.

`resize` works on whole pictures of any size without compiling: Pillow's convolution resampling on float planes,
a thread for each channel and band of rows. `shrink` and `enlarge` are for whole factors inside jitted functions.

Alpha: resize premultiplied values. Light: box and bilinear averages are exact in linear light; bicubic in encoded
values, as editors do it, rings less at dark edges.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32
from PIL import Image

Method = Literal["area", "bilinear", "bicubic", "lanczos"]

_FILTERS = {
    "area": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

_REACH = {"area": 0.5, "bilinear": 1.0, "bicubic": 2.0, "lanczos": 3.0}  # of the filters, to either side
_BAND = 1 << 21  # values of one channel that are worked on at a time
_THREADS = 4


def resize(
    image: Float32[np.ndarray, "h w *c"], size: tuple[int, int], *, method: Method = "bicubic"
) -> Float32[np.ndarray, "H W *c"]:
    """Resize to `size` (height, width); pixel centres at half-integers, as Pillow and the editors have it.

    The filter widens with the reduction (antialiasing). "area" is the exact mean over each new pixel's box.
    Values outside [0, 1] are kept; bicubic and lanczos may overshoot: clip where that matters.
    """
    if min(size) < 1:
        raise ValueError(f"size is {size}; both sides must be at least 1")
    return resized_rows(image, size, slice(0, size[0]), method=method)


def resized_rows(
    image: Float32[np.ndarray, "h w *c"], size: tuple[int, int], rows: slice, *, method: Method = "bicubic"
) -> Float32[np.ndarray, "n W *c"]:
    """Some rows of what `resize` gives, the same to the last bits of a float."""
    height = rows.stop - rows.start
    if image.shape[:2] == tuple(size):
        return image[rows].copy()
    planes = image.reshape(*image.shape[:2], -1)
    result = np.empty((height, size[1], planes.shape[2]), np.float32)
    bands = _bands((planes.shape[0], planes.shape[1]), size, reach=_REACH[method], wanted=rows)

    def one(work: tuple[int, _Band]) -> None:
        channel, band = work
        plane = Image.fromarray(np.ascontiguousarray(planes[band.first : band.last, :, channel]))
        made = plane.resize((size[1], band.bottom - band.top), _FILTERS[method], box=(0, *band.box))
        result[band.top - rows.start : band.bottom - rows.start, :, channel] = np.asarray(made)

    pieces = list(product(range(planes.shape[2]), bands))
    if len(pieces) == 1 or result.size + planes.size < 1 << 16:  # threads would cost more than they save
        for piece in pieces:
            one(piece)
    else:
        with ThreadPoolExecutor(max_workers=_THREADS) as pool:
            list(pool.map(one, pieces))
    return result.reshape(height, size[1], *image.shape[2:])


@dataclass(frozen=True, kw_only=True)
class _Band:
    """Rows top..bottom-1 of the result, from rows first..last-1 of the picture; box: Pillow's, in those rows."""

    top: int
    bottom: int
    first: int
    last: int
    box: tuple[float, int, float]


def _bands(old: tuple[int, int], new: tuple[int, int], *, reach: float, wanted: slice | None = None) -> list[_Band]:
    """Cut a large picture, or the wanted rows of the new one, into bands: what is copied on the way stays small.

    reach: the filter's, in pixels of whichever of the two is coarser. Up to `_BAND` values are one.
    """
    scale = old[0] / new[0]
    if max(old[0] * old[1], new[0] * new[1]) <= _BAND and wanted in (None, slice(0, new[0])):
        return [_Band(top=0, bottom=new[0], first=0, last=old[0], box=(0, old[1], old[0]))]
    reach_px = reach * max(scale, 1.0) + 2
    rows = int(_BAND / max(scale * old[1], new[1]))
    rows = max(rows, int(4 * reach_px / scale), 1)  # not more overlap than there is to do
    bands = []
    start, stop = (0, new[0]) if wanted is None else (wanted.start, wanted.stop)
    for top in range(start, stop, rows):
        bottom = min(top + rows, stop)
        first, last = max(0, int(top * scale - reach_px)), min(old[0], int(bottom * scale + reach_px) + 1)
        box = (top * scale - first, old[1], min(bottom * scale, old[0]) - first)
        bands.append(_Band(top=top, bottom=bottom, first=first, last=last, box=box))
    return bands


def fitted_size(
    size: tuple[int, int], *, longest_px: int | None = None, pixels: int | None = None
) -> tuple[int, int]:
    """`size` reduced in proportion to a longest side or a number of pixels; never enlarged, never below 1."""
    height, width = size
    scale = 1.0
    if longest_px is not None:
        scale = min(scale, longest_px / max(height, width))
    if pixels is not None:
        scale = min(scale, (pixels / (height * width)) ** 0.5)
    return max(1, round(height * scale)), max(1, round(width * scale))


def shrink(image: Float[Array, "h w c"], factor: int) -> Float[Array, "H W c"]:
    """Mean over blocks of `factor` x `factor`; both sides must be multiples of it."""
    height, width, channels = image.shape
    if height % factor or width % factor:
        raise ValueError(f"{height} x {width} is not a multiple of {factor}")
    return image.reshape(height // factor, factor, width // factor, factor, channels).mean(axis=(1, 3))


def enlarge(image: Float[Array, "h w c"], factor: int) -> Float[Array, "H W c"]:
    """Bilinear enlargement by a whole factor, the edge pixel repeated; equals Pillow's bilinear."""
    return _enlarge_axis(_enlarge_axis(image, factor, 0), factor, 1)


def _enlarge_axis(image: Float[Array, "h w c"], factor: int, axis: int) -> Float[Array, "H W c"]:
    length = image.shape[axis]
    first, last = jnp.take(image, jnp.array([0]), axis), jnp.take(image, jnp.array([length - 1]), axis)
    padded = jnp.concatenate([first, image, last], axis)
    phases = []
    for phase in range(factor):
        position = (phase + 0.5) / factor - 0.5  # of the new centre, in old pixels, from an old centre
        start = 0 if position < 0 else 1
        weight = position + 1 - start
        left, right = (_slice(padded, start + k, length, axis) for k in (0, 1))
        phases.append(left * (1 - weight) + right * weight)
    shape = list(image.shape)
    shape[axis] *= factor
    return jnp.stack(phases, axis + 1).reshape(shape)


def _slice(image: Float[Array, "h w c"], start: int, length: int, axis: int) -> Float[Array, "H W c"]:
    return image[start : start + length] if axis == 0 else image[:, start : start + length]
