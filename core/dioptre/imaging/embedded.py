"""Depth that came with a picture, as its camera measured it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class EmbeddedDepth:
    """A camera's own depth map.

    disparity: float32 (h, w) in [0, 1], 1 = nearest, upright, at the map's own size.
    range_per_m: inverse depth in 1/m that 0 and 1 stand for: metric disparity is low + disparity * (high - low).
        None where the camera gives no distances in metres.
    confidence: float32 (h, w) in [0, 1]; None where there is none.
    kind: what it was, as text.
    """

    disparity: np.ndarray
    range_per_m: tuple[float, float] | None
    confidence: np.ndarray | None
    kind: str
