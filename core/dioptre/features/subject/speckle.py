"""Remove the specks and bristles that a textured background leaves at the rim of a matte.

Matting takes a dark joint between stones beside a dark leg, or a dark grain of gravel beside a tyre, for hair.
The sure background nearby tells how often that happens: a detail of the matte is kept as far as it exceeds the
details that the same colours would give there, as a Wiener filter keeps a signal above its noise. Before a
plain wall every hair stays; long lines, such as cables, always stay, and so does what the coarse mask shows.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.imaging.resize import resize

_LONGEST_PX = 1152  # longest side at which details are examined
_UNIT = 576  # the sizes below are in units of 1/576 of the longest side
_DETAIL = 3  # widest detail
_REACH = 14  # standard deviation of the surroundings that tell the colours beside a pixel
_NEIGHBOURHOOD = 6  # standard deviation of the surroundings in which details are compared with noise
_SHORT, _LONG = 18, 28  # a detail shorter than the first may be noise; one longer than the second is none
_SEEN = 0.12  # contrast from which the length of a detail is measured
_NOISE = 1.0  # a detail's power must exceed this many times that of the noise
_SHOWN, _DOUBTFUL = 0.4, 0.7  # doubts of the mask about a detail between which it is kept less and less
# Squared differences of both sides' colours: below the first, details tell nothing; above the second, they do.
_ALIKE, _UNLIKE = 0.1, 0.3


def without_speckle(
    alpha: Float32[np.ndarray, "h w"],
    picture: Float32[np.ndarray, "h w 3"],
    probability: Float32[np.ndarray, "i j"],
    inside: Bool[np.ndarray, "i j"],
    outside: Bool[np.ndarray, "i j"],
) -> Float32[np.ndarray, "h w"]:
    """Return the matte without the details that the texture of the background explains.

    Args:
        alpha: (h, w) in [0, 1]; it is changed.
        picture: (h, w, 3), sRGB-encoded, in [0, 1].
        probability: (i, j), the coarse mask; a detail that it shows, such as a finger, stays.
        inside: (i, j), where the picture surely shows the subject.
        outside: (i, j), where it surely shows the background.
    """
    if not (inside.any() and outside.any()):
        return alpha
    longest = max(alpha.shape)
    small = tuple(max(1, round(side * min(1.0, _LONGEST_PX / longest))) for side in alpha.shape)
    unit = max(small) / _UNIT
    seen, matte = (resize(plane, (small[0], small[1]), method="area") for plane in (picture, alpha))
    surely_in, surely_out = (
        resize(plane.astype(np.float32), (small[0], small[1]), method="bilinear") > 0.5
        for plane in (inside, outside)
    )
    smooth = _smoothed(matte, unit)
    detail = matte - smooth
    noise = _noise(seen, surely_in, surely_out, unit)
    band = ~(surely_in | surely_out)
    power = _mean(detail**2, band, _NEIGHBOURHOOD * unit)
    gain = np.clip(1 - _NOISE * noise / np.maximum(power, 1e-6), 0, 1)
    gain = np.maximum(gain, _length(detail, unit))
    known = resize(probability, (small[0], small[1]), method="bilinear")
    doubt = np.where(detail > 0, 1 - known, known)  # how little the mask shows the detail
    gain = np.maximum(gain, np.clip((_DOUBTFUL - doubt) / (_DOUBTFUL - _SHOWN), 0, 1))
    gain[~band] = 1
    if not (gain[band] < 1).any():
        return alpha
    full = alpha.shape[0], alpha.shape[1]
    result = resize(smooth, full, method="bilinear")
    alpha -= result  # in place, because planes of a large picture take much memory
    alpha *= resize(gain, full, method="bilinear")
    result += alpha
    return np.clip(result, 0, 1, out=result)


def _smoothed(values: Float32[np.ndarray, "h w"], unit: float) -> Float32[np.ndarray, "h w"]:
    """Remove thin bright, then thin dark details; straight edges stay where they are."""
    side = max(3, round(_DETAIL * unit) | 1)
    return np.asarray(ndimage.grey_closing(ndimage.grey_opening(values, side), side))


def _noise(
    picture: Float32[np.ndarray, "h w 3"],
    inside: Bool[np.ndarray, "h w"],
    outside: Bool[np.ndarray, "h w"],
    unit: float,
) -> Float32[np.ndarray, "h w"]:
    """Return the power of the details that the background near each pixel would have in a matte."""
    subject, background = (_mean(picture, known, _REACH * unit) for known in (inside, outside))
    difference = subject - background
    contrast = np.maximum((difference**2).sum(axis=-1), 1e-6)
    coverage = np.clip(((picture - background) * difference).sum(axis=-1) / contrast, 0, 1)
    telling = np.clip((contrast - _ALIKE) / (_UNLIKE - _ALIKE), 0, 1)
    return telling * _mean((coverage - _smoothed(coverage, unit)) ** 2, outside, _REACH * unit)


def _mean(
    values: Float32[np.ndarray, "h w *c"], known: Bool[np.ndarray, "h w"], deviation: float
) -> Float32[np.ndarray, "h w *c"]:
    """Return the Gaussian mean of the known values around each pixel."""
    full = known.shape[0], known.shape[1]
    step = max(1, int(deviation / 2))
    size = -(-full[0] // step), -(-full[1] // step)
    weight = known.astype(np.float32)
    planes = values * weight.reshape(*full, *[1] * (values.ndim - 2))
    sigma = (deviation / step, deviation / step)
    total, share = (
        ndimage.gaussian_filter(resize(each, size, method="area"), sigma + (0,) * (each.ndim - 2))
        for each in (planes, weight)
    )
    mean = total / np.maximum(share, 1e-6).reshape(*size, *[1] * (values.ndim - 2))
    return resize(mean.astype(np.float32), full, method="bilinear")


def _length(detail: Float32[np.ndarray, "h w"], unit: float) -> Float32[np.ndarray, "h w"]:
    """Return for each pixel how surely it belongs to a long line, from 0 to 1."""
    labels, _ = ndimage.label(np.abs(detail) > _SEEN, structure=np.ones((3, 3)))
    lengths = [0.0] + [
        float(np.hypot(*(part.stop - part.start for part in box))) for box in ndimage.find_objects(labels)
    ]
    surely = np.clip((np.array(lengths, np.float32) / unit - _SHORT) / (_LONG - _SHORT), 0, 1)[labels]
    return np.asarray(ndimage.maximum_filter(surely, 3))
