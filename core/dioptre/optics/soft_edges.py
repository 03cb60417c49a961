"""Soft edges: pixels in which a matte tells how much of an object, and how much of what is beside it, they show.

A depth map has one value for a pixel that shows a hair and the wall behind it, and the position of its steps is
uncertain. Where a matte gives the hair's coverage, both surfaces are known, and the pixel need not be split by its
depth (see `surfaces`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Int

from dioptre.imaging.shapes import reflected_indices

from .defocus import Focus
from .kept_sharp import disparity_in_focus


@dataclass(frozen=True, kw_only=True)
class SoftEdges:
    """The pixels of a picture that show an object and something beside it, at two depths.

    Attributes:
        size: height and width of the picture.
        at: flat indices of the pixels, in ascending order.
        planes: the object's own colour, in linear light, times its coverage of each pixel; and that coverage.
        disparity: disparity of the object, and of what is beside it.
    """

    size: tuple[int, int]
    at: Int[np.ndarray, " n"]
    planes: Float32[np.ndarray, "4 n"]
    disparity: Float32[np.ndarray, "2 n"]

    def within(self, top: int, left: int, side: int) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
        """Return which of the pixels lie in a square, reflected at the picture's edge.

        Args:
            top: first row of the square.
            left: first column of the square.
            side: side of the square.

        Returns:
            Flat indices in the square, and for each of them the number of the pixel.
        """
        height, width = self.size
        rows = reflected_indices(top, top + side, height)
        columns = reflected_indices(left, left + side, width)
        (first, last), (left, right) = ((int(each.min()), int(each.max())) for each in (rows, columns))
        numbers = np.arange(self._row_starts[first], self._row_starts[last + 1], dtype=np.int32)
        row, column = np.divmod(self.at[numbers], width)
        inside = (column >= left) & (column <= right)
        lookup = np.full((last + 1 - first, right + 1 - left), -1, np.int32)
        lookup[row[inside] - first, column[inside] - left] = numbers[inside]
        found = lookup.take(rows - first, 0).take(columns - left, 1).ravel()
        where = np.flatnonzero(found >= 0)
        return where, found[where]

    @cached_property
    def _row_starts(self) -> Int[np.ndarray, " h1"]:
        height, width = self.size
        return np.searchsorted(self.at, np.arange(height + 1) * width)

    def in_focus(self, kept: Float32[np.ndarray, "h w"], *, focus: Focus) -> SoftEdges:
        """Return the soft edges with the disparities of `kept_sharp.disparity_in_focus`."""
        share = np.broadcast_to(kept.reshape(-1)[self.at], self.disparity.shape)
        return replace(self, disparity=disparity_in_focus(self.disparity, share, focus=focus))

    def halved(self) -> SoftEdges:
        """Return the soft edges of the picture at half its size, rounded up; values are means over 2 x 2 pixels."""
        height, width = (-(-length // 2) for length in self.size)
        cell = self.at // self.size[1] // 2 * width + self.at % self.size[1] // 2
        at, number = np.unique(cell, return_inverse=True)
        members = np.bincount(number).astype(np.float32)

        def mean(values: np.ndarray) -> np.ndarray:
            return (np.bincount(number, values) / members).astype(np.float32)

        return SoftEdges(
            size=(height, width),
            at=at.astype(np.int32),
            planes=np.stack([mean(plane) for plane in self.planes]),
            disparity=np.stack([mean(plane) for plane in self.disparity]),
        )
