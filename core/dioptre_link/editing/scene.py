"""What a preview shows: the picture of the chosen view, what lies over it, the marks on it, and their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..catalogue.focus import FOCAL_DISPARITY
from ..language import translated
from . import fetching, picking, traits, views
from .events import Image
from .picking import Mark, Point
from .state import Phase, State

RED = tuple((235, 30, 30, value * 9 // 16) for value in range(256))
"""Colours (red, green, blue and alpha) of a selection's values from 0 to 255."""

OUTSIDE = tuple((56, 56, 56, 255 - value) for value in range(256))
"""The same for the view of the cut-out, which covers unselected areas."""

_INSIDE = bytes(int(value >= views.INSIDE) for value in range(256))
_GREY = (150, 150, 150, 255)
EDGE: views.Colours = ((0, 0, 0, 0), (*Mark.AUTOMATIC.value, 255), *[(0, 0, 0, 0)] * 254)


Segment = tuple[float, tuple[int, int, int, int]]
"""The height of a part of a bar, 0 to 1, and its colour."""


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """An image over the picture, of the same shape.

    Attributes:
        image: a single-channel image.
        colours: the colour of each of its values.
        smooth: whether to interpolate it when it is enlarged.
    """

    image: Image
    colours: views.Colours
    smooth: bool = False


@dataclass(frozen=True, kw_only=True)
class Marks:
    """The marks on a picture. All places are fractions of its width and height.

    Attributes:
        rings: the clicked places, and last the automatic focus if the user chose none and it is known.
        worded: the places with words beside them, such as a known distance.
        dots: the places of known distances.
        box: the chosen box.
    """

    rings: Sequence[tuple[Point, Mark]]
    worded: Sequence[tuple[Point, str]]
    dots: Sequence[Point]
    box: tuple[float, ...] | None


def picture_of(state: State) -> Image | None:
    """Return the picture of the chosen view; None stands for the editor's own picture of the layer."""
    shown = state.shown
    if shown is None or state.view == views.PLACE:
        return None
    if state.view in (views.BEFORE, views.SELECTED, views.CUT_OUT):
        return shown.before
    planes = {views.DEPTH: shown.depth, views.OLD_DEPTH: shown.depth_before, views.CONFIDENCE: shown.confidence}
    return planes.get(state.view, shown.after)


def stands_in(state: State) -> bool:
    """Return whether the layer is shown in place of a result that has not been computed yet."""
    if state.view in (views.PLACE, views.BEFORE):
        return False
    if state.view in (views.SELECTED, views.CUT_OUT):
        return state.phase is not Phase.FAILED and (state.shown is None or state.shown.selection is None)
    return picture_of(state) is None


def overlays(state: State) -> list[Overlay]:
    """Return the images over the picture from the lowest: the selection, or the sharp range and the subject."""
    shown = state.shown
    if shown is None:
        return []
    if state.view in (views.SELECTED, views.CUT_OUT, views.INVENTED):
        if shown.selection is None or state.phase is Phase.FAILED:
            return []
        return [
            Overlay(image=shown.selection, colours=OUTSIDE if state.view == views.CUT_OUT else RED, smooth=True)
        ]
    if state.view != views.FOCUS or shown.after is None:
        return []
    parts = focus_parts(state)
    over = [] if parts is None else [Overlay(image=parts, colours=views.FOCUS_COLOURS)]
    if shown.subject is not None:
        over.append(Overlay(image=outline(shown.subject), colours=EDGE))
    return over


def marks_of(state: State, size: tuple[int, int]) -> Marks:
    """Return the marks on a layer of `size` (width, height in pixels)."""
    operation, options = state.operation, state.options
    chosen = state.point is not None or options.get(FOCAL_DISPARITY) is not None or state.view == views.BEFORE
    automatic = None if chosen or state.shown is None else state.decided.get("focus_at")
    rings, worded = picking.marked(operation, options, size), picking.worded(operation, options, size)
    return Marks(
        rings=rings if automatic is None else [*rings, ((automatic[0], automatic[1]), Mark.AUTOMATIC)],
        worded=worded,
        dots=() if operation.at_marks else tuple(place for place, _ in worded),
        box=picking.box_places(operation, options, size),
    )


