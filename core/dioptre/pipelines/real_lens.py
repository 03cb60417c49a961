"""A real lens on a picture: from its options and depth in metres to the blur in pixels, and its depth of field."""

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
"""Distance of a disparity of 1 where nobody knows metres: what the f-number alone assumes, too."""

RangePerM = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What disparity stands for. range_per_m: inverse distance at 0 and 1, in 1/m. assumed: nobody measured it."""

    range_per_m: RangePerM
    assumed: bool = False

    def disparity(self, distance_m: float) -> float:
        """Of a distance; below 0 or above 1 where it is outside of the picture's."""
        low, high = self.range_per_m
        return (1 / distance_m - low) / (high - low)

    def distance_m(self, disparity: float) -> float:
        """Infinite where it is."""
        low, high = self.range_per_m
        inverse = low + disparity * (high - low)
        return 1 / inverse if inverse > 0 else math.inf


@dataclass(frozen=True, kw_only=True)
class LensBlur:
    """The blur of a real lens. max_radius_px: radius for a disparity difference of 1.

    values: distances in metres, as JSON types. messages: sentences for the user.
    """

    max_radius_px: float
    values: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


def is_wanted(options: Mapping[str, Any]) -> bool:
    """Whether the options name a real lens."""
    return options["lens_mm"] is not None


def scale_of(options: Mapping[str, Any], range_per_m: RangePerM | None) -> Scale:
    """What the depth map's white and black stand for: as chosen, else as measured, else assumed.

    Raises UsageError where white would be farther than black.
    """
    nearest, farthest = options["nearest_m"], options["farthest_m"]
    known = range_per_m is not None
    low, high = range_per_m if range_per_m is not None else (0.0, 1 / ASSUMED_NEAREST_M)
    low = low if farthest is None else 1 / farthest
    high = high if nearest is None else 1 / nearest
    if not high > low:
        raise UsageError(
            "White in the depth map would be {near} away, black {far}.",
            hint="White must be nearer than black.",
            near=in_metres(1 / high),
            far=in_metres(1 / low),
        )
    return Scale(range_per_m=(low, high), assumed=not known)


def focus_of(options: Mapping[str, Any], scale: Scale) -> float | None:
    """The disparity of the focus distance that is chosen in metres; None where none is."""
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
    """The blur of the lens that the options name, on a picture of `size` (height, width).

    focal_disparity: in focus. field_of_view: the picture's own, where it is known.
    Raises UsageError for a focus that the lens does not have.
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
            messages.append("The picture's angle of view is not known; the lens's is assumed.")
    low, high = scale.range_per_m
    if scale.assumed:
        messages.append(
            Message(
                "The depth has no metres: white is assumed to be {near} away, black {far}. A network that gives "
                "metres estimates them.",
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
