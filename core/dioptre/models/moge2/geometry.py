"""Recover the focal length, the shift of z, and the inverse depth in 1/m from MoGe's points.

The network leaves the shift of z undetermined, and its points only imply the focal length. Both follow from the
condition that every point projects to its own pixel, which is solved by least squares on a reduced map.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from dioptre.models.depth_view import DepthView, ReadingOptions

from .module import Geometry

_SIDE = 64  # side, in pixels, of the reduced map to which the camera is fitted
_FEWEST = 2  # minimum number of points needed to fit a camera
_TOLERANCE = 1e-6  # the fit stops when its cost changes by a smaller fraction than this
_MOST_STEPS = 100
_DAMPING = 1e-3  # initial damping of the fit, as a fraction of the squared derivative
_DAMPING_STEP = 10.0  # factor by which a rejected step raises the damping and an accepted one lowers it
_MOST_DAMPING = 1e12  # a step this short changes nothing


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera.

    Attributes:
        focal: focal length in half diagonals of the picture.
        shift: offset to add to every z.
    """

    focal: float
    shift: float

    def field_of_view(self, aspect: float) -> float:
        """Return the horizontal angle of view in degrees.

        Args:
            aspect: width of the picture divided by its height.
        """
        half_width = aspect / math.hypot(1.0, aspect)
        return math.degrees(2.0 * math.atan(half_width / self.focal))


def fit_camera(
    points: Float[np.ndarray, "h w 3"],
    known: Bool[np.ndarray, "h w"],
    *,
    aspect: float,
    focal: float | None = None,
) -> Camera:
    """Fit the camera under which `points` project to their own pixels.

    With too few known points, the focal length is 1 and the shift 0.

    Args:
        points: camera coordinates, up to a shift of z.
        known: mask of the pixels with geometry.
        aspect: width of the picture divided by its height.
        focal: focal length in half diagonals, if known (e.g. from EXIF); fitted if None.
    """
    height, width = known.shape
    rows, columns = (np.arange(_SIDE) * side // _SIDE for side in (height, width))
    reduced = np.ix_(rows, columns)
    kept = known[reduced]
    plane = _plane(height, width, aspect)[reduced][kept]
    chosen = points[reduced][kept].astype(np.float64)  # In float32, rounding would stop the fit early.
    xy, z = chosen[:, :2], chosen[:, 2]
    if len(z) < _FEWEST:
        return Camera(focal=1.0 if focal is None else focal, shift=0.0)

    shift = _fitted_shift(xy, z, plane, focal)
    return Camera(focal=_fitted_focal(xy, z + shift, plane) if focal is None else focal, shift=shift)


def _fitted_focal(
    xy: Float[np.ndarray, "n 2"], z: Float[np.ndarray, "n"], plane: Float[np.ndarray, "n 2"]
) -> float:
    """Return the focal length under which the points project closest to their pixels."""
    projected = xy / z[:, None]
    return float((projected * plane).sum() / np.square(projected).sum())


def _fitted_shift(
    xy: Float[np.ndarray, "n 2"], z: Float[np.ndarray, "n"], plane: Float[np.ndarray, "n 2"], focal: float | None
) -> float:
    """Return the shift of z with the least reprojection error, found by the Levenberg-Marquardt method from 0.

    Args:
        xy: points without z.
        z: their z, up to the shift.
        plane: their pixels' positions in half diagonals.
        focal: focal length in half diagonals; fitted to each shift if None.
    """
    shift, damping = 0.0, _DAMPING
    missed, slope = _misses(xy, z, plane, focal)
    cost = float(np.square(missed).sum())
    for _ in range(_MOST_STEPS):
        curvature = float(np.square(slope).sum())
        if curvature == 0.0 or damping > _MOST_DAMPING:
            break
        tried = shift - float((slope * missed).sum()) / (curvature * (1.0 + damping))
        missed_then, slope_then = _misses(xy, z + tried, plane, focal)
        cost_then = float(np.square(missed_then).sum())
        if not cost_then < cost:
            damping *= _DAMPING_STEP
            continue
        change = cost - cost_then
        shift, missed, slope, cost = tried, missed_then, slope_then, cost_then
        damping /= _DAMPING_STEP
        if change <= _TOLERANCE * cost:
            break
    return shift


def _misses(
    xy: Float[np.ndarray, "n 2"], z: Float[np.ndarray, "n"], plane: Float[np.ndarray, "n 2"], focal: float | None
) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "n 2"]]:
    """Return the reprojection errors and their derivatives with respect to a shift of z."""
    projected = xy / z[:, None]
    moved = -projected / z[:, None]  # derivative of `projected`
    if focal is not None:
        return focal * projected - plane, focal * moved
    power, match = np.square(projected).sum(), (projected * plane).sum()
    scale = match / power
    stretch = ((moved * plane).sum() - 2.0 * scale * (projected * moved).sum()) / power  # derivative of `scale`
    return scale * projected - plane, stretch * projected + scale * moved


def inverse_depth(
    points: Float[np.ndarray, "h w 3"], known: Bool[np.ndarray, "h w"], camera: Camera, *, metres: float = 1.0
) -> Float[np.ndarray, "h w"]:
    """Return 1 / depth, or 0 where there is no geometry.

    Args:
        points: camera coordinates, up to a shift of z.
        known: mask of the pixels with geometry.
        camera: the fitted camera.
        metres: length in metres of the points' unit, for a result in 1/m.
    """
    depth = (points[..., 2] + np.float32(camera.shift)) * np.float32(metres)
    inverse = np.zeros_like(depth)
    np.divide(1.0, depth, out=inverse, where=known & (depth > 0))
    return inverse


def _plane(height: int, width: int, aspect: float) -> Float[np.ndarray, "h w 2"]:
    """Return each pixel centre's position in half diagonals, like `module.view_plane`."""
    diagonal = math.hypot(1.0, aspect)
    x = np.linspace(-1.0, 1.0, width) * (width - 1) / width * (aspect / diagonal)
    y = np.linspace(-1.0, 1.0, height) * (height - 1) / height / diagonal
    return np.stack(np.meshgrid(x, y), axis=-1)


_KNOWN = 0.5  # mask value above which a pixel has geometry, as in the original


def read(output: Geometry, options: ReadingOptions) -> Sequence[DepthView]:
    """Return each view's inverse depth in 1/m (0 where there is no geometry, such as sky) and its focal length."""
    aspect = options.size[1] / options.size[0]
    given = None if options.focal_diagonals is None else 2 * options.focal_diagonals  # in half diagonals
    points, masks = np.asarray(output.points), np.asarray(output.mask)
    metres = np.ones(len(points)) if output.metric_scale is None else np.asarray(output.metric_scale)
    views = []
    for view, mask, scale in zip(points, masks, metres, strict=True):
        known = mask > _KNOWN
        camera = fit_camera(view, known, aspect=aspect, focal=given)
        inverse = inverse_depth(view, known, camera, metres=float(scale))
        focal = camera.focal / 2 if known.any() and camera.focal > 0 else None
        metric = output.metric_scale is not None
        views.append(DepthView(inverse=inverse, metric=metric, focal_diagonals=focal))
    return views
