"""The depth slices: a fixed series of signed radii, and how pixels are shared out among them.

The series does not depend on the picture or the focus, so that kernels drawn once serve every setting. A pixel
between two radii belongs to both, in shares that are linear in the signed square of the radius: then the spread
(second moment) of its light is exact, and slices leave no bands.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

LARGEST_RADIUS_PX = 320.0
LIKE_SLICES = 3
"""Slices nearer than this to each other are blurred so much alike that neither hides the other."""

_LEAST_STEP_PX = 0.5
_SEAM = 1e-3  # of a radius: the width of the step from one group to the next
_MORE = 1.2  # of a radius: blurred more than a slice
_GROWTH = 0.2  # of the radius from one slice to the next
_LEVEL_FROM_PX = (0.0, 10.5, 20.5, 63.0)  # radii from here on are blurred at 1, 1/2, 1/4, 1/8 of the size
_COARSE_FROM_PX = (0.0, 5.0, 10.5, 31.0)

LEVELS = len(_LEVEL_FROM_PX)


class SliceBounds(NamedTuple):
    """Signed radii in pixels that define one slice; floats, or scalars of an array on the device.

    before, radius, after: a surface's share in the slice rises from the first to the second, falls to the third.
    hides_from, hides_to: between these, nearer surfaces begin to hide the slice.
    blocks_from, blocks_to: between these, nearer surfaces cease to block it. Surfaces that are blurred less block a
        slice behind the focus, whose own discs have to find a way past them; nothing blocks a slice in front of it.
    """

    before: Any
    radius: Any
    after: Any
    hides_from: Any
    hides_to: Any
    blocks_from: Any
    blocks_to: Any


@dataclass(frozen=True, kw_only=True)
class Group:
    """Slices of neighbouring radii that are blurred at one size, farthest first.

    level: the size is 1 / 2**level.
    """

    level: int
    bounds: tuple[SliceBounds, ...]

    @property
    def nearest(self) -> float:
        return float(self.bounds[-1].after)

    @property
    def farthest(self) -> float:
        return float(self.bounds[0].before)


@cache
def groups(*, subject_px: float | None = None, coarse: bool = False) -> tuple[Group, ...]:
    """All slices from the farthest to the nearest: behind the focus 1/8 to 1/2 size, full, in front 1/2 to 1/8.

    subject_px: makes three groups of the full-size one, parted at this radius behind and in front of the focus.
    coarse: with half as many slices, and smaller sizes from half the radius on.

    Groups meet at a radius that both have a slice for, and share no pixel: laid over each other as wholes, two
    halves of one surface would cover too much at its edge.
    """
    radii = [0.0]
    while radii[-1] < LARGEST_RADIUS_PX:
        radii.append(radii[-1] + max(_LEAST_STEP_PX, _GROWTH * radii[-1]))
    series = [-radius for radius in radii[:0:-1]] + radii
    pairs = list(itertools.pairwise(series))
    starts = _COARSE_FROM_PX if coarse else _LEVEL_FROM_PX
    levels = [sum(min(abs(one), abs(other)) >= start for start in starts) - 1 for one, other in pairs]
    parts = [
        0 if subject_px is None or max(map(abs, pair)) <= subject_px else math.copysign(1, sum(pair))
        for pair in pairs
    ]
    series_groups = []
    first = 0
    while first < len(levels):
        last = first
        while last + 1 < len(levels) and (levels[last + 1], parts[last + 1]) == (levels[first], parts[first]):
            last += 1
        own = series[first : last + 2]
        if coarse:
            own = [radius for place, radius in enumerate(own) if place % 2 == 0 or radius in (0.0, own[-1])]
        blocked_to = -subject_px if subject_px is not None and parts[first] < 0 else None
        series_groups.append(Group(level=levels[first], bounds=_bounds(own, blocked_to)))
        first = last + 1
    return tuple(series_groups)


def levels_for(radius_px: float, series: tuple[Group, ...]) -> int:
    """How many sizes are blurred at in a picture with no larger circle of confusion."""
    return 1 + max(group.level for group in series if group.farthest < radius_px and group.nearest > -radius_px)


def _bounds(radii: list[float], blocked_to: float | None) -> tuple[SliceBounds, ...]:
    """Bounds of a group's slices; it holds surfaces from just below its first radius to just below its last.

    blocked_to: what is nearer blocks none of it; None for what follows from the slices' own radii.
    """

    def below(radius: float) -> float:
        return radius - _SEAM * abs(radius)

    def blocks_to(radius: float, start: tuple[float, float]) -> tuple[float, float]:
        if blocked_to is not None:
            return below(blocked_to), blocked_to
        return (-radius, -_MORE * radius) if radius < 0 else start

    seam = [below(radius) for radius in radii]
    before = [seam[0], *radii[:-1]]
    own = [*radii[:-1], seam[-1]]
    after = [*radii[1:], radii[-1]]
    after[-2] = seam[-1]
    bounds = []
    for index in range(len(radii)):
        # All of a nearer group hides this slice, and within the group what is not alike.
        hides = min(index + LIKE_SLICES, len(radii))
        pair = (seam[-1], radii[-1]) if hides == len(radii) else (own[hides - 1], own[hides])
        bounds.append(SliceBounds(before[index], own[index], after[index], *pair, *blocks_to(own[index], pair)))
    return tuple(bounds)


def signed_square(radius: Any) -> Any:
    """radius * |radius|, for arrays of NumPy or JAX."""
    return radius * abs(radius)


def slice_share(squares: Any, bounds: SliceBounds) -> Any:
    """The share, 0 to 1, of surfaces in a slice.

    Args:
        squares: signed squared radii of the surfaces, an array of NumPy or JAX.
        bounds: of the slice.
    """
    return _ramp(squares, bounds.before, bounds.radius) - _ramp(squares, bounds.radius, bounds.after)


def not_hiding_share(squares: Any, bounds: SliceBounds) -> Any:
    """The share, 0 to 1, of surfaces that is not near enough to hide the slice; arguments of `slice_share`."""
    return 1 - _ramp(squares, bounds.hides_from, bounds.hides_to)


def blocking_share(squares: Any, bounds: SliceBounds) -> Any:
    """The share, 0 to 1, of surfaces that hide the slice and that its discs have to find a way past."""
    hiding = _ramp(squares, bounds.hides_from, bounds.hides_to)
    return (hiding - _ramp(squares, bounds.blocks_from, bounds.blocks_to)).clip(0.0)


def _ramp(squares: Any, start: Any, stop: Any) -> Any:
    """0 up to the radius `start`, 1 from `stop`."""
    low, high = signed_square(start), signed_square(stop)
    return ((squares - low) / (high - low)).clip(0.0, 1.0)
