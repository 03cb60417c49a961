"""The angle of view of a photo, which converts pixels to angles and, with a distance, to metres."""

from __future__ import annotations

import math
from dataclasses import dataclass

FULL_FRAME_DIAGONAL_MM = math.hypot(36.0, 24.0)


@dataclass(frozen=True, kw_only=True)
class FieldOfView:
    """The field of view of a pinhole camera with square pixels, centred on the picture.

    Attributes:
        focal_diagonals: focal length divided by the picture's diagonal, independent of the picture's size.
        source: text for the user that says where the value comes from.
    """

    focal_diagonals: float
    source: str

    @staticmethod
    def of_equivalent(focal_mm: float, *, source: str) -> FieldOfView:
        """Create a field of view from the focal length with the same diagonal angle on full frame (36 x 24 mm)."""
        return FieldOfView(focal_diagonals=focal_mm / FULL_FRAME_DIAGONAL_MM, source=source)

    @property
    def equivalent_mm(self) -> float:
        """Focal length in mm with the same diagonal angle of view on full frame (36 x 24 mm)."""
        return self.focal_diagonals * FULL_FRAME_DIAGONAL_MM

    def focal_px(self, size: tuple[int, int]) -> float:
        """Return the focal length in pixels for a picture of `size` (height, width)."""
        return self.focal_diagonals * math.hypot(*size)

    def horizontal_deg(self, size: tuple[int, int]) -> float:
        """Return the horizontal angle of view in degrees of a picture of `size` (height, width)."""
        return math.degrees(2 * math.atan(size[1] / (2 * self.focal_px(size))))
