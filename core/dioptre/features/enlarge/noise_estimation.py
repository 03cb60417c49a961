"""Estimate the noise and the JPEG quantization of a picture, and the noise reduction that it needs.

JPEG: Z. Fan, R. de Queiroz, "Identification of Bitmap Compression History", IEEE TIP 12(2), 2003: quantized
coefficients are multiples of a step. Every possible offset of the block grid is tried, because the picture may have
been cropped.
Noise: N. Ponomarenko et al., "An automatic approach to lossy compression of AVIRIS images", IGARSS 2007: the fine
detail in the blocks with the weakest coarse structure. Sensor noise differs between the channels, even after
demosaicing; grass, gravel, fur and film grain vary much more in brightness than in colour. The estimate therefore
does not exceed the noise in the colours, unless JPEG has removed the colour noise.
Grain: JPEG and cameras remove the noise in the colours first, and film grain has little. What remains is grey, and
unlike texture, it is equally strong in all fine frequencies.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Bool, Float32
from numpy.lib.stride_tricks import sliding_window_view

from dioptre.imaging.numbers import LUMA

_BLOCK = 8
# Orthonormal cosine transform: a row for each frequency.
COSINES = np.cos(np.pi * np.arange(_BLOCK)[:, None] * (2 * np.arange(_BLOCK) + 1) / (2 * _BLOCK))
COSINES *= np.where(np.arange(_BLOCK) > 0, 2 / _BLOCK, 1 / _BLOCK)[:, None] ** 0.5
_REACH = 2 * _BLOCK - 1  # side of a patch that contains one whole block at every possible grid offset
_THUMBNAIL_PX = 64 * 64  # number of pixels of a picture up to which its noise cannot be told from its detail
_MANY, _MOST_PATCHES = 2048, 8192
_ENOUGH = 0.2  # fraction of unclipped patches above which the clipped ones are ignored
_CLIPPED = 0.5 / 255  # values this close to 0 or 1 have lost their noise and their position on a quantization grid
# The JPEG standard's example table for luma (ITU-T T.81, table K.1), which most programs use for quality 50.
_TABLE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
_FREQUENCIES = ((0, 1), (1, 0), (0, 2), (1, 1), (2, 0), (0, 3), (1, 2), (2, 1), (3, 0), (2, 2), (1, 3), (3, 1))
_FOUND_STEPS = 3  # minimum number of frequencies with a detected step for a picture to count as JPEG
_COARSEST = 12.0  # largest step, relative to quality 50; a larger one is the regular pattern of a drawing
_STEPS = np.arange(2, 256)  # candidates, in 1/255; a step of 1 is lost when the decoded pixels are rounded
_LEAST_COEFFICIENTS = 24  # minimum number of nonzero coefficients from which a step is inferred
_ROUNDING = 0.33  # standard deviation of a coefficient's error after the pixels are rounded in luma, then in RGB
_ON_GRID = 0.7  # minimum mean of cos(2π coefficient / step), relative to that of rounded multiples of the step
_CHANCE = 5.0  # minimum of the same mean, in standard deviations for random coefficients
_BIN, _BINS = 0.25, 1200
_BANDS = ((3, 5), (5, 7), (7, 9), (9, 11))  # bands of coefficients: ranges of the sum of the two frequencies
_COARSE_BANDS = ((1, 2), (2, 3))  # bands in which colour noise survives JPEG compression
_COLOUR_NOISE = 2.1  # standard deviation of red - green divided by that of luma, for equal noise in all channels
_COARSE_COLOUR_NOISE, _HIDDEN_COLOUR = 1.4, 0.03  # same ratio after JPEG; noise (0 to 1) that quality 50 may hide
_SMOOTHEST, _LEAST_BLOCKS = 0.02, 16  # fraction and minimum number of the smoothest blocks to measure
_HIDDEN = 0.18  # fraction of a quantization step below which JPEG may have removed the noise
# Grain is about equally strong in all bands, and stronger than in clean pictures; if it is very strong, it is more
# likely gravel or snow. The first is the weakest band relative to the strongest; the others are in 1/255.
_EVEN, _LEAST_GRAIN, _MOST_GRAIN = 0.62, 1.5, 10.0
_GRAIN_PX = 128 * 128  # number of pixels of a picture up to which its grain cannot be told from its texture
_GREY = 0.01  # largest red - green, in 1/255, of a grey picture, whose colours show no noise
# Fitted to the strengths that gave the smallest error on photos enlarged to twice their size.
_STRENGTH_PER_NOISE, _HARMLESS_NOISE = 17.0, 0.005
_STRENGTH_AT_QUALITY_50, _STRENGTH_EXPONENT = 0.3, 0.6


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """Noise and JPEG quantization of a picture.

    Attributes:
        noise: standard deviation of the noise in luma, 0 to 1.
        quantization: quantization steps as a multiple of those of JPEG quality 50; see `measure_degradation`.
        grain: standard deviation of the noise in luma that JPEG has left and that texture does not explain, 0 to 1.
    """

    noise: float
    quantization: float
    grain: float = 0.0


def measure_degradation(
    picture: Float32[np.ndarray, "h w 3"], where: Bool[np.ndarray, "h w"] | None = None
) -> Degradation:
    """Measure the noise and the JPEG quantization of a picture.

    Args:
        picture: sRGB-encoded, in [0, 1].
        where: pixels to measure; all if None.

    Returns:
        The noise, the grain, and the quantization steps as a multiple of those of quality 50: 0.1 at 95, 0.4 at 80,
        2.5 at 20, and 0 without signs of JPEG. In a JPEG, noise below about a sixth of a step cannot be detected,
        so this value is returned instead. In a thumbnail, noise and grain are always 0.
    """
    patches = _patches(picture, where)
    if len(patches) == 0:
        return Degradation(noise=0.0, quantization=0.0)
    quantization, (dy, dx) = _quantized(_different(patches[:, 0]))
    blocks = _blocks(patches, dy, dx)
    if picture.shape[0] * picture.shape[1] <= _THUMBNAIL_PX:
        noise = 0.0
    elif quantization > 0:
        noise = _noise_after_jpeg(blocks, quantization)
    else:
        if len(patches) <= _MANY:
            shifts = product(range(0, _BLOCK, 2), repeat=2)
            blocks = np.concatenate([_blocks(patches, *shift) for shift in shifts])
        noise = _noise(blocks)
    grain = _grain(blocks) if picture.shape[0] * picture.shape[1] > _GRAIN_PX else 0.0
    return Degradation(noise=noise / 255, quantization=quantization, grain=grain / 255)


def suitable_strength(degradation: Degradation) -> float:
    """Return the suitable strength of `noise_reduction.reduce_noise`, from 0 for a clean picture to 1."""
    largest = max(degradation.noise, degradation.grain)
    noise = _STRENGTH_PER_NOISE * np.sqrt(max(0.0, largest**2 - _HARMLESS_NOISE**2))
    blocks = _STRENGTH_AT_QUALITY_50 * degradation.quantization**_STRENGTH_EXPONENT
    return float(min(1.0, max(noise, blocks)))


def _patches(picture: np.ndarray, where: np.ndarray | None) -> np.ndarray:
    """Sample patches across the whole picture at multiples of the block size.

    Clipped patches are left out, except in pictures that are clipped nearly everywhere, such as drawings, or the
    blue channel of a fire.

    Returns:
        Luma and red - green, in 1/255, of shape (n, 2, 15, 15).
    """
    rows, columns = (np.arange(0, size - _REACH + 1, _BLOCK) for size in picture.shape[:2])
    y, x = (part.ravel() for part in np.meshgrid(rows, columns, indexing="ij"))
    if y.size == 0:  # the picture is smaller than a patch
        return np.zeros((0, 2, _REACH, _REACH), np.float32)
    chosen = np.linspace(0, len(y) - 1, min(len(y), _MOST_PATCHES)).round().astype(int)
    patches = sliding_window_view(picture, (_REACH, _REACH), axis=(0, 1))[y[chosen], x[chosen]]
    luma = np.einsum("ncyx,c->nyx", patches, LUMA)
    if where is not None:
        inside = sliding_window_view(where, (_REACH, _REACH))[y[chosen], x[chosen]].all(axis=(1, 2))
        patches, luma = patches[inside], luma[inside]
    for whole in (_unclipped(patches).min(axis=1), _unclipped(luma)):
        if whole.sum() > _ENOUGH * len(luma):
            patches, luma = patches[whole], luma[whole]
            break
    return np.asarray(255 * np.stack([luma, patches[:, 0] - patches[:, 1]], axis=1))


def _unclipped(planes: np.ndarray) -> np.ndarray:
    return np.asarray(((planes > _CLIPPED) & (planes < 1 - _CLIPPED)).all(axis=(-2, -1)))


def _noise(blocks: np.ndarray) -> float:
    """Estimate the noise of (n, 2, 8, 8) blocks, in 1/255."""
    luma, colour = (_deviations(blocks, plane, _BANDS) for plane in (0, 1))
    if np.abs(blocks[:, 1]).max() < _GREY:  # noise, unlike texture, is equally strong in all bands
        return float(luma.min() ** 2 / max(luma.mean(), _GREY))
    return float(np.minimum(luma, colour / _COLOUR_NOISE).mean())


def _noise_after_jpeg(blocks: np.ndarray, quantization: float) -> float:
    steps = quantization * np.array([_TABLE[_band(*band)].mean() for band in _BANDS])
    noise = np.maximum(_deviations(blocks, 0, _BANDS), _HIDDEN * steps).min()
    if np.abs(blocks[:, 1]).max() < _GREY:
        return float(noise)
    colour = _deviations(blocks, 1, _COARSE_BANDS).mean() / _COARSE_COLOUR_NOISE
    return float(min(noise, colour + 255 * _HIDDEN_COLOUR * quantization))


def _grain(blocks: np.ndarray) -> float:
    """Estimate the grain of (n, 2, 8, 8) blocks, in 1/255."""
    bands = _deviations(blocks, 0, _BANDS)
    level = float(np.sqrt((bands**2).mean()))
    return level if bands.min() > _EVEN * bands.max() and _LEAST_GRAIN < level < _MOST_GRAIN else 0.0


def _deviations(blocks: np.ndarray, plane: int, bands: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Return the standard deviation of a plane's coefficients in each band, in blocks with smooth luma."""
    coefficients = COSINES.astype(blocks.dtype) @ blocks @ COSINES.T.astype(blocks.dtype)
    count = max(_LEAST_BLOCKS, round(_SMOOTHEST * len(blocks)))
    found = []
    for first, last in bands:
        coarser = (coefficients[:, 0][:, _band(1, max(first, 3))] ** 2).sum(axis=1)
        smoothest = np.argsort(coarser, kind="stable")[:count]
        energy = (coefficients[smoothest, plane][:, _band(first, last)] ** 2).mean(axis=1)
        found.append(np.sqrt(np.median(energy)))
    return np.array(found)


