"""Recover the focal length, the shift of z, and the inverse depth in 1/m from MoGe's points.

The network leaves the shift of z undetermined, and its points only imply the focal length. Both follow from the
condition that every point projects to its own pixel, which is solved by least squares on a reduced map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import least_squares

_SIDE = 64  # side, in pixels, of the reduced map to which the camera is fitted
_FEWEST = 2  # minimum number of points needed to fit a camera
# The fit stops when its cost changes by a smaller fraction than this. With the original's 1e-3, the focal length
# is up to 2% off.
_TOLERANCE = 1e-6


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
    xy, z = points[reduced][kept][:, :2], points[reduced][kept][:, 2]
    if len(z) < _FEWEST:
        return Camera(focal=1.0 if focal is None else focal, shift=0.0)

    def fitted_focal(shift: float) -> float:
        projected = xy / (z + shift)[:, None]
        return float((projected * plane).sum() / np.square(projected).sum())

    def misses(shift: np.ndarray) -> np.ndarray:
        scale = fitted_focal(shift[0]) if focal is None else focal
        missed: np.ndarray = scale * xy / (z + shift[0])[:, None] - plane
        return missed.ravel()

    shift = float(least_squares(misses, x0=[0.0], ftol=_TOLERANCE, method="lm").x[0])
    return Camera(focal=fitted_focal(shift) if focal is None else focal, shift=shift)


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
