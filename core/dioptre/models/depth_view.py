"""What every depth network says of a view, whatever its own output is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """Facts about the picture that a network processes.

    size: (height, width) of the picture itself, which the network's input was resized from.
    focal_diagonals: its focal length by its diagonal; None where nobody knows.
    """

    size: tuple[int, int]
    focal_diagonals: float | None = None


@dataclass(frozen=True, kw_only=True)
class DepthView:
    """One view's depth, at the network's size.

    inverse: inverse depth, in 1/m where `metric`, else up to a scale and a shift; 0 is infinitely far where
        `metric`. focal_diagonals: the focal length that the network estimated, by the picture's diagonal.
    """

    inverse: Float32[np.ndarray, "a b"]
    metric: bool = False
    focal_diagonals: float | None = None


def read_disparity(output: Any, options: ReadingOptions) -> Sequence[DepthView]:
    """Of a network whose output (n, a, b) is inverse depth up to a scale and a shift."""
    return [DepthView(inverse=view) for view in np.asarray(output)]
