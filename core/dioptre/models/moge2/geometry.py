"""From MoGe's points to a camera: focal length, the shift of z, and inverse depth in metres.

The network leaves the shift of z open and says the focal length only through its points. Both follow from the
condition that every point projects to its own pixel, solved by least squares on a reduced map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import least_squares

_SIDE = 64  # of the map that the camera is fitted to
_FEWEST = 2  # points from which a camera can be fitted
_TOLERANCE = 1e-6  # of the fit's cost, relative; at the original's 1e-3 the focal length is up to 2 % off


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera. focal: in half diagonals of the picture. shift: to be added to every z."""

    focal: float
    shift: float

    def field_of_view(self, aspect: float) -> float:
        """The horizontal angle of view in degrees. aspect: width over height of the picture."""
        half_width = aspect / math.hypot(1.0, aspect)
        return math.degrees(2.0 * math.atan(half_width / self.focal))


def fit_camera(
    points: Float[np.ndarray, "h w 3"],
    known: Bool[np.ndarray, "h w"],
    *,
    aspect: float,
    focal: float | None = None,
) -> Camera:
    """The camera under which `points` project to their own pixels.

    known: where there is geometry. aspect: width over height of the picture. focal: in half diagonals where it is
    known, e.g. from EXIF; fitted when None. With too few known points the focal length is 1 and the shift 0.
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
    """1 / depth, per metre where `metres` is the length of the points' unit; 0 where there is no geometry."""
    depth = (points[..., 2] + np.float32(camera.shift)) * np.float32(metres)
    inverse = np.zeros_like(depth)
    np.divide(1.0, depth, out=inverse, where=known & (depth > 0))
    return inverse


def _plane(height: int, width: int, aspect: float) -> Float[np.ndarray, "h w 2"]:
    """As `module.view_plane`: where each pixel's centre lies, in half diagonals."""
    diagonal = math.hypot(1.0, aspect)
    x = np.linspace(-1.0, 1.0, width) * (width - 1) / width * (aspect / diagonal)
    y = np.linspace(-1.0, 1.0, height) * (height - 1) / height / diagonal
    return np.stack(np.meshgrid(x, y), axis=-1)
