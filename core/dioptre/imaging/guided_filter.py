"""Guided filter: smooths a map while following the edges of a colour picture.

K. He, J. Sun, X. Tang, "Guided Image Filtering", TPAMI 2013; subsampled coefficients: K. He, J. Sun, "Fast Guided
Filter", 2015. Running sums make the cost independent of the radius. They are float64, because variances are small
differences of large means where the guide is flat.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from jaxtyping import Float32, Float64
from scipy import ndimage

from .resize import fitted_size, resize

_WORKING_PIXELS = 1 << 20  # for larger pictures, the coefficients are computed at this size and then enlarged


def guided_filter(
    guide: Float32[np.ndarray, "h w 3"],
    target: Float32[np.ndarray, "h w *c"],
    *,
    radius_px: float,
    epsilon: float = 1e-3,
) -> Float32[np.ndarray, "h w *c"]:
    """Smooth maps along the edges of `guide`, for a picture of any size.

    Args:
        guide: sRGB-encoded, in [0, 1].
        target: the map to smooth, or several.
        radius_px: half-width of the windows in pixels of `guide`.
        epsilon: squared contrast of the guide below which it counts as flat.
    """
    full = guide.shape[0], guide.shape[1]
    size = fitted_size(full, pixels=_WORKING_PIXELS)
    planes = target.reshape(*full, -1)
    small_guide, small = (resize(each, size, method="area") for each in (guide, planes))
    fits = guided_coefficients(small_guide, small, radius_px=radius_px * size[0] / full[0], epsilon=epsilon)
    result = np.empty_like(planes)
    for number in range(planes.shape[2]):
        enlarged = resize(fits[..., 4 * number : 4 * number + 4], full, method="bilinear")
        result[..., number] = np.einsum("hwc,hwc->hw", enlarged[..., :3], guide) + enlarged[..., 3]
    return result.reshape(target.shape)


def guided_coefficients(
    guide: Float32[np.ndarray, "h w 3"], targets: Float32[np.ndarray, "h w n"], *, radius_px: float, epsilon: float
) -> Float32[np.ndarray, "h w n4"]:
    """Fit each target linearly to the guide's channels around each pixel: target ≈ weights · guide + constant.

    Args:
        guide: the colour picture.
        targets: the maps to smooth.
        radius_px: half-width of the windows in pixels, at least 1.
        epsilon: squared contrast, in the guide's units, below which the guide counts as flat.

    Returns:
        For each target, the weights of the guide's three channels and the constant, averaged over the windows that
        contain the pixel.
    """
    length = 2 * int(max(1.0, radius_px)) + 1
    counts = [ndimage.uniform_filter1d(np.ones(side), length, mode="constant") for side in guide.shape[:2]]
    inside = counts[0][:, None] * counts[1]

    def mean(plane: Float64[np.ndarray, "h w"]) -> Float64[np.ndarray, "h w"]:
        return cast("np.ndarray", ndimage.uniform_filter(plane, length, mode="constant")) / inside

    channels, maps = (np.ascontiguousarray(np.moveaxis(each, 2, 0), np.float64) for each in (guide, targets))
    means = [mean(channel) for channel in channels]
    a, b, c, d, e, f = (
        mean(channels[i] * channels[j]) - means[i] * means[j] + (epsilon if i == j else 0)
        for i in range(3)
        for j in range(i, 3)
    )
    # The inverse of the symmetric matrix [[a b c] [b d e] [c e f]] is its adjugate divided by its determinant.
    adjugate = (d * f - e * e, c * e - b * f, b * e - c * d, a * f - c * c, b * c - a * e, a * d - b * b)
    determinant = a * adjugate[0] + b * adjugate[1] + c * adjugate[2]
    rows = [[adjugate[k] / determinant for k in row] for row in ((0, 1, 2), (1, 3, 4), (2, 4, 5))]
    fits = []
    for target in maps:
        middle = mean(target)
        cross = [mean(channel * target) - own * middle for channel, own in zip(channels, means, strict=True)]
        weights = [sum(part * each for part, each in zip(row, cross, strict=True)) for row in rows]
        constant = middle - sum(weight * own for weight, own in zip(weights, means, strict=True))
        fits += [mean(each).astype(np.float32) for each in (*weights, constant)]
    return np.stack(fits, axis=2)