def _band(first: int, last: int) -> np.ndarray:
    """Return a mask of the coefficients in the band from `first` to `last`, which mean the same as in `_BANDS`."""
    order = np.add.outer(np.arange(_BLOCK), np.arange(_BLOCK))
    return (order >= first) & (order < last)


def _quantized(luma: np.ndarray) -> tuple[float, tuple[int, int]]:
    """Return the quantization on the grid with the most detected steps, and the offset of that grid."""
    best = (0, 0.0, 0, 0)
    for dy, dx in product(range(_BLOCK), repeat=2):
        steps = _steps(_blocks(luma, dy, dx))
        found = steps > 0
        if found.sum() < max(best[0], _FOUND_STEPS):
            continue
        quantization = float(np.median(steps[found] / _AT_QUALITY_50[found]))
        if quantization <= _COARSEST:
            best = max(best, (int(found.sum()), quantization, dy, dx))
        if (dy, dx) == (0, 0) and best[0] >= len(_FREQUENCIES) // 2:
            break
    return best[1], best[2:]


def _different(luma: np.ndarray) -> np.ndarray:
    """Return the distinct patches. Repeated patterns in a drawing have few values and would look quantized."""
    weights = np.random.default_rng(0).random(_REACH**2, np.float32)
    _, first = np.unique(luma.reshape(len(luma), -1) @ weights, return_index=True)
    return luma[np.sort(first)]


