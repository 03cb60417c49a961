"""The depth slices: a fixed series of signed radii, and how pixels are shared out among them.

The series does not depend on the picture or the focus, so that kernels drawn once serve every setting. A pixel
between two radii belongs to both, in shares that are linear in the signed square of the radius: then the spread
(second moment) of its light is exact, and slices leave no bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import jax.numpy as jnp
from jaxtyping import Array, Float

LARGEST_RADIUS_PX = 320.0
_LEAST_STEP_PX = 1.0
_GROWTH = 0.12  # of the radius from one slice to the next
_LEVEL_FROM_PX = (0.0, 8.0, 16.0, 32.0)  # radii from here on are blurred at 1, 1/2, 1/4, 1/8 of the size

LIKE_SLICES = 3
"""Slices nearer than this to each other are blurred so much alike that neither hides the other."""

LEVELS = len(_LEVEL_FROM_PX)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Slices of neighbouring radii that are blurred at one size, farthest first.

    level: the size is 1 / 2**level.
    bounds: per slice the signed radius before, at and after it, and the two between which nearer surfaces begin to
        hide it; the first and last of the series repeat their own.
    """

    level: int
    bounds: tuple[tuple[float, float, float, float, float], ...]

    @property
    def nearest(self) -> float:
        return self.bounds[-1][2]

    @property
    def farthest(self) -> float:
        return self.bounds[0][0]


@cache
def groups() -> tuple[Group, ...]:
    """All slices from the farthest to the nearest: behind the focus 1/8 to 1/2 size, full, in front 1/2 to 1/8."""
    radii = [0.0]
    while radii[-1] < LARGEST_RADIUS_PX:
        radii.append(radii[-1] + max(_LEAST_STEP_PX, _GROWTH * radii[-1]))
    series = [-radius for radius in radii[:0:-1]] + radii
    last = len(series) - 1
    bounds = [
        (
            series[max(i - 1, 0)],
            radius,
            series[min(i + 1, last)],
            series[min(i + LIKE_SLICES - 1, last)],
            series[min(i + LIKE_SLICES, last)],
        )
        for i, radius in enumerate(series)
    ]
    made: list[tuple[int, list[tuple[float, float, float, float, float]]]] = []
    for bound in bounds:
        level = sum(abs(bound[1]) >= start for start in _LEVEL_FROM_PX) - 1
        if not made or made[-1][0] != level:
            made.append((level, []))
        made[-1][1].append(bound)
    return tuple(Group(level=level, bounds=tuple(slices)) for level, slices in made)


def _signed_square(radius: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return radius * jnp.abs(radius)


def _ramp(
    radius: Float[Array, "*shape"], start: Float[Array, ""], stop: Float[Array, ""]
) -> Float[Array, "*shape"]:
    """0 up to `start`, 1 from `stop`, between them linear in the signed square."""
    low, high = _signed_square(start), _signed_square(stop)
    span = jnp.where(high > low, high - low, 1.0)
    return jnp.where(high > low, jnp.clip((_signed_square(radius) - low) / span, 0.0, 1.0), 0.0)


def share_and_reach(
    radius: Float[Array, "*shape"], bound: Float[Array, "5"]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """For a surface of this signed radius: its share in the slice, and 1 unless it is so near as to hide it."""
    not_nearer = 1 - _ramp(radius, bound[1], bound[2])
    first = bound[0] == bound[1]
    farther = jnp.where(first, 0.0, 1 - _ramp(radius, bound[0], bound[1]))
    return not_nearer - farther, 1 - _ramp(radius, bound[3], bound[4])
