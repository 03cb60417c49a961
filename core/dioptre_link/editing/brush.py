"""The focus brush or subject brush in a preview: its tools, the user's strokes, and their display.

Like the functions of `state`, most functions here take a state and return the next one. A place is a pair of
fractions of the picture's width and height.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from ..errors import UsageError
from ..language import translated
from ..operation import Kind, Operation, Parameter
from ..strokes import HARD
from . import picking, traits, views
from . import state as states
from .events import Image
from .picking import Click
from .state import Brush, Phase, Point, State, Tool

Change = Callable[[Callable[[State], State]], object]
"""Function that changes a dialog's state; its argument is a function from the old to the new state."""

SMALLEST, LARGEST = 0.005, 0.2
"""Range of the brush's radius that a user can set, as a fraction of the picture's longer side."""

SEEN = (1 + HARD) / 2
"""Radius of the displayed stroke, as a fraction of the brush's radius: at its edge, the effect is one half."""

OVERLAY_PX = 512  # longer side of an overlay, in pixels
COLOURS: views.Colours = ((0, 0, 0, 0), views.SHARP, views.BEHIND, *[(0, 0, 0, 0)] * 253)
"""Colour of each value of an overlay: no stroke, keep, do not keep."""

_OCTAVES = math.log2(LARGEST / SMALLEST)  # range of the size slider, as the number of times the radius doubles
_NOTCH = 1.25  # factor by which one notch of the mouse wheel changes the radius
_STEP = 0.2  # smallest distance between points of a stroke, as a fraction of the radius
_LABELS = {Tool.POINT: "Focus point", Tool.KEEP: "Keep sharp", Tool.LET: "Allow blur"}
_TIPS = {
    Tool.POINT: "Click the part that should be sharp.",
    Tool.KEEP: (
        "Paint along the middle of an area that should stay sharp; the stroke stops at depth "
        "edges. Ctrl+scroll: brush size. Ctrl+Z: undo a stroke."
    ),
    Tool.LET: "Paint over areas that should blur by their depth instead of staying sharp. Ctrl+scroll: brush "
    "size. Ctrl+Z: undo a stroke.",
}
_SELECTING_LABELS = {Tool.POINT: "Click", Tool.KEEP: "Paint to add", Tool.LET: "Paint to remove"}
_SELECTING_TIPS = {
    Tool.KEEP: (
        "Paint inside a part that is missing; its object is added up to the edges. Alt or Ctrl: removes. "
        "Ctrl+scroll: brush size. Ctrl+Z: undo a stroke."
    ),
    Tool.LET: (
        "Paint inside a part to leave out; its object is removed up to the edges. Alt or Ctrl: adds. "
        "Ctrl+scroll: brush size. Ctrl+Z: undo a stroke."
    ),
}


def label(operation: Operation, tool: Tool) -> str:
    """Return the name of an operation's tool in the user's language."""
    if traits.selects(operation):
        return translated(_SELECTING_LABELS[tool])
    return translated(_LABELS[tool])


def tip(operation: Operation, tool: Tool) -> str:
    """Return a description of an operation's tool in the user's language."""
    if not traits.selects(operation):
        return translated(_TIPS[tool])
    return picking.hint(operation) if tool is Tool.POINT else translated(_SELECTING_TIPS[tool])


def is_offered(state: State) -> bool:
    """Return whether a brush is available; recipes lack it, because they contain their own strokes."""
    option = _option(state)
    return option is not None and option.name in state.options


def is_active(state: State) -> bool:
    """Return whether dragging the pointer in the preview paints a stroke."""
    return is_offered(state) and state.brush.paints and not state.working


def strokes(state: State) -> Sequence[Mapping[str, Any]]:
    """Return the finished strokes."""
    option = _option(state)
    return () if option is None else state.options.get(option.name, ())


def chose(state: State, tool: Tool) -> State:
    """Select a tool."""
    return replace(state, brush=replace(state.brush, tool=tool, drawn=()))


def sized(state: State, radius: float) -> State:
    """Set the radius of the brush, limited to its range."""
    return replace(state, brush=replace(state.brush, radius=min(max(radius, SMALLEST), LARGEST)))


def resized(state: State, notches: float) -> State:
    """Resize the brush by notches of the mouse wheel; positive values enlarge it."""
    return sized(state, state.brush.radius * _NOTCH**notches)


def slider_place(radius: float) -> float:
    """Return the position of the size slider, 0 to 1, for a radius."""
    return math.log2(radius / SMALLEST) / _OCTAVES


def radius_at(place: float) -> float:
    """Return the radius for a position of the size slider, 0 to 1."""
    return float(SMALLEST * 2.0 ** (place * _OCTAVES))


def began(state: State, place: Point, *, inverts: bool = False) -> State:
    """Start a stroke: the user pressed the mouse button with a brush.

    Args:
        state: the state before.
        place: the pointer's position.
        inverts: whether the stroke has the effect of the opposite tool, because Alt or Ctrl is held. The focus
            brush ignores it.
    """
    inverted = inverts and traits.selects(state.operation)
    return replace(state, brush=replace(state.brush, drawn=(_inside(place),), inverted=inverted))


