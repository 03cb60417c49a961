"""What the output of Depth Anything 3 means for a picture: inverse depth, metres, the angle of view."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from dioptre.models.depth_view import DepthView, ReadingOptions

from .module import Estimate

_CANONICAL_FOCAL_PX = 300.0  # at which the metric variant's output is in metres
_SKY = 0.3  # output of the sky head from which on there is sky: the original's threshold
_NARROWEST = 0.02  # radians; smaller angles of view are invalid


def read_relative(output: Estimate, options: ReadingOptions) -> Sequence[DepthView]:
    """Inverse depth up to a scale (its shift is 0 already), and the angle of view."""
    angles = np.asarray(output.field_of_view)
    depths = np.asarray(output.depth)
    return [
        DepthView(inverse=1 / depth, focal_diagonals=_focal_diagonals(angle, options.size))
        for depth, angle in zip(depths, angles, strict=True)
    ]


def read_metric(output: Estimate, options: ReadingOptions) -> Sequence[DepthView]:
    """Inverse depth in 1/m where the focal length is known, else up to a scale; 0 in the sky."""
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
    """Focal length in pixels of the network's input, which may be squeezed a little: the mean of both axes'."""
    of_picture = focal_diagonals * math.hypot(*size)
    return of_picture * (shape[0] / size[0] + shape[1] / size[1]) / 2


def _focal_diagonals(angles: Float32[np.ndarray, "2"], size: tuple[int, int]) -> float | None:
    """From the vertical and the horizontal angle of view in radians; None where they are no angles of a picture."""
    if not all(_NARROWEST < angle < math.pi - _NARROWEST for angle in angles):
        return None
    focals = [side / 2 / math.tan(float(angle) / 2) for side, angle in zip(size, angles, strict=True)]
    return sum(focals) / 2 / math.hypot(*size)
