"""What a preview shows: the picture of the chosen view, what lies over it, and the marks on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import marks, picking, traits, views
from .events import Image
from .picking import Point
from .state import Phase, State

RED = tuple((235, 30, 30, value * 9 // 16) for value in range(256))
"""Colours (red, green, blue and alpha) of a selection's values from 0 to 255."""

OUTSIDE = tuple((56, 56, 56, 255 - value) for value in range(256))
"""The same for the view of the cut-out, which covers unselected areas."""

AMBER = (255, 190, 60, 255)
"""Colour of what Dioptre places automatically: the focus mark and the subject's outline."""

_EDGE: views.Colours = ((0, 0, 0, 0), AMBER, *[(0, 0, 0, 0)] * 254)


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
        point: the clicked point.
        automatic: the automatic focus; None if the user chose the focus, or if it is not known.
        picked: the clicked objects, and whether each is added or removed.
        measured: the places whose distance is known, and that distance.
        box: the chosen box.
    """

    point: Point | None
    automatic: Point | None
    picked: Sequence[tuple[Point, bool]]
    measured: Sequence[tuple[Point, str]]
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
    if state.view in (views.SELECTED, views.CUT_OUT):
        if shown.selection is None or state.phase is Phase.FAILED:
            return []
        return [
            Overlay(image=shown.selection, colours=RED if state.view == views.SELECTED else OUTSIDE, smooth=True)
        ]
    if state.view != views.FOCUS or shown.after is None:
        return []
    parts = marks.focus_parts(state)
    over = [] if parts is None else [Overlay(image=parts, colours=views.FOCUS_COLOURS)]
    if shown.subject is not None:
        over.append(Overlay(image=marks.outline(shown.subject), colours=_EDGE))
    return over


def marks_of(state: State, size: tuple[int, int]) -> Marks:
    """Return the marks on a layer of `size` (width, height in pixels)."""
    operation, options = state.operation, state.options
    point = None if traits.enlarges(operation) else state.point
    return Marks(
        point=None if point is None else picking.share(point, size),
        automatic=None if point is not None else marks.automatic_place(state),
        picked=picking.marked(operation, options, size),
        measured=picking.measured(operation, options, size),
        box=picking.box_places(operation, options, size),
    )
