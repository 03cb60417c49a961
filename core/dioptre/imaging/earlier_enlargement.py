"""Find out whether a JPEG picture was enlarged after it was saved, and reduce it to its size before that.

Enlarging a decoded JPEG file also enlarges its blocks of 8 x 8 pixels, and noise reduction and networks take their
edges for detail. The edges recur at 8 times the factor in both directions, which shows in the spectrum of the mean
second difference of every row and column: A. Gallagher, "Detection of Linear and Cubic Interpolation in JPEG
Compressed Images", CRV 2005. Here the harmonics of the block period are compared with the spectrum around them. The
period of 8 pixels, which the last compression leaves, is removed before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy.ndimage import maximum_filter1d, median_filter, uniform_filter1d

from .luma import LUMA
from .resize import resize

LARGEST_FACTOR = 4.2
"""Largest factor that is detected."""

_SMALLEST_FACTOR = 1.15
_BLOCK = 8
_LEAST_PX = 128  # minimum side; a smaller picture contains too few blocks
_MOST_LINES = 1024  # number of rows, or columns, that are averaged
_LARGEST_DIFFERENCE = 6.0  # second difference, in 1/255, above which an edge belongs to the picture, not to a block
_DETREND_PX = 33
_HARMONICS = np.arange(1, 8)
_PADDING = 8  # zero padding of the profiles, for a finer spectrum
_RESOLUTION = 4.0  # distance, in cycles over the picture, within which two frequencies are not told apart
_STEP = 7e-4  # relative step between candidate factors in pictures of up to 1,000 pixels
_STRONGEST = 60.0  # power of a harmonic, relative to the spectrum around it, above which it counts no more
_CHANCE = 0.56  # added to the relative power, so that the mean of its logarithm is 0 without a period
_LEAST_EVIDENCE = 10.0  # sum of these logarithms in the direction that has less
_STRONG, _FUNDAMENTAL = 6.0, 0.5  # minimum relative power of the first harmonic, and of its ratio to any other
_MISMATCH = 0.003  # maximum relative difference between the factors in the two directions
_MOST_CANDIDATES = 4
# A picture that was enlarged by f loses little when it is reduced by f and enlarged again, but much with 2 f.
_LEAST_LOSS, _LOSS_RATIO = 0.5, 1.8  # in 1/255; minimum ratio of the two losses
_LOSS_PX = 512
_SIZES = 0.004  # relative range of the sizes that are compared
_IN_PHASE = (
    4  # harmonics whose phase shows where the period starts: both sides of a block edge lie in one half of it
)
_PHASED = 1.4  # smallest factor for which they show it
_UNCROPPED = 0.6  # minimum mean of the cosine of the phases in a picture that was not cropped
_ROUNDS = 8


@dataclass(frozen=True, kw_only=True)
class EarlierEnlargement:
    """An earlier enlargement of a picture.

    Attributes:
        factor: how many times wider and taller the picture became.
        size: height and width of the picture before it.
    """

    factor: float
    size: tuple[int, int]


def find_earlier_enlargement(picture: Float32[np.ndarray, "h w 3"]) -> EarlierEnlargement | None:
    """Find the earlier enlargement of a JPEG picture, from 1.15 to 4.2 times.

    Pictures without enlarged JPEG blocks, such as soft or out-of-focus photographs, have none.

    Args:
        picture: sRGB-encoded, in [0, 1].

    Returns:
        The enlargement, or None if there are no signs of one.
    """
    height, width = picture.shape[:2]
    if min(height, width) < _LEAST_PX:
        return None
    rows, columns = _Spectrum.of(_luma(picture, 0)), _Spectrum.of(_luma(picture, 1))
    for factor in _candidates(rows, columns):
        if not _loses_nothing(picture, factor):
            continue
        size = (rows.side_before(height, factor), columns.side_before(width, factor))
        return EarlierEnlargement(factor=float(np.sqrt(height / size[0] * width / size[1])), size=size)
    return None


def reduced_to(picture: Float32[np.ndarray, "h w c"], size: tuple[int, int]) -> Float32[np.ndarray, "H W c"]:
    """Return the picture of the given size whose bicubic enlargement comes closest to `picture`, clipped to [0, 1].

    Args:
        picture: the enlarged picture, in [0, 1].
        size: height and width before the enlargement.
    """
    return np.clip(_inverted(picture, size, _ROUNDS), 0, 1)


def _inverted(picture: np.ndarray, size: tuple[int, int], rounds: int) -> np.ndarray:
    whole = (picture.shape[0], picture.shape[1])
    reduced = resize(picture, size, method="bicubic")
    for _ in range(rounds):
        reduced += resize(picture - resize(reduced, whole, method="bicubic"), size, method="bicubic")
    return reduced


@dataclass(frozen=True, kw_only=True)
class _Spectrum:
    """Spectrum of a profile across block edges.

    Attributes:
        power: power relative to the spectrum around each frequency, from 0 to half a cycle per pixel.
        phase: phase at each frequency for a period that starts at the first edge of the picture, in radians.
        length: number of pixels of the profile.
    """

    power: Float64[np.ndarray, " n"]
    phase: Float64[np.ndarray, " n"]
    length: int

    @classmethod
    def of(cls, luma: Float32[np.ndarray, "lines n"]) -> _Spectrum:
        """Return the spectrum of the mean second difference along lines of luma, in 1/255."""
        profile = _profile(luma)
        length = len(profile)
        total = _PADDING << int(np.ceil(np.log2(length)))
        waves = np.fft.rfft((profile - profile.mean()) * np.hanning(length), total)
        power = np.abs(waves) ** 2
        bins = np.arange(0, len(power), max(1, total // length // 2))
        around = max(8, length // 24) * total // length // bins[1]
        level = median_filter(power[bins], size=2 * around + 1, mode="reflect") / np.log(2)
        level = np.maximum(np.interp(np.arange(len(power)), bins, level), 1e-12)
        # The centre of the first pixel that has a second difference is 1.5 pixels from the edge.
        phase = np.angle(waves) - 2 * np.pi * 1.5 * np.arange(len(power)) / total
        return cls(power=power / level, phase=phase, length=length)

    def harmonics(self, factors: Float64[np.ndarray, " f"]) -> Float64[np.ndarray, "f k"]:
        """Return the power at the harmonics of blocks enlarged by each factor; NaN near those of the period 8."""
        frequencies = _HARMONICS / (_BLOCK * factors[:, None])
        nearest = np.rint(frequencies * _BLOCK) / _BLOCK
        valid = (frequencies < 0.5) & (np.abs(frequencies - nearest) > _RESOLUTION / self.length)
        return np.where(valid, self.power[self._bins(frequencies)], np.nan)

    def side_before(self, side: int, factor: float) -> int:
        """Return the number of pixels before an enlargement to `side` pixels by about `factor`.

        The phase, which tells sides apart best, counts if the picture was not cropped after the enlargement.
        """
        sides = np.arange(int(side / factor * (1 - _SIZES)), int(np.ceil(side / factor * (1 + _SIZES))) + 1)
        factors = side / sides
        weights = np.nan_to_num(np.log(np.minimum(self.harmonics(factors), _STRONGEST) + _CHANCE)).clip(0)
        weights = weights[:, :_IN_PHASE]
        phases = self.phase[self._bins(_HARMONICS[:_IN_PHASE] / (_BLOCK * factors[:, None]))]
        in_phase = (weights * np.cos(phases)).sum(axis=1)
        best = int(in_phase.argmax())
        if factor < _PHASED or in_phase[best] < _UNCROPPED * weights[best].sum():
            best = int(_evidence(self.harmonics(factors)).argmax())
        return int(sides[best])

    def _bins(self, frequencies: np.ndarray) -> np.ndarray:
        last = len(self.power) - 1
        return np.minimum(np.rint(2 * last * frequencies).astype(int), last)


def _evidence(harmonics: Float64[np.ndarray, "f k"]) -> Float64[np.ndarray, " f"]:
    return np.asarray(np.nansum(np.log(np.minimum(harmonics, _STRONGEST) + _CHANCE), axis=1))


def _has_fundamental(harmonics: Float64[np.ndarray, "f k"]) -> Bool[np.ndarray, " f"]:
    """Return where the first harmonic is strong; if it is not, the true period is a fraction of this one."""
    first, others = harmonics[:, 0], np.nan_to_num(harmonics[:, 1:]).max(axis=1)
    return (first >= _STRONG) & (first >= _FUNDAMENTAL * others)


def _candidates(*spectra: _Spectrum) -> list[float]:
    """Return the factors with enough evidence in all spectra, the one with the most evidence first.

    A multiple of that one comes before it, because it explains both.
    """
    step = min(_STEP, 1000 * _STEP / max(spectrum.length for spectrum in spectra))
    factors = np.exp(np.arange(np.log(_SMALLEST_FACTOR), np.log(LARGEST_FACTOR), step))
    reach = 2 * int(_MISMATCH / step) + 1
    found = []
    for spectrum in spectra:
        harmonics = spectrum.harmonics(factors)
        found.append(maximum_filter1d(np.where(_has_fundamental(harmonics), _evidence(harmonics), 0), reach))
    least = np.minimum.reduce(found)
    chosen: list[float] = []
    while len(chosen) < _MOST_CANDIDATES and least.max() >= _LEAST_EVIDENCE:
        best = np.flatnonzero(least == least.max())
        factor = float(factors[best[len(best) // 2]])
        chosen.append(factor)
        least[np.abs(factors / factor - 1) < 3 * _MISMATCH] = 0
    multiples = [factor for factor in chosen if _is_multiple(factor / chosen[0])]
    return multiples + [factor for factor in chosen if factor not in multiples]


def _is_multiple(ratio: float) -> bool:
    return ratio > 1.5 and abs(ratio - round(ratio)) < 3 * _MISMATCH


def _luma(picture: np.ndarray, axis: int) -> np.ndarray:
    """Return luma, in 1/255, of evenly spaced lines along `axis`, of shape (lines, n)."""
    lines = picture.transpose(1, 0, 2) if axis == 0 else picture
    chosen = np.unique(np.linspace(0, len(lines) - 1, min(len(lines), _MOST_LINES)).round().astype(int))
    return 255 * (lines[chosen] @ LUMA)


def _profile(luma: np.ndarray) -> np.ndarray:
    curvature = np.abs(luma[:, 2:] - 2 * luma[:, 1:-1] + luma[:, :-2])
    profile = np.minimum(curvature, _LARGEST_DIFFERENCE).mean(axis=0).astype(np.float64)
    local = np.maximum(uniform_filter1d(profile, _DETREND_PX, mode="reflect"), 1e-3)
    profile = np.clip(profile / local - 1, -1.5, 1.5)
    for phase in range(_BLOCK):
        profile[phase::_BLOCK] -= profile[phase::_BLOCK].mean()
    return profile


def _loses_nothing(picture: np.ndarray, factor: float) -> bool:
    loss = _loss(picture, factor)
    return loss <= _LEAST_LOSS or _loss(picture, 2 * factor) >= _LOSS_RATIO * loss


def _loss(picture: np.ndarray, factor: float) -> float:
    """Return the RMS change, in 1/255, of luma in the centre of a picture when it is reduced and enlarged again."""
    top, left = (max(0, (side - _LOSS_PX) // 2) for side in picture.shape[:2])
    luma = 255 * (picture[top : top + _LOSS_PX, left : left + _LOSS_PX] @ LUMA)
    reduced = _inverted(luma, (round(luma.shape[0] / factor), round(luma.shape[1] / factor)), 2)
    change = luma - resize(reduced, (luma.shape[0], luma.shape[1]), method="bicubic")
    return float(np.sqrt(np.mean(change[_BLOCK:-_BLOCK, _BLOCK:-_BLOCK] ** 2)))