def moved(state: State, place: Point, *, size: tuple[float, float]) -> State:
    """Extend the stroke to where the pointer has moved with the button pressed.

    Args:
        state: the state before.
        place: the pointer's position.
        size: (width, height) of the picture, in any unit.
    """
    drawn, place = state.brush.drawn, _inside(place)
    if not drawn:
        return state
    away = math.hypot(*((a - b) * side for a, b, side in zip(place, drawn[-1], size, strict=True)))
    if away < _STEP * state.brush.radius * max(size):
        return state
    return replace(state, brush=replace(state.brush, drawn=(*drawn, place)))


def ended(state: State) -> State:
    """Finish the stroke: add it to the options, unless there are too many."""
    if not state.brush.drawn:
        return state
    painted = (*strokes(state), _stroke(state.brush))
    state = replace(state, brush=replace(state.brush, drawn=()))
    try:
        return _with(state, painted)
    except UsageError as error:
        return replace(state, message=error.message, hint=error.hint)


def undone(state: State) -> State:
    """Remove the last stroke."""
    return _with(state, strokes(state)[:-1]) if strokes(state) else state


def cleared(state: State) -> State:
    """Remove all strokes."""
    return _with(state, ()) if strokes(state) else state


class Painting:
    """Handler of a canvas's input: the left button paints, Ctrl+wheel resizes the brush, Ctrl+Z undoes."""

    def __init__(self, change: Change, size: Callable[[], tuple[float, float] | None]) -> None:
        """Set up the handler.

        Args:
            change: applies a function to the dialog's state.
            size: returns (width, height) of the picture, in any unit, or None if there is no picture.
        """
        self._change, self._size = change, size

    def began(self, place: Point, click: Click) -> None:
        self._change(lambda state: began(state, place, inverts=click is Click.REMOVE))

    def moved(self, place: Point) -> None:
        if (size := self._size()) is not None:
            self._change(lambda state: moved(state, place, size=size))

    def ended(self) -> None:
        self._change(ended)

    def resized(self, notches: float) -> None:
        self._change(lambda state: resized(state, notches))

    def undone(self) -> None:
        self._change(undone)


class Overlay:
    """The strokes, painted as an image of indices into `COLOURS`.

    They are shown while the user paints and until a preview includes them; the focus view always shows them.
    """

    def __init__(self) -> None:
        self._of: tuple[Any, ...] = ()
        self._painted = b""

    def picture(self, state: State, size: tuple[float, float]) -> Image | None:
        """Return the overlay, or None if there is nothing to show.

        Args:
            state: the dialog's state.
            size: (width, height) of the picture, in any unit.
        """
        drawn, painted = state.brush.drawn, strokes(state)
        waits = state.brush.paints and state.phase is Phase.WAITING
        if not (drawn or ((waits or state.view == views.FOCUS) and painted)):
            return None
        scale = OVERLAY_PX / max(size)
        width, height = (max(1, round(side * scale)) for side in size)
        if self._of != (painted, width, height):
            values = bytearray(width * height)
            for stroke in painted:
                _paint(values, width, stroke)
            self._of, self._painted = (painted, width, height), bytes(values)
        data = self._painted
        if drawn:
            values = bytearray(data)
            _paint(values, width, _stroke(state.brush))
            data = bytes(values)
        return Image(width=width, height=height, channels=1, data=data)


def _option(state: State) -> Parameter | None:
    return next((one for one in state.operation.parameters if one.kind is Kind.STROKES), None)


def _with(state: State, painted: Sequence[Mapping[str, Any]]) -> State:
    option = _option(state)
    return state if option is None else states.changed(state, option.name, tuple(painted))


def _stroke(brush: Brush) -> Mapping[str, Any]:
    return {"keep": brush.keeps, "radius": brush.radius, "points": brush.drawn}


def _inside(place: Point) -> Point:
    return min(max(place[0], 0.0), 1.0), min(max(place[1], 0.0), 1.0)


def _paint(values: bytearray, width: int, stroke: Mapping[str, Any]) -> None:
    """Paint a stroke as a series of discs along its points."""
    height = len(values) // width
    value = 1 if stroke["keep"] else 2
    radius = max(SEEN * stroke["radius"] * max(width, height), 0.5)
    points = [(x * width, y * height) for x, y in stroke["points"]]
    _disc(values, width, points[0], radius, value)
    for start, end in pairwise(points):
        steps = math.ceil(math.dist(start, end) / max(radius / 3, 1.0))
        for step in range(1, steps + 1):
            share = step / steps
            place = start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
            _disc(values, width, place, radius, value)


def _disc(values: bytearray, width: int, middle: Point, radius: float, value: int) -> None:
    height = len(values) // width
    x, y = middle
    for row in range(max(math.ceil(y - radius - 0.5), 0), min(math.floor(y + radius - 0.5), height - 1) + 1):
        half = math.sqrt(max(radius**2 - (row + 0.5 - y) ** 2, 0.0))
        first, last = max(math.ceil(x - half - 0.5), 0), min(math.floor(x + half - 0.5), width - 1)
        if last >= first:
            begin = row * width + first
            values[begin : begin + last - first + 1] = bytes((value,)) * (last - first + 1)
