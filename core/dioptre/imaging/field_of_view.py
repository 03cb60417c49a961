"""The angle of view of a photograph: what turns pixels into angles and, with a distance, into metres."""

from __future__ import annotations

import math
from dataclasses import dataclass

FULL_FRAME_DIAGONAL_MM = math.hypot(36.0, 24.0)


@dataclass(frozen=True, kw_only=True)
class FieldOfView:
    """A pinhole camera with its centre in the middle of the picture and square pixels.

    focal_diagonals: focal length by the picture's diagonal, whatever the picture's size.
    source: where it is known from, as text for the user.
    """

    focal_diagonals: float
    source: str

    @staticmethod
    def of_equivalent(focal_mm: float, *, source: str) -> FieldOfView:
        """From the focal length that has the same diagonal angle of view on full frame (36 x 24 mm)."""
        return FieldOfView(focal_diagonals=focal_mm / FULL_FRAME_DIAGONAL_MM, source=source)

    @property
    def equivalent_mm(self) -> float:
        """The focal length with the same diagonal angle of view on full frame."""
        return self.focal_diagonals * FULL_FRAME_DIAGONAL_MM

    def focal_px(self, size: tuple[int, int]) -> float:
        """Pixels per radian in the middle of a picture of `size` (height, width): its focal length in pixels."""
        return self.focal_diagonals * math.hypot(*size)

    def horizontal_deg(self, size: tuple[int, int]) -> float:
        """The horizontal angle of view of a picture of `size` (height, width), in degrees."""
        return math.degrees(2 * math.atan(size[1] / (2 * self.focal_px(size))))
