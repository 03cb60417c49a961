"""Common representation of one view's depth, independent of the network that estimated it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """Facts about the picture that are needed to read a network's output.

    Attributes:
        size: (height, width) of the original picture, from which the network's input was resized.
        focal_diagonals: the picture's focal length divided by its diagonal; None if unknown.
    """

    size: tuple[int, int]
    focal_diagonals: float | None = None


@dataclass(frozen=True, kw_only=True)
class DepthView:
    """Depth of one view, at the network's resolution.

    Attributes:
        inverse: inverse depth, in 1/m if `metric`, else up to scale and shift. If `metric`, 0 is infinitely far.
        metric: whether the depth is in metres.
        focal_diagonals: the focal length estimated by the network, divided by the picture's diagonal; None if
            unknown.
    """

    inverse: Float32[np.ndarray, "a b"]
    metric: bool = False
    focal_diagonals: float | None = None


def read_disparity(output: Any, options: ReadingOptions) -> Sequence[DepthView]:
    """Return the views of an output (n, a, b) that is inverse depth up to scale and shift."""
    return [DepthView(inverse=view) for view in np.asarray(output)]
