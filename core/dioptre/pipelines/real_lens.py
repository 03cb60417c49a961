"""Simulate a real lens: convert its options and metric depth to a blur radius in pixels and a depth of field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dioptre.imaging.field_of_view import FieldOfView
from dioptre_link.errors import UsageError
from dioptre_link.language import Message
from dioptre_link.lenses import FORMATS, Lens, View, depth_of_field, in_metres, radius_per_inverse_metre

ASSUMED_NEAREST_M = 1.75
"""Distance of a disparity of 1 if the metric scale is unknown; blur by f-number alone assumes the same."""

RangePerM = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The metric scale of a disparity map.

    Attributes:
        range_per_m: inverse distance in 1/m at disparity 0 and 1.
        assumed: whether the scale is only an assumption, without measured or estimated metres.
    """

    range_per_m: RangePerM
    assumed: bool = False

    def disparity(self, distance_m: float) -> float:
        """Return the disparity of a distance; it is below 0 or above 1 outside the picture's range."""
        low, high = self.range_per_m
        return (1 / distance_m - low) / (high - low)

    def distance_m(self, disparity: float) -> float:
        """Return the distance that a disparity represents; it may be infinite."""
        low, high = self.range_per_m
        inverse = low + disparity * (high - low)
        return 1 / inverse if inverse > 0 else math.inf


@dataclass(frozen=True, kw_only=True)
class LensBlur:
    """The blur of a real lens.

    Attributes:
        max_radius_px: blur radius for a disparity difference of 1.
        values: distances in metres, as JSON types.
        messages: sentences for the user.
    """

    max_radius_px: float
    values: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


def is_wanted(options: Mapping[str, Any]) -> bool:
    """Return whether the options select a real lens."""
    return options["lens_mm"] is not None


def scale_of(options: Mapping[str, Any], range_per_m: RangePerM | None) -> Scale:
    """Return the metric scale of the depth map: the one set by the options, else the measured or an assumed one.

    Raises:
        UsageError: white would be farther away than black.
    """
    nearest, farthest = options["nearest_m"], options["farthest_m"]
    known = range_per_m is not None
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
    return Scale(range_per_m=(low, high), assumed=not known)


def focus_of(options: Mapping[str, Any], scale: Scale) -> float | None:
    """Return the disparity of the focus distance set in metres; None if it is not set."""
    distance: float | None = options["focus_m"]
    return None if distance is None else scale.disparity(distance)


def lens_blur_of(
    options: Mapping[str, Any],
    size: tuple[int, int],
    *,
    focal_disparity: float,
    scale: Scale,
    field_of_view: FieldOfView | None,
) -> LensBlur:
    """Compute the blur of the lens selected by the options.

    Args:
        options: options of the operation, with those of the lens.
        size: (height, width) of the picture.
        focal_disparity: the disparity in focus.
        scale: the metric scale of the disparity.
        field_of_view: the picture's own angle of view, if known.

    Raises:
        UsageError: the lens cannot focus at this distance.
    """
    form = FORMATS[options["sensor"]]
    lens = Lens(focal_mm=options["lens_mm"], f_number=options["f_number"], form=form)
    focus_m = scale.distance_m(focal_disparity)
    messages: list[str] = []
    view = lens.view_at(focus_m)
    if options["view"] == "picture":
        if field_of_view is not None:
            view = View(focal_diagonals=field_of_view.focal_diagonals)
        else:
            messages.append("The picture's angle of view is not known; that of the lens is assumed.")
    low, high = scale.range_per_m
    if scale.assumed:
        messages.append(
            Message(
                "The depth is not in metres: white is assumed to be {near} away and "
                "black {far}. For real distances, choose a network that estimates metres.",
                near=in_metres(1 / high),
                far=in_metres(1 / low if low > 0 else math.inf),
            )
        )
    sharp = depth_of_field(lens, view, focus_m=focus_m)
    messages.append(
        Message(
            "{focal} mm f/{f_number} on {form}, focused at {focus}: sharp from {near} to {far}; hyperfocal "
            "distance {hyperfocal}.",
            focal=format(lens.focal_mm, "g"),
            f_number=format(lens.f_number, "g"),
            form=Message(form.title),
            focus=in_metres(focus_m),
            near=in_metres(sharp.near_m),
            far=in_metres(sharp.far_m),
            hyperfocal=in_metres(sharp.hyperfocal_m),
        )
    )
    distances = {
        "focus_distance_m": focus_m,
        "sharp_from_m": sharp.near_m,
        "sharp_to_m": sharp.far_m,
        "hyperfocal_m": sharp.hyperfocal_m,
    }
    return LensBlur(
        max_radius_px=radius_per_inverse_metre(lens, view) * math.hypot(*size) * (high - low),
        values={
            **{name: round(distance, 3) for name, distance in distances.items() if math.isfinite(distance)},
            "metres_are_assumed": scale.assumed,
        },
        messages=tuple(messages),
    )
