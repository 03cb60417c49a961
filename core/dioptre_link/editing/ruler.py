"""The depth-of-field ruler below the depth histogram: the focus and the sharp range in metres.

Everything is computed from the options and from the values that the last preview decided, so the ruler follows the
lens, the aperture and the focus without waiting for the next preview. Positions are disparities, as on the
histogram: 0 is farthest, 1 nearest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..catalogue.blur import F_NUMBER, MAX_RADIUS, BlurOptions
from ..catalogue.depth import EQUIVALENT
from ..catalogue.focus import FOCAL_DISPARITY, FOCUS_RANGE, USUAL_FOCUS_RANGE
from ..catalogue.lens import BLACK, FOCUS_M, KNOWN_DISTANCE, WHITE, LensOptions
from ..errors import UsageError
from ..language import Message, translated
from ..lenses import RADIUS_SHARE, SHARP_DIAGONALS, depth_of_field, in_metres
from ..metres import DepthMetres, Scale, focus_of, lens_of, scale_of, view_of

Values = Mapping[str, Any]

HELP = Message(
    "The sharp range in metres: the bar on the ruler reaches from the far to the near limit, and the yellow mark "
    "is the hyperfocal distance. Set a lens, or distances that you know, under More options. Distances "
    "appear only if the depth is in metres, or if you set one."
)
_ROUND_M = tuple(step * 10**power for power in range(-2, 4) for step in (1, 2, 3, 5))  # 1 cm to 5 km


@dataclass(frozen=True, kw_only=True)
class Ruler:
    """The ruler for one setting.

    Attributes:
        scale: the distances of the histogram's positions.
        focus_m: the focus distance.
        near_m: the near limit of the sharp range.
        far_m: its far limit; it may be infinite.
        hyperfocal_m: the hyperfocal distance of the lens; None without a real lens.
    """

    scale: Scale
    focus_m: float
    near_m: float
    far_m: float
    hyperfocal_m: float | None = None

    def position(self, distance_m: float) -> float:
        """Return the position of a distance, limited to the ruler's ends."""
        return min(max(self.scale.disparity(distance_m), 0.0), 1.0)

    @property
    def sharp(self) -> tuple[float, float]:
        """Positions of the far and the near limit."""
        return self.position(self.far_m), self.position(self.near_m)

    @property
    def hyperfocal(self) -> float | None:
        """Position of the hyperfocal distance; None without a lens or beyond the ruler's ends."""
        if self.hyperfocal_m is None or not 0 <= self.scale.disparity(self.hyperfocal_m) <= 1:
            return None
        return self.position(self.hyperfocal_m)

    def ticks(self, least_gap: float) -> tuple[tuple[float, str], ...]:
        """Return the positions and labels of round distances, from far to near.

        Args:
            least_gap: smallest distance between two positions, so that labels do not overlap.
        """
        distances = [math.inf, *reversed(_ROUND_M)]
        chosen: list[tuple[float, str]] = []
        for distance in distances:
            at = self.scale.disparity(distance)
            if 0 <= at <= 1 and (not chosen or at - chosen[-1][0] >= least_gap):
                chosen.append((at, "∞" if math.isinf(distance) else in_metres(distance)))
        return tuple(chosen)

    def lines(self) -> tuple[str, str]:
        """Return the distances as two lines for the user, in English or as templates; the second may be empty."""
        focus, near, far = (in_metres(value) for value in (self.focus_m, self.near_m, self.far_m))
        first = Message("Focus {focus}, sharp from {near} to {far}", focus=focus, near=near, far=far)
        if self.hyperfocal_m is None:
            return first, ""
        return first, Message("Hyperfocal {hyperfocal}", hyperfocal=in_metres(self.hyperfocal_m))


def label_place(position: float, width: int, label: int) -> tuple[float, float]:
    """Return where the text of a tick goes: centred below it as far as the ruler's ends allow.

    Args:
        position: the tick's position, 0 to 1.
        width: the ruler's width in pixels.
        label: width of the text's field in pixels.

    Returns:
        The left end of the field, and the text's alignment in it: 0 (left), 0.5 or 1 (right).
    """
    left = min(max(position * (width - 1) - label / 2, 0.0), float(width - label))
    return left, 0.0 if left == 0 else 1.0 if left == width - label else 0.5


