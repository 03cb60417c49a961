"""Choose the disparity to focus on: a distance in metres, a number, a point of the picture, or the subject.

Also reads the disparities of the points whose distance the user knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Inputs, kept_for
from dioptre.features.depth import disparity_around
from dioptre.features.subject import kept_subject
from dioptre.models.loading import unload_after
from dioptre.runtime import release_after
from dioptre_link.catalogue.lens import LensOptions
from dioptre_link.catalogue.lens_blur import LensBlurOptions
from dioptre_link.errors import UsageError
from dioptre_link.metres import Scale, focus_of


@dataclass(frozen=True, kw_only=True)
class ChosenFocus:
    """The focus that an operation's options choose.

    Attributes:
        disparity: the disparity in focus.
        at: (x, y), the point of the subject that was focused on, as fractions of the picture's width and height;
            None if the options chose the focus.
        models: checksums of the networks that found the subject, if any were run.
        messages: sentences for the user.
    """

    disparity: float
    at: tuple[float, float] | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


def chosen_focus(
    inputs: Inputs, disparity: Float32[np.ndarray, "h w"], options: LensBlurOptions, scale: Scale
) -> ChosenFocus:
    """Return the focus: a real lens's distance in metres, else the one set by the options, else the subject.

    A real lens focuses no farther than infinity.
    """
    focus = _chosen(inputs, disparity, options, scale)
    return replace(focus, disparity=scale.limited(focus.disparity)) if options.selects_lens else focus


def _chosen(
    inputs: Inputs, disparity: Float32[np.ndarray, "h w"], options: LensBlurOptions, scale: Scale
) -> ChosenFocus:
    if options.selects_lens and (in_metres := focus_of(options, scale)) is not None:
        return ChosenFocus(disparity=in_metres)
    if options.focal_disparity is not None:
        return ChosenFocus(disparity=options.focal_disparity)
    if options.focus is not None:
        return ChosenFocus(disparity=disparity_at(disparity, options.focus))
    return kept_for(inputs.kept, "subject's focus", disparity, compute=lambda: _subjects_focus(inputs, disparity))


def _subjects_focus(inputs: Inputs, disparity: Float32[np.ndarray, "h w"]) -> ChosenFocus:
    subject = kept_subject(inputs, disparity, at=None)
    assert subject.focal_disparity is not None  # every subject has a focal disparity if depth is given
    focus = ChosenFocus(
        disparity=subject.focal_disparity,
        at=subject.focus_at,
        models=subject.models,
        messages=subject.messages,
    )
    del subject
    unload_after(disparity.shape)
    release_after(disparity.shape)
    return focus


def focused_at(place: tuple[float, float] | None) -> dict[str, Any]:
    """Return the values of a result that say where on the subject the focus is; none if it is elsewhere."""
    return {} if place is None else {"focus_at": [round(share, 4) for share in place]}


def disparity_at(disparity: Float32[np.ndarray, "h w"], point: tuple[float, float]) -> float:
    """Return the disparity to focus on for a point (x, y) of the picture: the median of the 9 x 9 pixels around it.

    Raises:
        UsageError: the point is outside the picture.
    """
    height, width = disparity.shape
    x, y = point
    if not (0 <= x < width and 0 <= y < height):
        raise UsageError(
            "The focus point {x},{y} is outside the picture.",
            hint="Use x from 0 to {width} and y from 0 to {height}.",
            x=format(x, "g"),
            y=format(y, "g"),
            width=width - 1,
            height=height - 1,
        )
    return disparity_around(disparity, point)


def known_distances(disparity: Float32[np.ndarray, "h w"], options: LensOptions) -> tuple[tuple[float, float], ...]:
    """Return pairs of the disparity and the distance in metres of the points whose distance the user knows."""
    return tuple((disparity_around(disparity, (x, y)), metres) for x, y, metres in options.known_distance)
