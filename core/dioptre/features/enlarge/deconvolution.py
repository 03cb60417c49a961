"""Deconvolution: sharpen a soft picture by undoing the blur of lens, focus, sensor and demosaicing.

The blur is modelled as a Gaussian. The filter is a Wiener filter in linear light for pictures whose spectrum falls
with the square of the frequency (N. Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time
Series", 1949; D. Field, "Relations between the statistics of natural images and the response properties of cortical
cells", JOSA A 4(12), 1987). It amplifies little where noise, rounding or JPEG artefacts dominate. Each pixel is
limited to slightly more than its neighbours' range, which prevents halos at edges.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Float32

from dioptre.contract import Progress, no_progress
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.shapes import pad_to
from dioptre.imaging.threads import on_all_cores
from dioptre.imaging.tiles import Window, plan_windows
from dioptre.programs import kept

from .noise_estimation import Degradation

_DAMPING, _DAMPING_PER_STEP, _DAMPING_PER_NOISE = 0.08, 0.4, 650.0
_WINDOW_PX = 256
_REACH_PX = 12  # half-width of the filter, in pixels
_OVERSHOOT = 0.05  # allowed overshoot, as a fraction of the neighbours' range: prevents halos on sharp edges


def deconvolved(
    picture: Float32[np.ndarray, "h w 3"],
    *,
    softness: float,
    degradation: Degradation,
    progress: Progress = no_progress,
) -> Float32[np.ndarray, "h w 3"]:
    """Return the picture with its blur removed.

    Args:
        picture: sRGB-encoded, in [0, 1].
        softness: standard deviation of the blur in pixels; 0 changes nothing.
        degradation: the picture's noise and quantization, which should not be amplified.
        progress: called with the fraction done and the phase.
    """
    if softness <= 0:
        return picture
    response = _response(softness, damping_for(degradation))
    rows, columns = (plan_windows(n, window_px=_WINDOW_PX, overlap_px=_REACH_PX) for n in picture.shape[:2])
    result = np.empty_like(picture)

    def sharpen(window: tuple[Window, Window]) -> None:
        row, column = window
        part = picture[row.start : row.start + row.length, column.start : column.start + column.length]
        made = np.asarray(_filtered(pad_to(part, (_WINDOW_PX, _WINDOW_PX)), response))
        result[row.first : row.last, column.first : column.last] = made[
            row.first - row.start : row.last - row.start, column.first - column.start : column.last - column.start
        ]

    on_all_cores(list(product(rows, columns)), sharpen, lambda done: progress(done, "Reducing softness"))
    return result


def damping_for(degradation: Degradation) -> float:
    """Return the noise-to-signal ratio, as a multiple of the squared frequency in cycles per pixel."""
    return _DAMPING + _DAMPING_PER_STEP * degradation.quantization + _DAMPING_PER_NOISE * degradation.noise**2


def _response(softness: float, damping: float) -> Complex[np.ndarray, "h w"]:
    """Return the frequency response of the Wiener filter, truncated at `_REACH_PX`."""
    frequencies = np.fft.fftfreq(4 * _REACH_PX)
    squared = frequencies[:, None] ** 2 + frequencies**2
    blur = np.exp(-2 * (np.pi * softness) ** 2 * squared)
    filtering = blur * (1 + damping * squared) / np.maximum(blur**2 + damping * squared, 1e-12)
    kernel = np.roll(np.fft.ifft2(filtering).real, (_REACH_PX, _REACH_PX), axis=(0, 1))
    side = 2 * _REACH_PX + 1
    fade = np.cos(np.pi / 2 * np.arange(-_REACH_PX, _REACH_PX + 1) / (_REACH_PX + 1)) ** 0.5
    kernel = kernel[:side, :side] * np.outer(fade, fade)
    whole = np.zeros((_WINDOW_PX + 2 * _REACH_PX,) * 2)
    whole[:side, :side] = kernel / kernel.sum()
    return np.fft.rfft2(np.roll(whole, (-_REACH_PX, -_REACH_PX), axis=(0, 1))).astype(np.complex64)


@kept
def _filtered(picture: Float[Array, "h w 3"], response: Complex[Array, "H W"]) -> Float[Array, "h w 3"]:
    height, width, _ = picture.shape
    margin = ((_REACH_PX, _REACH_PX), (_REACH_PX, _REACH_PX), (0, 0))
    planes = jnp.moveaxis(jnp.pad(srgb_to_linear(picture), margin, mode="reflect"), -1, 0)
    made = jnp.fft.irfft2(jnp.fft.rfft2(planes) * response, planes.shape[1:])
    inner = made[:, _REACH_PX : _REACH_PX + height, _REACH_PX : _REACH_PX + width]
    sharp = linear_to_srgb(jnp.clip(jnp.moveaxis(inner, 0, -1), 0, 1))
    low, high = _around(picture, jnp.minimum), _around(picture, jnp.maximum)
    margins = _OVERSHOOT * (high - low)
    return jnp.clip(sharp, jnp.maximum(low - margins, 0), jnp.minimum(high + margins, 1))


def _around(picture: Float[Array, "h w 3"], choose: Callable[[Array, Array], Array]) -> Float[Array, "h w 3"]:
    """Return the minimum or maximum of each pixel and its eight neighbours."""
    for axis in (0, 1):
        padded = jnp.pad(picture, [(1, 1) if axis == of else (0, 0) for of in range(3)], mode="edge")
        first, middle, last = (
            jax.lax.slice_in_dim(padded, start, start + picture.shape[axis], axis=axis) for start in range(3)
        )
        picture = choose(choose(first, middle), last)
    return picture
