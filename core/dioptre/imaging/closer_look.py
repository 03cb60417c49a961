"""Windows of a picture that are processed separately, so that they appear larger on a network's square input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32
from PIL import Image

from dioptre.contract import Plane

from .frames import Inside

_SEEN = 0.3  # pixels whose probability is higher than this belong to the object
MARGINS = (0.15, 0.6)
"""Margins on each side, as fractions of the object's height and width. The second is tried if the object extends
beyond the window with the first."""

# Smallest side of a window, in pixels and as a fraction of the picture's short side.
_LEAST_PX, _LEAST_SHARE = 64, 0.2
# Largest aspect ratio of a window: the networks were trained on photographs with aspect ratios up to this, squeezed
# to a square.
_LONGEST = 1.5
_LARGEST = 0.85  # windows larger than this fraction of the picture add little detail and are not used


@dataclass(frozen=True, kw_only=True)
class Window:
    """A rectangle in a picture of `size` (height, width), whose first row is `top` and first column `left`."""

    top: int
    left: int
    height: int
    width: int
    size: tuple[int, int]

    def of(self, plane: Float32[np.ndarray, "h w *c"]) -> Float32[np.ndarray, "i j *c"]:
        """Crop a plane of the picture's size to the window."""
        return plane[self.top : self.top + self.height, self.left : self.left + self.width]

    def at(self, size: tuple[int, int]) -> Window:
        """Return the same window for the picture resized to `size`."""
        if size == self.size:
            return self
        whole = Inside(top=self.top, bottom=self.top + self.height, left=self.left, right=self.left + self.width)
        part = whole.scaled(self.size, size)
        height, width = part.shape
        return Window(top=part.top, left=part.left, height=height, width=width, size=size)

    def of_map(self, values: Float32[np.ndarray, "s s"]) -> Float32[np.ndarray, "s s"]:
        """Crop a map of the whole picture to the window and enlarge the crop to the size of the map."""
        rows, columns = (side / of for side, of in zip(values.shape, self.size, strict=True))
        box = (
            self.left * columns,
            self.top * rows,
            (self.left + self.width) * columns,
            (self.top + self.height) * rows,
        )
        return np.asarray(Image.fromarray(values).resize(values.shape[::-1], Image.Resampling.BILINEAR, box=box))

    def place(self, at: tuple[float, float], side: int) -> tuple[int, int]:
        """Return the row and column of a point (x, y) of the picture in the window, resized to `side` x `side`."""
        row, column = (
            min(max(int((value - first) / of * side), 0), side - 1)
            for value, first, of in ((at[1], self.top, self.height), (at[0], self.left, self.width))
        )
        return row, column

    def holds(self, at: tuple[float, float]) -> bool:
        """Return whether a point (x, y) of the picture lies in the window."""
        across, down = at[0] - self.left, at[1] - self.top
        return 0 <= across <= self.width and 0 <= down <= self.height

    def put(self, part: Float32[np.ndarray, "i j"]) -> Plane:
        """Return a plane of the picture's size that contains the crop and is 0 outside the window."""
        whole = np.zeros(self.size, np.float32)
        whole[self.top : self.top + self.height, self.left : self.left + self.width] = part
        return whole

    def sides_crossed(self, mask: Bool[np.ndarray, "s s"]) -> int:
        """Return how many sides of the window the mask crosses, not counting the picture's own edges."""
        ends = self.top + self.height < self.size[0], self.left + self.width < self.size[1]
        cut = (self.top > 0, ends[0], self.left > 0, ends[1])
        sides = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
        return sum(inside and bool(side.mean() > 0.05) for side, inside in zip(sides, cut, strict=True))


def window_round(
    probability: Float32[np.ndarray, "s s"], size: tuple[int, int], *, margin: float = MARGINS[0]
) -> Window | None:
    """Return a window around the object in a probability map of the picture.

    Return None if there is no object, if the window would be nearly the whole picture, or if it has too few pixels.
    """
    spans = []
    for axis, of in ((1, size[0]), (0, size[1])):
        seen = np.flatnonzero((probability > _SEEN).any(axis=axis))
        if not seen.size:
            return None
        spans.append((seen[0] * of / len(probability), (seen[-1] + 1) * of / len(probability)))
    height, width = ((stop - start) * (1 + 2 * margin) for start, stop in spans)
    least = max(_LEAST_PX, _LEAST_SHARE * min(size))
    height, width = max(height, least, width / _LONGEST), max(width, least, height / _LONGEST)
    rows, columns = min(round(height), size[0]), min(round(width), size[1])
    if min(rows, columns) < _LEAST_PX or rows * columns > _LARGEST * size[0] * size[1]:
        return None
    top, left = (
        min(max(round((start + stop - side) / 2), 0), of - side)
        for (start, stop), side, of in zip(spans, (rows, columns), size, strict=True)
    )
    return Window(top=top, left=left, height=rows, width=columns, size=size)


def window_at(at: tuple[float, float], share: float, size: tuple[int, int]) -> Window:
    """Return a window around a point (x, y), inside the picture, whose sides are `share` times the picture's."""
    height, width = round(share * size[0]), round(share * size[1])
    top = min(max(round(at[1] - height / 2), 0), size[0] - height)
    left = min(max(round(at[0] - width / 2), 0), size[1] - width)
    return Window(top=top, left=left, height=height, width=width, size=size)