def _blocks(patches: np.ndarray, dy: int, dx: int) -> np.ndarray:
    return patches[..., dy : dy + _BLOCK, dx : dx + _BLOCK]


def _steps(blocks: np.ndarray) -> np.ndarray:
    """Return the quantization step at each of `_FREQUENCIES`; 0 if none is found."""
    coefficients = np.abs(blocks.reshape(len(blocks), _BLOCK**2) @ _BASIS.T)
    bins = np.minimum((coefficients / _BIN).astype(np.int64), _BINS - 1)
    counts = np.stack([np.bincount(line, minlength=_BINS) for line in bins.T]).astype(np.float64)
    several = counts @ _BEYOND_ZERO.T
    on_grid = counts @ _ON_MULTIPLES.T / np.maximum(several, 1)
    limits = np.maximum(_LIMITS, _CHANCE / np.sqrt(2 * np.maximum(several, 1)))
    found = (several >= _LEAST_COEFFICIENTS) & (on_grid > limits)
    return np.where(found, _STEPS, 0).max(axis=1)


def _basis() -> np.ndarray:
    return np.stack([np.outer(COSINES[u], COSINES[v]).ravel() for u, v in _FREQUENCIES]).astype(np.float32)


_BASIS = _basis()
_AT_QUALITY_50 = np.array([_TABLE[place] for place in _FREQUENCIES])
_PLACES = (np.arange(_BINS) + 0.5) * _BIN
_BEYOND_ZERO = (np.greater(_PLACES, _STEPS[:, None] / 2) & (np.arange(_BINS) < _BINS - 1)).astype(np.float64)
_ON_MULTIPLES = _BEYOND_ZERO * np.cos(2 * np.pi * _PLACES / _STEPS[:, None])
_LIMITS = _ON_GRID * np.exp(-2 * (np.pi * _ROUNDING / _STEPS) ** 2)
