"""Less noise and fewer JPEG blocks: shrinkage of overlapping cosine transforms.

G. Yu, G. Sapiro, "DCT Image Denoising: a Simple and Effective Image Denoising Algorithm", IPOL 2011. Every 8 x 8
block at every second place is transformed, small coefficients are dropped, and all versions of a pixel are
averaged, those from plain blocks counting more. The blocks of a JPEG file do not fall together with most of
these, so that their edges go too.
"""

from __future__ import annotations

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from .layers import Progress, no_progress
from .shapes import pad_to
from .windows import plan_windows

_BLOCK = 8
_SHIFTS = range(0, _BLOCK, 2)
_WINDOW_PX = 256
_OVERLAP_PX = 8
_STRONGEST = 0.16  # threshold on an orthonormal coefficient of luma at strength 1, of a picture in [0, 1]
_CHROMA = 1.5  # colour noise is coarser and matters less
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of encoded values, as in JPEG


def reduce_noise(
    picture: Float32[np.ndarray, "h w 3"], *, strength: float, progress: Progress = no_progress
) -> Float32[np.ndarray, "h w 3"]:
    """The picture with less noise and fewer compression artefacts.

    picture: sRGB-encoded, [0, 1]. strength: 0 changes nothing, 0.25 suits light noise and good JPEG files, 0.5
    ISO noise or JPEG of middling quality, 1 the worst.
    """
    if strength <= 0:
        return picture
    height, width = picture.shape[:2]
    rows, columns = (plan_windows(n, window_px=_WINDOW_PX, overlap_px=_OVERLAP_PX) for n in (height, width))
    result = np.empty_like(picture)
    for number, (row, column) in enumerate(product(rows, columns)):
        progress(number / (len(rows) * len(columns)), "Reducing noise")
        part = picture[row.start : row.start + row.length, column.start : column.start + column.length]
        made = np.asarray(
            _shrink(jnp.asarray(pad_to(part, (_WINDOW_PX, _WINDOW_PX))), jnp.float32(strength * _STRONGEST))
        )
        result[row.first : row.last, column.first : column.last] = made[
            row.first - row.start : row.last - row.start, column.first - column.start : column.last - column.start
        ]
    return result


def _cosines() -> np.ndarray:
    k, n = np.meshgrid(np.arange(_BLOCK), np.arange(_BLOCK), indexing="ij")
    basis = np.cos(np.pi * (2 * n + 1) * k / (2 * _BLOCK)) * np.sqrt(2 / _BLOCK)
    basis[0] /= np.sqrt(2)
    cosines: np.ndarray = basis.astype(np.float32)
    return cosines


@jax.jit
def _shrink(picture: Float[Array, "h w 3"], threshold: Float[Array, ""]) -> Float[Array, "h w 3"]:
    height, width, _ = picture.shape
    luma = (picture * _LUMA).sum(axis=-1, keepdims=True)
    planes = jnp.concatenate([luma, picture[..., ::2] - luma], axis=-1)  # Y, R - Y, B - Y
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
    green = (y - _LUMA[0] * red - _LUMA[2] * blue) / _LUMA[1]
    clipped: Array = jnp.clip(jnp.stack([red, green, blue], axis=-1), 0, 1)
    return clipped


def _shrink_blocks(
    planes: Float[Array, "h w 3"], limits: Float[Array, "3"]
) -> tuple[Float[Array, "h w 3"], Float[Array, "h w 3"]]:
    """Shrunk planes times their weight, and the weight, of blocks that begin at the corner."""
    height, width, _ = planes.shape
    basis = _cosines()
    blocks = planes.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK, 3)
    precise = jax.lax.Precision.HIGHEST
    coefficients = jnp.einsum("ki,lj,yixjc->ykxlc", basis, basis, blocks, precision=precise)
    mean = jnp.zeros((_BLOCK, 1, _BLOCK, 1)).at[0, 0, 0, 0].set(1.0) > 0
    kept = (jnp.abs(coefficients) > limits) | mean
    share = 1.0 / kept.sum(axis=(1, 3), keepdims=True, dtype=jnp.float32)
    made = jnp.einsum("ki,lj,ykxlc->yixjc", basis, basis, coefficients * kept, precision=precise)
    return (made * share).reshape(planes.shape), jnp.broadcast_to(share, blocks.shape).reshape(planes.shape)
