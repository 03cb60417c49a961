"""The shape of the aperture, which determines the blur disc of an out-of-focus point of light."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dioptre_link.errors import UsageError

REACH = 1.7
"""Upper bound of the extent of any blur disc, as a multiple of its nominal radius."""

_SUBSAMPLES = 5  # number of samples per pixel along each axis when a kernel is rasterised


@dataclass(frozen=True, kw_only=True)
class Aperture:
    """The shape of the aperture as seen through the lens.

    Attributes:
        blades: number of blades, 5 to 11, or 0 for a circle.
        curvature: curvature of the blades, from 0 (straight) to 1 (circular).
        rotation_deg: counter-clockwise rotation of the blades in degrees.
        anamorphic: height of the disc divided by its width; values above 1 give upright ovals.
        cats_eye: how strongly the lens barrel clips the discs towards the picture's corners, 0 to 1.
    """

    blades: int = 0
    curvature: float = 0.0
    rotation_deg: float = 0.0
    anamorphic: float = 1.0
    cats_eye: float = 0.0

    def __post_init__(self) -> None:
        if self.blades != 0 and not 5 <= self.blades <= 11:
            raise UsageError(
                "An aperture cannot have {blades} blades.", hint="Choose 0, or 5 to 11.", blades=self.blades
            )
        for name, low, high in (
            ("curvature", 0, 1),
            ("rotation_deg", -360, 360),
            ("anamorphic", 0.25, 4),
            ("cats_eye", 0, 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise UsageError(
                    "The aperture's {name} is out of range: {value}.",
                    hint="Use a value from {low} to {high}.",
                    name=name,
                    value=value,
                    low=low,
                    high=high,
                )

    def transmission(self, x: np.ndarray, y: np.ndarray, *, field: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
        """Return the light transmitted at points (x, y) of the aperture.

        Args:
            x: horizontal position, in units of the aperture's radius.
            y: vertical position, in the same units, pointing down.
            field: position (x, y) in the picture relative to its centre, with the corners at distance 1.

        Returns:
            The transmission, at least 0; the mean over a full circle is 1.
        """
        squeeze = math.sqrt(self.anamorphic)  # keeps the disc's area constant
        u, v = x * squeeze, y / squeeze
        inside = np.hypot(u, v) <= self._rim(u, v)
        if self.cats_eye > 0:
            # Seen off-axis, the rim of the barrel is a second circle that slides over the aperture.
            shift = self.cats_eye * min(math.hypot(*field), 1.0)
            angle = math.atan2(field[1], field[0])
            inside &= np.hypot(u + shift * math.cos(angle), v + shift * math.sin(angle)) <= 1
        return np.where(inside, 1.0, 0.0)

    def _rim(self, u: np.ndarray, v: np.ndarray) -> np.ndarray | float:
        if self.blades == 0:
            return 1.0
        sector = 2 * math.pi / self.blades
        turn = np.arctan2(-v, u) - math.radians(self.rotation_deg)
        polygon = math.cos(sector / 2) / np.cos(np.mod(turn, sector) - sector / 2)
        # Match the circle's area, so that brightness and blur do not depend on the number of blades.
        area = self.blades / 2 * math.sin(sector) / math.pi
        straight = polygon / math.sqrt(area)
        return (1 - self.curvature) * straight + self.curvature

    def kernel(
        self, radius_px: float, *, size: int, field: tuple[float, float] = (0.0, 0.0), inverted: bool = False
    ) -> np.ndarray:
        """Return the point spread function of an out-of-focus point.

        Args:
            radius_px: radius of the disc in pixels.
            size: side of the square kernel.
            field: position (x, y) in the picture relative to its centre, with the corners at distance 1.
            inverted: rotate the disc by 180 degrees, as for points behind the focus.

        Returns:
            An array (size, size) with the centre at size // 2 and a sum of 1.

        Raises:
            ValueError: the disc does not fit into `size`.
        """
        half = size // 2
        reach = radius_px * max(self.anamorphic, 1 / self.anamorphic) ** 0.5 * (1.0 if self.blades == 0 else 1.3)
        if reach > half + 1:
            raise ValueError(f"a disc of radius {radius_px} does not fit into {size} pixels")
        if radius_px < 0.3:
            point = np.zeros((size, size))
            point[half, half] = 1
            return point
        sub = (np.arange(_SUBSAMPLES) + 0.5) / _SUBSAMPLES - 0.5
        axis = (np.arange(size)[:, None] - half + sub).ravel() / radius_px * (-1 if inverted else 1)
        drawn = self.transmission(axis[None, :], axis[:, None], field=field)
        kernel = drawn.reshape(size, _SUBSAMPLES, size, _SUBSAMPLES).sum(axis=(1, 3))
        total = kernel.sum()
        return kernel / total if total > 0 else self._point(size)

    @staticmethod
    def _point(size: int) -> np.ndarray:
        point = np.zeros((size, size))
        point[size // 2, size // 2] = 1
        return point
