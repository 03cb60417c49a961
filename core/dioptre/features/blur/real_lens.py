"""Simulate a real lens: convert its options and metric depth to a blur radius in pixels and a depth of field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.contract import FieldOfView, Inputs
from dioptre.optics.defocus import Focus, relative_max_radius_px
from dioptre_link.catalogue.blur import BlurOptions
from dioptre_link.catalogue.lens import LensOptions
from dioptre_link.language import Message
from dioptre_link.lenses import depth_of_field, in_metres, radius_per_inverse_metre
from dioptre_link.metres import DepthMetres, Scale, lens_of, view_of


@dataclass(frozen=True, kw_only=True)
class LensBlur:
    """The blur of a real lens, or of a radius.

    Attributes:
        focus: the plane in focus, and how much blur a difference of disparity from it gives.
        values: distances in metres, as JSON types.
        messages: sentences for the user.
    """

    focus: Focus
    values: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


def given_metres(inputs: Inputs) -> dict[str, Any]:
    """Return the values that report the metres of the depth in `inputs`; empty if they are not known."""
    if inputs.range_per_m is None:
        return {}
    view = inputs.field_of_view
    return DepthMetres(
        range_per_m=inputs.range_per_m,
        equivalent_mm=None if view is None else round(view.equivalent_mm, 1),
        source="" if view is None else view.source,
    ).to_values()


def within_infinity(
    disparity: Float32[np.ndarray, "h w"], options: LensOptions, scale: Scale
) -> Float32[np.ndarray, "h w"]:
    """Return the disparity to blur by: with a real lens, nothing is farther than infinity."""
    if scale.infinity is None or not options.selects_lens:
        return disparity
    return np.maximum(disparity, np.float32(scale.infinity))


def _stated_distances(scale: Scale) -> dict[str, Any]:
    """Return the values that report the user's known distances, so that a ruler has the same scale."""
    return {"known_distances": [[round(at, 4), distance] for at, distance in scale.known]} if scale.known else {}


def lens_blur_of(
    options: BlurOptions,
    size: tuple[int, int],
    *,
    focal_disparity: float,
    focus_range: float,
    scale: Scale,
    field_of_view: FieldOfView | None,
) -> LensBlur:
    """Compute the blur of the lens that the options select; without a lens, that of their radius or f-number.

    Args:
        options: options of the operation, with those of the lens.
        size: (height, width) of the picture.
        focal_disparity: the disparity in focus.
        focus_range: disparity on either side of the focus that stays sharp beyond the lens's own range.
        scale: the metric scale of the disparity.
        field_of_view: the picture's own angle of view, if known.

    Raises:
        UsageError: the lens cannot focus at this distance.
    """

    def focus(max_radius_px: float) -> Focus:
        return Focus(
            focal_disparity=focal_disparity,
            max_radius_px=max_radius_px,
            range=focus_range,
            foreground=options.foreground_strength,
            background=options.background_strength,
        )

    if (lens := lens_of(options)) is None:
        radius = options.max_radius
        chosen = relative_max_radius_px(size, f_number=options.f_number) if radius is None else float(radius)
        return LensBlur(focus=focus(chosen), values=_stated_distances(scale))
    focus_m = scale.distance_m(focal_disparity)
    messages: list[str] = []
    own_mm = None if field_of_view is None else field_of_view.equivalent_mm
    view, is_lenss = view_of(options, lens, focus_m=focus_m, equivalent_mm=own_mm)
    if is_lenss:
        messages.append("The picture's angle of view is not known; that of the lens is assumed.")
    if scale.assumed:
        messages.append(_assumption(scale))
    sharp = depth_of_field(lens, view, focus_m=focus_m, more_per_m=focus_range * scale.span_per_m)
    distances = {}
    if scale.is_known:
        messages.append(
            Message(
                "{focal} mm f/{f_number} on {form}, focused at {focus}: sharp from {near} to {far}; hyperfocal "
                "distance {hyperfocal}.",
                focal=format(lens.focal_mm, "g"),
                f_number=format(lens.f_number, "g"),
                form=Message(lens.form.title),
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
        focus=focus(radius_per_inverse_metre(lens, view) * math.hypot(*size) * scale.span_per_m),
        values={
            **{name: round(distance, 3) for name, distance in distances.items() if math.isfinite(distance)},
            "metres_are_assumed": scale.assumed,
            **_stated_distances(scale),
        },
        messages=tuple(messages),
    )


def _assumption(scale: Scale) -> str:
    near, far = in_metres(scale.distance_m(1.0)), in_metres(scale.distance_m(0.0))
    if scale.stated:
        return Message(
            "The depth is not in metres: by the distances that you set, white is assumed to be {near} away and "
            "black {far}.",
            near=near,
            far=far,
        )
    return Message(
        "The depth is not in metres: white is assumed to be {near} away and "
        "black {far}. For real distances, set a known distance or choose a network that estimates metres.",
        near=near,
        far=far,
    )
