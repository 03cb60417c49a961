"""The frame of a finished picture compared with its file's: turned upright, mirrored and resized.

Metadata with positions was recorded for the file's own frame, before its orientation is applied (EXIF 2.32,
section 4.6.4).
"""

from __future__ import annotations

from dataclasses import dataclass

Factors = tuple[float, float]
"""Factors by which a picture's width and height have changed."""

UNCHANGED: Factors = (1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A finished picture's frame.

    Attributes:
        width: width in pixels.
        height: height in pixels.
        orientation: EXIF orientation of the file, 1 to 8, which has been applied.
        enlarged: factors by which width and height have changed after that.
    """

    width: int
    height: int
    orientation: int = 1
    enlarged: Factors = UNCHANGED

    @property
    def turned(self) -> bool:
        """Whether width and height were exchanged."""
        return self.orientation >= 5

    @property
    def stored(self) -> tuple[float, float]:
        """Width and height of the file's own frame."""
        size = self.width / self.enlarged[0], self.height / self.enlarged[1]
        return size[::-1] if self.turned else size

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the file is now; both as fractions of width and height."""
        if self.turned:
            x, y = y, x
        if self.orientation in (3, 4, 7, 8):
            y = 1 - y
        if self.orientation in (2, 3, 6, 7):
            x = 1 - x
        return x, y

    def extent(self, width: float, height: float) -> tuple[float, float]:
        """Return a width and a height, each as a fraction of the frame's, as they are now."""
        return (height, width) if self.turned else (width, height)

    def subject_area(self, values: tuple[int, ...], size: tuple[float, float]) -> tuple[int, ...]:
        """Return EXIF's SubjectArea or SubjectLocation as it is now; values of an unknown kind stay.

        Args:
            values: x and y in pixels, for a circle followed by its diameter, for a rectangle by width and height.
            size: width and height of the frame in which they were recorded.
        """
        if len(values) not in (2, 3, 4) or not all(size):
            return values
        x, y = self.point(values[0] / size[0], values[1] / size[1])
        now = [x * self.width, y * self.height]
        if len(values) == 3:
            now.append(values[2] * (self.width * self.height / (size[0] * size[1])) ** 0.5)
        elif len(values) == 4:
            width, height = self.extent(values[2] / size[0], values[3] / size[1])
            now += [width * self.width, height * self.height]
        return tuple(max(0, round(value)) for value in now)
