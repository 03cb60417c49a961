"""Equal intervals of disparity, over which statistics by depth are collected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int

from dioptre.contract import Disparity


@dataclass(frozen=True, kw_only=True)
class DepthBins:
    """Equal intervals that cover the disparity of a picture.

    Attributes:
        low: least disparity.
        high: greatest disparity.
        count: number of intervals.
    """

    low: float
    high: float
    count: int

    @staticmethod
    def of(disparity: Disparity, count: int) -> DepthBins | None:
        """Return the intervals for a disparity map; None if it is constant."""
        low, high = float(disparity.min()), float(disparity.max())
        return DepthBins(low=low, high=high, count=count) if high > low else None

    @property
    def centres(self) -> Float[np.ndarray, " b"]:
        """The disparity at the middle of each interval."""
        return self.low + (np.arange(self.count) + 0.5) / self.count * (self.high - self.low)

    def index(self, disparity: Float32[np.ndarray, "*s"]) -> Int[np.ndarray, "*s"]:
        """Return the number of the interval that contains each value, from 0 for the farthest."""
        position = (disparity - self.low) / (self.high - self.low) * self.count
        return np.minimum(position.astype(int), self.count - 1)