def distances(shown: Ruler) -> dict[str, float]:
    """Return the distances of the focus, of white and of black, by the names of their options; none is infinite."""
    every = {FOCUS_M: shown.focus_m, WHITE: shown.scale.distance_m(1.0), BLACK: shown.scale.distance_m(0.0)}
    return {name: distance for name, distance in every.items() if math.isfinite(distance)}


def two_lines(shown: Ruler | None) -> str:
    """Return the translated distances as two lines, which are blank if they are not known."""
    return "\n".join(map(translated, ("", "") if shown is None else shown.lines()))


def focal_disparity(values: Values, options: Values) -> float | None:
    """Return the disparity in focus: set in metres for a real lens, set by the user, or chosen by the preview.

    Raises:
        UsageError: white would be farther away than black.
    """
    if (lens := LensOptions.of(options)).selects_lens:
        in_metres_set = focus_of(lens, _scale(values, options))
        if in_metres_set is not None:
            return in_metres_set
    given: float | None = options.get(FOCAL_DISPARITY)
    return given if given is not None else values.get(FOCAL_DISPARITY)


def sharp_range(values: Values, options: Values) -> tuple[float, float] | None:
    """Return the disparities between which the picture is sharp; None if it has no focus.

    Args:
        values: the values that the preview chose automatically.
        options: the user's options, which take precedence, so that a range is visible while it is adjusted.
    """
    try:
        focus = focal_disparity(values, options)
    except UsageError:
        return None
    if focus is None:
        return None
    reach = _focus_range(values, options) + lens_reach(values, options)
    return float(focus) - reach, float(focus) + reach


def lens_reach(values: Values, options: Values) -> float:
    """Return the disparity on either side of the focus that the lens renders sharp.

    It is 0 without a focus, or if the largest blur is set in pixels instead of by an f-number.
    """
    try:
        found = _ruler(values, options, more=0.0)
    except UsageError:
        return 0.0
    if found is None:
        return 0.0
    if found.hyperfocal_m is None:
        return _reach_of_aperture(options)
    return 1 / (found.hyperfocal_m * found.scale.span_per_m)


def _reach_of_aperture(options: Values) -> float:
    """Return the disparity on either side of the focus that stays sharp without a particular lens."""
    if F_NUMBER not in options or options.get(MAX_RADIUS) is not None:
        return 0.0
    return SHARP_DIAGONALS / 2 / RADIUS_SHARE * float(options[F_NUMBER])


def ruler_of(values: Values, options: Values) -> Ruler | None:
    """Return the ruler.

    It is None without a focus, if the lens cannot focus there, which the preview reports, and if distances are
    neither measured or estimated nor set by the user.
    """
    try:
        found = _ruler(values, options, more=_focus_range(values, options))
    except UsageError:
        return None
    return found if found is not None and found.scale.is_known else None


def _ruler(values: Values, options: Values, *, more: float) -> Ruler | None:
    focus, scale = focal_disparity(values, options), _scale(values, options)
    if focus is None:
        return None
    focus_m = scale.distance_m(focus)
    chosen = BlurOptions.of(options)
    if (lens := lens_of(chosen)) is None:
        reach = more + _reach_of_aperture(options)
        near_m, far_m = scale.distance_m(focus + reach), scale.distance_m(focus - reach)
        return Ruler(scale=scale, focus_m=focus_m, near_m=near_m, far_m=far_m)
    own_mm = options.get(EQUIVALENT)
    view, _ = view_of(
        chosen,
        lens,
        focus_m=focus_m,
        equivalent_mm=values.get("focal_length_equivalent_mm") if own_mm is None else own_mm,
    )
    sharp = depth_of_field(lens, view, focus_m=focus_m, more_per_m=more * scale.span_per_m)
    return Ruler(
        scale=scale, focus_m=focus_m, near_m=sharp.near_m, far_m=sharp.far_m, hyperfocal_m=sharp.hyperfocal_m
    )


def _scale(values: Values, options: Values) -> Scale:
    metres = DepthMetres.of_values(values)
    known = values.get("known_distances", ()) if options.get(KNOWN_DISTANCE) else ()
    return scale_of(
        LensOptions.of(options), None if metres is None else metres.range_per_m, tuple(map(tuple, known))
    )


def _focus_range(values: Values, options: Values) -> float:
    reach = options.get(FOCUS_RANGE)
    if reach is None:
        reach = 0.0 if LensOptions.of(options).selects_lens else values.get(FOCUS_RANGE)
    return USUAL_FOCUS_RANGE if reach is None else max(float(reach), 0.0)
