"""A depth map that the camera measured and stored in the photo's file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class EmbeddedDepth:
    """A depth map measured by a camera.

    Attributes:
        disparity: float32 (h, w) in [0, 1], 1 = nearest, upright, at the map's own size.
        range_per_m: inverse depths in 1/m at disparity 0 and 1 (low, high): metric disparity is
            low + disparity * (high - low). None if the camera gives no distances in metres.
        confidence: float32 (h, w) in [0, 1]; None if the camera gives none.
        kind: text that describes the source of the map.
    """

    disparity: np.ndarray
    range_per_m: tuple[float, float] | None
    confidence: np.ndarray | None
    kind: str
