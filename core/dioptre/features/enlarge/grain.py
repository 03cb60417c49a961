"""Give an enlarged picture the grain that noise reduction removed from the original.

Enlarged grain turns into blotches, and the networks turn it into patterns. New grain of the same strength is
therefore generated at the size of the result. It is grey, because noise in the colours is not wanted back.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from scipy.ndimage import gaussian_filter, gaussian_filter1d, uniform_filter

from dioptre.contract import Plane
from dioptre.imaging.numbers import LUMA
from dioptre.imaging.resize import resized_rows

_LARGEST_LEVEL, _NOISE_LEVEL = 4 / 255, 8 / 255  # grain is kept up to the first; from the second, it is noise
_WINDOW_PX = 9  # side of the window in which the removed grain is measured
_SIZE_PER_SCALE = 0.2  # standard deviation of the grains' blur in pixels of the result, per unit of the scale
_BAND_PX, _SEED = 128, 1  # number of rows that are generated at a time; both determine the grain


def kept_level(grain: float) -> float:
    """Return how much grain of this standard deviation, 0 to 1, a picture should keep.

    Grain is kept up to 4 of 255 levels. Stronger grain is noise: less of it is kept, and none from 8 levels.
    """
    return float(np.interp(grain, (0, _LARGEST_LEVEL, _NOISE_LEVEL), (0, _LARGEST_LEVEL, 0)))


def removed_grain(
    picture: Float32[np.ndarray, "h w 3"], clean: Float32[np.ndarray, "h w 3"], *, level: float
) -> Plane:
    """Return the standard deviation of the grain that was removed at each pixel, at most `level`.

    Where a picture has no grain, such as in white skies and black borders, it gets none.

    Args:
        picture: the picture with its grain.
        clean: the picture without.
        level: standard deviation of the picture's grain, 0 to 1.
    """
    removed = (picture - clean) @ LUMA
    local = np.sqrt(uniform_filter(removed**2, _WINDOW_PX, mode="reflect"))
    return uniform_filter(np.minimum(local, np.float32(level)), _WINDOW_PX, mode="reflect")


def add_grain(enlarged: Float32[np.ndarray, "H W 3"], deviation: Plane) -> None:
    """Add grain to an enlarged picture, in place. The same picture always gets the same grain.

    Args:
        enlarged: the enlarged picture, sRGB-encoded, in [0, 1], which is kept.
        deviation: the standard deviation of the grain at each pixel of the original.
    """
    height, width = enlarged.shape[:2]
    sigma = _SIZE_PER_SCALE * height / deviation.shape[0]
    margin = int(np.ceil(4 * sigma))
    impulse = np.zeros(2 * margin + 1)
    impulse[margin] = 1
    gain = 1 / float((gaussian_filter1d(impulse, sigma) ** 2).sum())
    bands = [_white(number, width) for number in range(2)]
    above = bands[0][:margin][::-1]
    for first in range(0, height, _BAND_PX):
        white = np.concatenate([above, bands[0], bands[1][:margin]])
        smooth = gaussian_filter(white, sigma, mode="reflect")[margin:-margin]
        rows = slice(first, min(first + _BAND_PX, height))
        local = gain * resized_rows(deviation, (height, width), rows)
        place = enlarged[rows]
        place += (local * smooth[: place.shape[0]])[..., None]
        np.clip(place, 0, 1, out=place)
        above = bands[0][-margin:]
        bands = [bands[1], _white(first // _BAND_PX + 2, width)]


def _white(number: int, width: int) -> np.ndarray:
    """Return white noise of standard deviation 1 for the band of this number."""
    return np.random.default_rng((_SEED, number)).standard_normal((_BAND_PX, width), np.float32)