@lru_cache(maxsize=1)
def outline(coverage: Image) -> Image:
    """Return a mask of the same size: 1 along the subject's edge, two pixels wide, and 0 elsewhere."""
    width, height = coverage.width, coverage.height
    inside = coverage.data.translate(_INSIDE)
    whole = int.from_bytes(inside, "little")
    across = whole ^ (whole >> 8) | whole ^ (whole << 8)
    along = whole ^ (whole >> 8 * width) | whole ^ (whole << 8 * width)
    edge = bytearray((across | along).to_bytes(len(inside) + width + 1, "little")[: len(inside)])
    edge[::width] = edge[width - 1 :: width] = bytes(height)  # a row's end is not next to the next row's start
    edge[:width] = edge[-width:] = bytes(width)
    return Image(width=width, height=height, channels=1, data=bytes(edge))


def focus_parts(state: State) -> Image | None:
    """Return an image that marks each pixel as sharp, in front of the focus, or behind it; None if unknown.

    Its values are indices of `views.FOCUS_COLOURS`. A subject whose depth is pulled into focus is sharp over a
    wider range of its own depth.
    """
    shown, sharp, kept = state.shown, state.sharp, state.sharp_of_subject
    if shown is None or shown.depth is None or sharp is None:
        return None
    depth, subject = shown.depth, shown.subject
    parts = depth.data.translate(views.focus_classes(sharp))
    if kept not in (None, sharp) and subject is not None:
        inside = depth.data.translate(views.focus_classes(kept or sharp))
        parts = _where(subject.data.translate(views.COVERED), inside, parts)
    return Image(width=depth.width, height=depth.height, channels=1, data=parts)


def histogram(state: State, bins: int) -> list[tuple[Segment, Segment]]:
    """Return the bars of the depth histogram, from far to near, in the colours of the Focus view.

    Each bar is a segment for the whole picture, and a lower one over it for the subject. The heights are 0 to 1.
    """
    shown = state.shown
    if shown is None or shown.depth is None:
        return [((0.0, _GREY), (0.0, _GREY))] * bins
    counts, inside = views.depth_counts(shown.depth, shown.subject)
    rest_of, subject_of = (
        [_GREY] * 256 if sharp is None else [views.FOCUS_COLOURS[part] for part in views.focus_classes(sharp)]
        for sharp in (state.sharp, state.sharp_of_subject)
    )
    sums = [[sum(each[_values(place, bins)]) for place in range(bins)] for each in (counts, inside)]
    fullest = max(sums[0]) or 1
    bars = []
    for place, (count, of_subject) in enumerate(zip(*sums, strict=True)):
        value = (2 * place + 1) * 128 // bins
        height = (count / fullest) ** 0.6 * 0.92
        part = height * of_subject / max(count, 1)
        bars.append(((height, rest_of[value]), (part, subject_of[value])))
    return bars


def _values(place: int, bins: int) -> slice:
    return slice(-(-256 * place // bins), -(-256 * (place + 1) // bins))


def _where(mask: bytes, inside: bytes, outside: bytes) -> bytes:
    """Take bytes from `inside` where the mask is 255 and from `outside` where it is 0, using large integers."""
    chosen, first, second = (int.from_bytes(part, "little") for part in (mask, inside, outside))
    return (second ^ (chosen & (first ^ second))).to_bytes(len(mask), "little")


def automatic_words(state: State) -> str:
    """Describe, in the user's language, what is in focus or where a layer stands if the user clicked no point."""
    if state.operation.places:
        depths = [each for each in state.operation.parameters if each.name in state.operation.click_resets]
        if not all(each.applies(state.options) for each in depths):
            return translated("on the surface where it is")
        fixed = any(state.options.get(each.name) is not None for each in depths)
        return translated("at a fixed depth" if fixed else "behind the subject")
    if not traits.focuses(state.operation):
        return translated("none: click the picture")
    if state.options.get(FOCAL_DISPARITY) is not None:
        return translated("at a fixed depth")
    shown = state.shown
    missing = state.phase is Phase.READY and shown is not None and shown.subject is None
    return translated("the subject" if traits.finds_subject(state.operation) and not missing else "automatic")


def sign(state: State) -> str:
    """Return what to show over the picture, in the user's language, while it does not match the options."""
    if state.phase is Phase.DRAFT:
        return translated("Draft")
    if state.phase is Phase.MISSING:
        return translated(fetching.needs(state) or "") if state.out_of_date else ""
    if state.phase is Phase.FAILED:  # A selection is clicked in the picture now, so no text may cover it.
        return translated("No preview") if state.out_of_date and not traits.selects(state.operation) else ""
    if state.phase in (Phase.EMPTY, Phase.READY):
        return ""
    # At the end, the worker says that it is done, but the picture below is not the result yet.
    words = translated(state.message if state.message and state.fraction < 1 else "Waiting for the preview")
    return f"{translated(state.operation.title)}: {words}…"
