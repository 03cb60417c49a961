"""The depth slices: a fixed series of signed radii, and the assignment of pixels to them.

The series does not depend on the picture or the focus, so kernels can be reused for all settings. A pixel between
two radii is divided between their slices, linearly in the signed square of the radius. This preserves the spread
(second moment) of its light exactly, so no bands appear between slices.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

LARGEST_RADIUS_PX = 320.0
LIKE_SLICES = 3
"""Slices whose indices differ by less than this have such similar blur that neither hides the other."""

_LEAST_STEP_PX = 0.5
_SEAM = 1e-3  # width of the transition between two groups, as a fraction of the radius where they meet
_MORE = 1.2  # radius, as a multiple of a slice's, from which a surface counts as more blurred
_GROWTH = 0.2  # increase of the radius from one slice to the next, as a fraction of the radius
_LEVEL_FROM_PX = (0.0, 10.5, 20.5, 63.0)  # radii from which slices are blurred at 1, 1/2, 1/4 and 1/8 of the size
_COARSE_FROM_PX = (0.0, 5.0, 10.5, 31.0)

LEVELS = len(_LEVEL_FROM_PX)


class SliceBounds(NamedTuple):
    """Signed radii in pixels that define one slice, as floats or scalars of an array on the device.

    Attributes:
        before: radius above which surfaces begin to belong to the slice.
        radius: the slice's radius; surfaces with this radius belong to it entirely.
        after: radius from which surfaces no longer belong to the slice.
        hides_from: radius above which nearer surfaces begin to hide the slice.
        hides_to: radius from which nearer surfaces hide the slice entirely.
        blocks_from: radius above which surfaces that hide the slice begin to let its discs pass.
        blocks_to: radius from which surfaces no longer block the slice's discs. A slice behind the focus is blocked
            by surfaces that are blurred less, because its discs are wider than theirs; nothing blocks a slice in
            front of the focus.
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
    """Slices of consecutive radii that are blurred at the same size.

    Attributes:
        level: the slices are blurred at 1 / 2**level of the full size.
        bounds: bounds of the slices, farthest first.
    """

    level: int
    bounds: tuple[SliceBounds, ...]

    @property
    def nearest(self) -> float:
        """Upper end of the group's range of signed radii, in pixels."""
        return float(self.bounds[-1].after)

    @property
    def farthest(self) -> float:
        """Lower end of the group's range of signed radii, in pixels."""
        return float(self.bounds[0].before)


@cache
def groups(*, subject_px: float | None = None, coarse: bool = False) -> tuple[Group, ...]:
    """Return all slices in groups, from the farthest to the nearest.

    The groups behind the focus are blurred at 1/8 to 1/2 of the size, those around it at full size, and those in
    front of it at 1/2 to 1/8. Adjacent groups both have a slice at the radius where they meet, but no pixel
    belongs to both groups: each group is composited as a whole, so two halves of one surface would cover too much
    at its edge.

    Args:
        subject_px: split the full-size group into three at this radius behind and in front of the focus.
        coarse: use half as many slices, and reduced sizes from half the usual radius on.
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
    """Return the number of sizes needed to blur a picture with circles of confusion up to this radius."""
    return 1 + max(group.level for group in series if group.farthest < radius_px and group.nearest > -radius_px)


def _bounds(radii: list[float], blocked_to: float | None) -> tuple[SliceBounds, ...]:
    """Return the bounds of a group's slices.

    The group holds surfaces from just below its first radius to just below its last.

    Args:
        radii: radii of the slices, in ascending order.
        blocked_to: radius from which surfaces never block the slices; None to derive it from the slices' own radii.
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
        # A slice is hidden by all nearer groups, and within its group by nearer slices without similar blur.
        hides = min(index + LIKE_SLICES, len(radii))
        pair = (seam[-1], radii[-1]) if hides == len(radii) else (own[hides - 1], own[hides])
        bounds.append(SliceBounds(before[index], own[index], after[index], *pair, *blocks_to(own[index], pair)))
    return tuple(bounds)


def signed_square(radius: Any) -> Any:
    """Return radius * |radius|, for NumPy or JAX arrays."""
    return radius * abs(radius)


def slice_share(squares: Any, bounds: SliceBounds) -> Any:
    """Return the fraction (0 to 1) of each surface that belongs to a slice.

    Args:
        squares: signed squared radii of the surfaces, a NumPy or JAX array.
        bounds: bounds of the slice.
    """
    return _ramp(squares, bounds.before, bounds.radius) - _ramp(squares, bounds.radius, bounds.after)


def not_hiding_share(squares: Any, bounds: SliceBounds) -> Any:
    """Return the fraction (0 to 1) of each surface that is not near enough to hide the slice.

    Args:
        squares: signed squared radii of the surfaces, a NumPy or JAX array.
        bounds: bounds of the slice.
    """
    return 1 - _ramp(squares, bounds.hides_from, bounds.hides_to)


def blocking_share(squares: Any, bounds: SliceBounds) -> Any:
    """Return the fraction (0 to 1) of each surface that hides the slice and blocks its discs.

    Args:
        squares: signed squared radii of the surfaces, a NumPy or JAX array.
        bounds: bounds of the slice.
    """
    hiding = _ramp(squares, bounds.hides_from, bounds.hides_to)
    return (hiding - _ramp(squares, bounds.blocks_from, bounds.blocks_to)).clip(0.0)


def _ramp(squares: Any, start: Any, stop: Any) -> Any:
    """Return a ramp from 0 at the radius `start` to 1 at the radius `stop`."""
    low, high = signed_square(start), signed_square(stop)
    return ((squares - low) / (high - low)).clip(0.0, 1.0)
