"""The metric scale of a depth map, and the lens that an operation's options select.

    scale = scale_of(options, range_per_m, known)    # measured, estimated, set by the options, or assumed
    lens = lens_of(options)                          # None for no particular lens
    view = view_of(options, lens, focus_m=2.1, equivalent_mm=28.0)

A depth map holds disparity from 0 (farthest) to 1 (nearest), which is linear in inverse distance.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .catalogue.blur import BlurOptions
from .catalogue.lens import LensOptions
from .errors import UsageError
from .lenses import FORMATS, Lens, View, in_metres

ASSUMED_NEAREST_M = 1.75
"""Distance of a disparity of 1 if the metric scale is unknown; blur by f-number alone assumes the same."""

RangePerM = tuple[float, float]
"""Inverse distances in 1/m at disparity 0 and 1."""

Known = Sequence[tuple[float, float]]
"""Pairs of a disparity and its distance in metres."""

_LEAST_GAP = 0.02  # difference of disparity between the farthest and the nearest known distance
_LEAST_INVERSE = 0.02  # a point farther than 50 times the distance of white counts as infinitely far


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The metric scale of a disparity map.

    Attributes:
        range_per_m: inverse distance in 1/m at disparity 0 and 1. The first is negative if disparities above 0
            represent infinity, which distances set by the user can imply.
        assumed: whether the scale is only an assumption, without measured or estimated metres.
        stated: whether it follows from distances that the user set.
        known: disparities whose distances the user set.
    """

    range_per_m: RangePerM
    assumed: bool = False
    stated: bool = False
    known: Known = ()

    @property
    def is_known(self) -> bool:
        """Whether its distances are measured or estimated, or follow from the user's, instead of being assumed."""
        return self.stated or not self.assumed

    @property
    def span_per_m(self) -> float:
        """Difference of inverse distance, in 1/m, between disparity 0 and 1."""
        low, high = self.range_per_m
        return high - low

    def disparity(self, distance_m: float) -> float:
        """Return the disparity of a distance; it is below 0 or above 1 outside the picture's range."""
        return (1 / distance_m - self.range_per_m[0]) / self.span_per_m

    def distance_m(self, disparity: float) -> float:
        """Return the distance that a disparity represents; it may be infinite."""
        inverse = self.range_per_m[0] + disparity * self.span_per_m
        return 1 / inverse if inverse > 0 else math.inf

    @property
    def infinity(self) -> float | None:
        """The disparity that represents infinity; None if none above 0 does."""
        return self.disparity(math.inf) if self.range_per_m[0] < 0 else None

    def limited(self, disparity: float) -> float:
        """Return the disparity, or that of infinity if it is lower."""
        return disparity if self.infinity is None else max(disparity, self.infinity)


