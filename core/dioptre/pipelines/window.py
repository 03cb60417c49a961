"""A part of a picture that is processed on its own: on a network's square it is larger than in the whole
picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32
from PIL import Image

from dioptre.imaging.frames import Inside

_SEEN = 0.3  # probability from which on a pixel counts to what is inspected
MARGINS = (0.15, 0.6)
"""Of its height and width, to each side; the second for what runs out of the first."""

_LEAST_PX, _LEAST_SHARE = 64, 0.2  # of a window's sides; of the picture's short side
_LONGEST = 1.5  # of the short side: photographs squeezed to a square are known up to that
_LARGEST = 0.7  # of the picture; a larger window shows little more than the whole


@dataclass(frozen=True, kw_only=True)
class Window:
    """Rows `top` to `top + height` and columns `left` to `left + width` of a picture of `size` (height, width)."""

    top: int
    left: int
    height: int
    width: int
    size: tuple[int, int]

    def of(self, plane: Float32[np.ndarray, "h w *c"]) -> Float32[np.ndarray, "i j *c"]:
        """That part of a plane of the picture's size."""
        return plane[self.top : self.top + self.height, self.left : self.left + self.width]

    def at(self, size: tuple[int, int]) -> Window:
        """The same part of the picture brought to `size`."""
        if size == self.size:
            return self
        whole = Inside(top=self.top, bottom=self.top + self.height, left=self.left, right=self.left + self.width)
        part = whole.scaled(self.size, size)
        height, width = part.shape
        return Window(top=part.top, left=part.left, height=height, width=width, size=size)

    def of_map(self, values: Float32[np.ndarray, "s s"]) -> Float32[np.ndarray, "s s"]:
        """That part of a map of the whole picture, enlarged to the map's own size."""
        rows, columns = (side / of for side, of in zip(values.shape, self.size, strict=True))
        box = (
            self.left * columns,
            self.top * rows,
            (self.left + self.width) * columns,
            (self.top + self.height) * rows,
        )
        return np.asarray(Image.fromarray(values).resize(values.shape[::-1], Image.Resampling.BILINEAR, box=box))

    def place(self, at: tuple[float, float], side: int) -> tuple[int, int]:
        """Row and column, on the window's square of that side, of a point (x, y) of the picture."""
        row, column = (
            min(max(int((value - first) / of * side), 0), side - 1)
            for value, first, of in ((at[1], self.top, self.height), (at[0], self.left, self.width))
        )
        return row, column

    def put(self, part: Float32[np.ndarray, "i j"]) -> Float32[np.ndarray, "h w"]:
        """A plane of the picture's size with that part, 0 outside."""
        whole = np.zeros(self.size, np.float32)
        whole[self.top : self.top + self.height, self.left : self.left + self.width] = part
        return whole

    def sides_crossed(self, mask: Bool[np.ndarray, "s s"]) -> int:
        """How many sides of the window a thing in it runs out of; the picture's own edges do not count."""
        ends = self.top + self.height < self.size[0], self.left + self.width < self.size[1]
        cut = (self.top > 0, ends[0], self.left > 0, ends[1])
        sides = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
        return sum(inside and bool(side.mean() > 0.05) for side, inside in zip(sides, cut, strict=True))


def window_round(
    probability: Float32[np.ndarray, "s s"], size: tuple[int, int], *, margin: float = MARGINS[0]
) -> Window | None:
    """The window round what a map of a picture shows; None if that is nothing or most of it, or too few pixels."""
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
    """The window of a share of the picture's sides round a point (x, y), moved into the picture."""
    height, width = round(share * size[0]), round(share * size[1])
    top = min(max(round(at[1] - height / 2), 0), size[0] - height)
    left = min(max(round(at[0] - width / 2), 0), size[1] - width)
    return Window(top=top, left=left, height=height, width=width, size=size)
