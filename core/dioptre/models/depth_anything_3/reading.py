"""Convert the output of Depth Anything 3 to inverse depth (relative or in 1/m) and the angle of view."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from dioptre.models.depth_view import DepthView, ReadingOptions

from .module import Estimate

_CANONICAL_FOCAL_PX = 300.0  # focal length in pixels at which the metric variant's output is in metres
_SKY = 0.3  # minimum output of the sky head for a pixel to count as sky, as in the original
_NARROWEST = 0.02  # smallest valid angle of view, in radians


def read_relative(output: Estimate, options: ReadingOptions) -> Sequence[DepthView]:
    """Return each view's inverse depth up to scale (without a shift), and its focal length."""
    angles = np.asarray(output.field_of_view)
    depths = np.asarray(output.depth)
    return [
        DepthView(inverse=1 / depth, focal_diagonals=_focal_diagonals(angle, options.size))
        for depth, angle in zip(depths, angles, strict=True)
    ]


def read_metric(output: Estimate, options: ReadingOptions) -> Sequence[DepthView]:
    """Return each view's inverse depth, in 1/m if the focal length is known, else up to scale; 0 in the sky."""
    depths, skies = np.asarray(output.depth), np.asarray(output.sky)
    metres = 1.0
    if options.focal_diagonals is not None:
        metres = _focal_px(options.focal_diagonals, options.size, depths.shape[1:]) / _CANONICAL_FOCAL_PX
    return [
        DepthView(inverse=_inverse(depth * np.float32(metres), sky), metric=options.focal_diagonals is not None)
        for depth, sky in zip(depths, skies, strict=True)
    ]


def _inverse(depth: Float32[np.ndarray, "a b"], sky: Float32[np.ndarray, "a b"]) -> Float32[np.ndarray, "a b"]:
    return np.where(sky < _SKY, 1 / depth, np.float32(0))


def _focal_px(focal_diagonals: float, size: tuple[int, int], shape: tuple[int, ...]) -> float:
    """Return the focal length in pixels of the network's input.

    The focal lengths along both axes are averaged, because resizing may have changed the aspect ratio slightly.
    """
    of_picture = focal_diagonals * math.hypot(*size)
    return of_picture * (shape[0] / size[0] + shape[1] / size[1]) / 2


def _focal_diagonals(angles: Float32[np.ndarray, "2"], size: tuple[int, int]) -> float | None:
    """Return the focal length, divided by the picture's diagonal, from the angles of view.

    Args:
        angles: vertical and horizontal angle in radians.
        size: height and width of the picture.

    Returns:
        The focal length, or None if the angles are invalid.
    """
    if not all(_NARROWEST < angle < math.pi - _NARROWEST for angle in angles):
        return None
    focals = [side / 2 / math.tan(float(angle) / 2) for side, angle in zip(size, angles, strict=True)]
    return sum(focals) / 2 / math.hypot(*size)