@dataclass(frozen=True, kw_only=True)
class DepthMetres:
    """The metres of a depth layer, recorded with the result that created it.

    Attributes:
        range_per_m: inverse distance in 1/m at disparity 0 and 1.
        equivalent_mm: 35 mm equivalent focal length of the picture; None if unknown.
        source: text for the user that says where the focal length comes from.
    """

    range_per_m: RangePerM
    equivalent_mm: float | None = None
    source: str = ""

    @staticmethod
    def of_values(values: Mapping[str, Any]) -> DepthMetres | None:
        """Return the metres that a result reports in its values; None if its depth is not in metres."""
        return DepthMetres.from_dict(
            {
                "range_per_m": values.get("depth_range_per_m"),
                "equivalent_mm": values.get("focal_length_equivalent_mm"),
                "source": values.get("focal_length_source", ""),
            }
        )

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> DepthMetres | None:
        """Return the metres in `fields`; None if they are not valid, because records may be damaged."""
        limits, focal, source = (fields.get(name) for name in ("range_per_m", "equivalent_mm", "source"))
        if not isinstance(limits, list | tuple) or len(limits) != 2 or not all(map(_is_number, limits)):
            return None
        low, high = float(limits[0]), float(limits[1])
        if not 0 <= low < high:
            return None
        known = _is_number(focal) and focal > 0  # type: ignore[operator]
        return DepthMetres(
            range_per_m=(low, high),
            equivalent_mm=float(focal) if known else None,  # type: ignore[arg-type]
            source=source if known and isinstance(source, str) else "",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the metres as JSON types, which `from_dict` reads."""
        return {**asdict(self), "range_per_m": list(self.range_per_m)}

    def to_values(self) -> dict[str, Any]:
        """Return the metres as values of a result, which `of_values` reads."""
        values: dict[str, Any] = {"depth_range_per_m": list(self.range_per_m)}
        if self.equivalent_mm is not None:
            values |= {"focal_length_equivalent_mm": self.equivalent_mm, "focal_length_source": self.source}
        return values


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) <= sys.float_info.max  # type: ignore[arg-type]


def scale_of(options: LensOptions, range_per_m: RangePerM | None, known: Known = ()) -> Scale:
    """Return the metric scale of the depth map: the one set by the options, else the measured or an assumed one.

    Args:
        options: options of the operation, with the distances of white and black.
        range_per_m: the measured or estimated scale; None if it is not known.
        known: disparities whose distances the user set.

    Raises:
        UsageError: white would be farther away than black, or the known distances contradict the depth map.
    """
    nearest, farthest = options.nearest_m, options.farthest_m
    assumed = range_per_m is None
    stated = bool(known) or nearest is not None or farthest is not None
    low, high = range_per_m if range_per_m is not None else (0.0, 1 / ASSUMED_NEAREST_M)
    low = low if farthest is None else 1 / farthest
    high = high if nearest is None else 1 / nearest
    if not high > low:
        raise UsageError(
            "With these settings, white in the depth map is {near} away and black {far}.",
            hint="White must be nearer than black.",
            near=in_metres(1 / high),
            far=in_metres(1 / low),
        )
    if known:
        ends = tuple((at, distance) for at, distance in ((1.0, nearest), (0.0, farthest)) if distance is not None)
        low, high = _through((*known, *ends), (low, high))
    return Scale(range_per_m=(low, high), assumed=assumed, stated=stated, known=tuple(known))


def _through(known: Known, range_per_m: RangePerM) -> RangePerM:
    """Return the scale on which the known disparities have their distances.

    A single distance multiplies the scale `range_per_m`. Several determine it by least squares of the relative
    errors of the distances; two determine it exactly.
    """
    low, high = range_per_m
    if len(known) == 1:
        (at, distance) = known[0]
        inverse = low + at * (high - low)
        if inverse < _LEAST_INVERSE * high:
            raise UsageError(
                "In the depth map, the point that is {distance} away is infinitely far.",
                hint="Set the distance of a nearer point.",
                distance=in_metres(distance),
            )
        return low / inverse / distance, high / inverse / distance
    ordered = sorted(known)
    (far_at, far), (near_at, near) = ordered[0], ordered[-1]
    if near_at - far_at < _LEAST_GAP:
        raise UsageError(
            "In the depth map, the points that are {near} and {far} away have the same depth.",
            hint="Set the distances of a near and of a far point.",
            near=in_metres(near),
            far=in_metres(far),
        )
    # Minimise the sum of (d (a + b x) - 1)² over the disparities x and the distances d.
    rows = [(distance, distance * at) for at, distance in known]
    aa, ab, bb = (sum(row[i] * row[j] for row in rows) for i, j in ((0, 0), (0, 1), (1, 1)))
    a, b = sum(row[0] for row in rows), sum(row[1] for row in rows)
    low, span = (value / (aa * bb - ab * ab) for value in (a * bb - b * ab, b * aa - a * ab))
    if not span > 0:
        raise UsageError(
            "In the depth map, the point that is {near} away is in front of the one that is {far} away.",
            hint="Correct the distances, or the depth map.",
            near=in_metres(near),
            far=in_metres(far),
        )
    return low, low + span


def focus_of(options: LensOptions, scale: Scale) -> float | None:
    """Return the disparity of the focus distance set in metres; None if it is not set."""
    return None if options.focus_m is None else scale.disparity(options.focus_m)


def lens_of(options: BlurOptions) -> Lens | None:
    """Return the lens that the options select; None for no particular lens."""
    if options.lens_mm is None:
        return None
    return Lens(focal_mm=options.lens_mm, f_number=options.f_number, form=FORMATS[options.sensor])


def view_of(options: LensOptions, lens: Lens, *, focus_m: float, equivalent_mm: float | None) -> tuple[View, bool]:
    """Return the angle of view to blur with, and whether it is only assumed to be the lens's.

    Args:
        options: the operation's options.
        lens: the lens that they select.
        focus_m: the focus distance in metres.
        equivalent_mm: the picture's own 35 mm equivalent focal length; None if unknown.

    Raises:
        UsageError: the lens cannot focus at this distance.
    """
    view = lens.view_at(focus_m)
    if options.view != "picture":
        return view, False
    if equivalent_mm is None:
        return view, True
    return View(focal_diagonals=equivalent_mm / FORMATS["full_frame"].diagonal_mm), False
