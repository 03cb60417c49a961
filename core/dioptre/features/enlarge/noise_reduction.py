"""Reduce noise and JPEG blocks by shrinking the coefficients of overlapping cosine transforms.

G. Yu, G. Sapiro, "DCT Image Denoising: a Simple and Effective Image Denoising Algorithm", IPOL 2011. The 8 x 8
block at every second position is transformed, small coefficients are dropped, and all versions of a pixel are
averaged, with more weight on smooth blocks. Most of these blocks straddle the block edges of a JPEG file, so those
edges are smoothed as well.
"""

from __future__ import annotations

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from dioptre.contract import Progress, no_progress
from dioptre.imaging.numbers import LUMA
from dioptre.imaging.shapes import pad_to
from dioptre.imaging.threads import on_all_cores
from dioptre.imaging.tiles import Window, plan_windows
from dioptre.programs import kept

from .noise_estimation import COSINES

_BLOCK = 8
_SHIFTS = range(0, _BLOCK, 2)
_WINDOW_PX = 256
_OVERLAP_PX = 8
_STRONGEST = 0.16  # threshold of luma coefficients at strength 1 (orthonormal transform, picture in [0, 1])
_CHROMA = 1.5  # factor of the threshold for chroma, whose noise is coarser and whose detail matters less


def reduce_noise(
    picture: Float32[np.ndarray, "h w 3"], *, strength: float, progress: Progress = no_progress
) -> Float32[np.ndarray, "h w 3"]:
    """Return the picture with less noise and fewer compression artefacts.

    Args:
        picture: sRGB-encoded, in [0, 1].
        strength: 0 changes nothing, 0.25 suits light noise and good JPEG files, 0.5 suits high-ISO noise or JPEG
            files of medium quality, 1 suits the worst.
        progress: called with the fraction done and the phase.
    """
    if strength <= 0:
        return picture
    height, width = picture.shape[:2]
    rows, columns = (plan_windows(n, window_px=_WINDOW_PX, overlap_px=_OVERLAP_PX) for n in (height, width))
    threshold = jnp.float32(strength * _STRONGEST)
    result = np.empty_like(picture)

    def shrink(window: tuple[Window, Window]) -> None:
        row, column = window
        part = picture[row.start : row.start + row.length, column.start : column.start + column.length]
        made = np.asarray(_shrink(pad_to(part, (_WINDOW_PX, _WINDOW_PX)), threshold))
        result[row.first : row.last, column.first : column.last] = made[
            row.first - row.start : row.last - row.start, column.first - column.start : column.last - column.start
        ]

    on_all_cores(list(product(rows, columns)), shrink, lambda done: progress(done, "Reducing noise"))
    return result


def _cosines() -> np.ndarray:
    """Return the orthonormal transform of a block as a (64, 64) matrix; pixels and coefficients go row by row."""
    return np.kron(COSINES, COSINES).astype(np.float32)


@kept
def _shrink(picture: Float[Array, "h w 3"], threshold: Float[Array, ""]) -> Float[Array, "h w 3"]:
    height, width, _ = picture.shape
    luma = (picture * LUMA).sum(axis=-1, keepdims=True)
    planes = jnp.concatenate([luma, picture[..., ::2] - luma], axis=-1)  # planes Y, R - Y and B - Y
    padded = jnp.pad(planes, ((_BLOCK, _BLOCK), (_BLOCK, _BLOCK), (0, 0)), mode="reflect")
    limits = threshold * jnp.array([1.0, _CHROMA, _CHROMA])
    total, weights = jnp.zeros_like(padded), jnp.zeros_like(padded)
    for dy, dx in product(_SHIFTS, _SHIFTS):
        made, share = _shrink_blocks(padded[dy : dy + height + _BLOCK, dx : dx + width + _BLOCK], limits)
        place = (slice(dy, dy + height + _BLOCK), slice(dx, dx + width + _BLOCK))
        total, weights = total.at[place].add(made), weights.at[place].add(share)
    inner = (slice(_BLOCK, _BLOCK + height), slice(_BLOCK, _BLOCK + width))
    y, r, b = jnp.moveaxis(total[inner] / weights[inner], -1, 0)
    red, blue = r + y, b + y
    green = (y - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
    return jnp.clip(jnp.stack([red, green, blue], axis=-1), 0, 1)


def _shrink_blocks(
    planes: Float[Array, "h w 3"], limits: Float[Array, "3"]
) -> tuple[Float[Array, "h w 3"], Float[Array, "h w 3"]]:
    """Drop small coefficients in all blocks of a grid; return the planes times their weight, and the weight."""
    height, width, _ = planes.shape
    rows, columns = height // _BLOCK, width // _BLOCK
    cosines, precise = _cosines(), jax.lax.Precision.HIGHEST
    pixels = planes.reshape(rows, _BLOCK, columns, _BLOCK, 3).transpose(1, 3, 4, 0, 2).reshape(_BLOCK**2, -1)
    coefficients = jnp.dot(cosines, pixels, precision=precise).reshape(_BLOCK**2, 3, -1)
    mean = jnp.arange(_BLOCK**2)[:, None, None] == 0
    kept = (jnp.abs(coefficients) > limits[:, None]) | mean
    share = 1.0 / kept.sum(axis=0, dtype=jnp.float32)
    weighted = (coefficients * kept * share).reshape(_BLOCK**2, -1)
    made = jnp.dot(cosines.T, weighted, precision=precise).reshape(_BLOCK, _BLOCK, 3, rows, columns)
    weight = jnp.broadcast_to(share.reshape(1, 1, 3, rows, columns), made.shape)
    made, weight = (part.transpose(3, 0, 4, 1, 2).reshape(planes.shape) for part in (made, weight))
    return made, weight
