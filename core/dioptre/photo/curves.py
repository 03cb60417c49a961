"""Tone curves for whole pictures: fast, exact to a fraction of a 16-bit code, and extended beyond [0, 1].

This uses NumPy instead of the JAX functions in `dioptre.imaging.encoding`, because reading and writing a file must
not wait for JAX to start. Pictures are processed in bands of rows that fit into the cache, on two to four threads;
NumPy releases the interpreter lock inside each step.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

CODES = 65536  # number of samples of a curve: one for each 16-bit code
_BAND_PIXELS = 1 << 16  # number of pixels in a band, which takes 768 KiB as float32 RGB
_MAX_THREADS = 4  # with more threads, memory bandwidth becomes the bottleneck


def in_bands(shape: tuple[int, ...], work: Callable[[slice], None]) -> None:
    """Call `work` on several threads with slices of rows that together cover a picture of `shape`."""
    height, width = shape[:2]
    rows = max(1, _BAND_PIXELS // max(1, width))
    bands = [slice(top, min(top + rows, height)) for top in range(0, height, rows)]
    if len(bands) <= 1:
        for band in bands:
            work(band)
        return
    with ThreadPoolExecutor(min(_MAX_THREADS, os.cpu_count() or 1)) as pool:
        for _ in pool.map(work, bands):
            pass


class Curve:
    """A rising tone curve from encoded values to linear light, both nominally in [0, 1], and its inverse.

    Above 1, the curve continues as the power function with the same slope; below 0, by odd symmetry.
    """

    def __init__(self, samples: np.ndarray) -> None:
        """Create a curve from its samples.

        Args:
            samples: float64 (65536,), the linear values of the encoded values i / 65535.
        """
        encoded = np.linspace(0.0, 1.0, CODES)
        rising = np.maximum.accumulate(samples)
        self._decode = _Table(rising)
        # The table of the inverse is indexed by the square root of light, which gives shadows more entries.
        self._encode = _Table(np.interp(encoded**2, rising, encoded))
        self._white = float(rising[-1])
        near = int(CODES * 0.98)
        slope = np.log(rising[-1] / max(rising[near], 1e-9)) / np.log(encoded[-1] / encoded[near])
        self._power = float(np.clip(slope, 0.2, 8.0))

    def codes(self, *, bits: int) -> np.ndarray:
        """Return the linear light of every 8- or 16-bit code as float32."""
        return self._decode.values if bits == 16 else self._decode.values[::257]

    def decode(self, encoded: np.ndarray) -> np.ndarray:
        """Convert encoded values of any shape to linear light, float32."""
        return _extended(encoded, self._decode, 1.0, self._decode_above)

    def encode(self, linear: np.ndarray) -> np.ndarray:
        """Convert linear light of any shape to encoded values, float32."""
        return _extended(linear, lambda light: self._encode(np.sqrt(light)), self._white, self._encode_above)

    def _decode_above(self, encoded: np.ndarray) -> np.ndarray:
        return np.asarray(self._white * encoded**self._power)

    def _encode_above(self, linear: np.ndarray) -> np.ndarray:
        return np.asarray((linear / self._white) ** (1.0 / self._power))


class _SRGBCurve(Curve):
    """The sRGB curve (IEC 61966-2-1), extended beyond [0, 1] by its own formula as in scRGB."""

    def __init__(self) -> None:
        super().__init__(_srgb_to_linear(np.linspace(0.0, 1.0, CODES)))

    def _decode_above(self, encoded: np.ndarray) -> np.ndarray:
        return _srgb_to_linear(encoded)

    def _encode_above(self, linear: np.ndarray) -> np.ndarray:
        return _linear_to_srgb(linear)


@cache
def srgb_curve() -> Curve:
    """Return the sRGB curve."""
    return _SRGBCurve()


class _Table:
    """A table over [0, 1] with linear interpolation; arguments outside are clamped."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values.astype(np.float32)
        self._steps = np.append(np.diff(values), 0.0).astype(np.float32)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        position = np.clip(x, 0.0, 1.0) * np.float32(len(self.values) - 1)
        index = position.astype(np.int32)
        position -= index
        position *= self._steps.take(index)
        position += self.values.take(index)
        return np.asarray(position)


def _extended(
    x: np.ndarray, inside: Callable[[np.ndarray], np.ndarray], top: float, above: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Apply `inside` to |x| up to `top` and `above` to larger values, and give the result the sign of x."""
    if not x.size:
        return x.astype(np.float32)
    low, high = float(x.min()), float(x.max())
    magnitude = np.abs(x) if low < 0.0 else x
    result = inside(magnitude)
    if high > top or -low > top:
        over = magnitude > top
        result[over] = above(magnitude[over])
    return np.copysign(result, x) if low < 0.0 else result


def _srgb_to_linear(encoded: np.ndarray) -> np.ndarray:
    return np.where(encoded <= 0.04045, encoded / 12.92, (np.maximum(encoded + 0.055, 0.0) / 1.055) ** 2.4)


def _linear_to_srgb(linear: np.ndarray) -> np.ndarray:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0) ** (1 / 2.4) - 0.055)
