"""Selecting objects in a preview by clicks and boxes: the resulting changes of the options.

A plain click sets the operation's point, if it has one: the object at the point becomes the new subject. Shift adds
another object; Alt or Ctrl removes one. If an operation has no point, a plain click adds an object.

A place whose distance the user entered can be chosen again by a click on its mark, and removed by a Ctrl+click.
Clicked points can be dragged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from ..language import Message, translated
from ..lenses import in_metres
from ..operation import LISTS, Kind, Operation, Parameter
from . import traits

Options = Mapping[str, Any]
Point = tuple[float, float]

# A click within this distance (as a fraction of the longer side) of a mark acts on the mark: it deletes a point of
# the opposite kind (add or remove), and chooses or deletes a known distance.
_TAKES_BACK = 0.015
TAG_GAP_PX = 13  # gap between the middle of a mark and its text; a ring around the mark fits into it
_HINTS = {
    "focus": Message("Click the part that should be sharp."),
    "neutral": Message("Click something that should be grey."),
    "at": Message("Click a place at the depth you want."),
}
_LEAST_BOX = 0.01  # smaller boxes, as a fraction of the shorter side, are treated as unsteady clicks


class Click(Enum):
    """The effect of a click."""

    CHOOSE = "choose"
    ADD = "add"
    REMOVE = "remove"


class Mark(Enum):
    """What a ring on the picture marks; its value is the ring's red, green and blue."""

    CHOSEN = (255, 255, 255)
    AUTOMATIC = (255, 190, 60)
    ADDED = (90, 230, 110)
    REMOVED = (255, 90, 80)


def click_of(*, shift: bool, alt: bool, control: bool) -> Click:
    """Return the effect of a click with the given keys held; Ctrl acts like Alt, which some desktops reserve."""
    if alt or control:
        return Click.REMOVE
    return Click.ADD if shift else Click.CHOOSE


def box_of(operation: Operation) -> Parameter | None:
    """Return the option that a dragged box sets; None if the operation has none."""
    return next((parameter for parameter in operation.parameters if parameter.kind is Kind.BOX), None)


def distances_of(operation: Operation) -> Parameter | None:
    """Return the option that holds the known distances; None if the operation has none."""
    return next((parameter for parameter in operation.parameters if parameter.kind is Kind.DISTANCES), None)


def picks(operation: Operation) -> bool:
    """Return whether clicks add and remove objects."""
    return bool(operation.click_adds)


def clicked(
    operation: Operation, options: Options, point: Point, size: tuple[int, int], click: Click
) -> dict[str, Any] | None:
    """Return the options after a click; None if it changes nothing.

    Args:
        operation: the operation.
        options: its current options.
        point: (x, y) in pixels of the layer.
        size: (width, height) of the layer in pixels.
        click: the effect of the click.
    """
    parameter, distances = traits.point_of(operation), distances_of(operation)
    known = () if distances is None else options[distances.name]
    reach = _TAKES_BACK * max(size)
    mark = _nearest([each[:2] for each in known], point, reach)
    if distances is not None and mark is not None and click is Click.REMOVE:
        return {**options, distances.name: tuple(each for each in known if each[:2] != mark)}
    if not picks(operation):
        click = Click.CHOOSE
    elif parameter is None and click is Click.CHOOSE:
        click = Click.ADD
    if click is Click.CHOOSE:
        if parameter is None:
            return None
        return {**options, **operation.click_resets, parameter.name: mark or point}
    adds, removes = operation.click_adds, operation.click_removes
    to, other = (adds, removes) if click is Click.ADD else (removes, adds)
    near = _nearest(options[other], point, reach) if other else None
    if near is not None:
        return {**options, other: tuple(each for each in options[other] if each != near)}
    return {**options, to: (*options[to], point)} if to else None


def boxed(
    operation: Operation, options: Options, start: Point, end: Point, size: tuple[int, int]
) -> dict[str, Any] | None:
    """Return the options after the user dragged a box between two corners; None if the box is too small.

    The coordinates of both corners are fractions of the picture's width and height.
    """
    parameter = box_of(operation)
    corners = [
        tuple(round(min(max(share, 0.0), 1.0) * side, 1) for share, side in zip(corner, size, strict=True))
        for corner in (start, end)
    ]
    sides = [abs(a - b) for a, b in zip(*corners, strict=True)]
    if parameter is None or min(sides) < _LEAST_BOX * min(size):
        return None
    starts_over = {one.name: () for one in operation.parameters if one.kind in LISTS}
    return {**options, **starts_over, parameter.name: (*corners[0], *corners[1])}


def places(operation: Operation, options: Options) -> list[tuple[Point, str, int | None]]:
    """Return each clicked point, in pixels of the layer, its option, and its number there; None if it is alone."""
    point = traits.point_of(operation)
    chosen = None if point is None else options.get(point.name)
    alone = [] if point is None or chosen is None else [(chosen, point.name, None)]
    names = [name for name in (operation.click_adds, operation.click_removes) if name]
    return [*alone, *((each, name, n) for name in names for n, each in enumerate(options.get(name, ())))]


def moved(operation: Operation, options: Options, number: int, point: Point) -> dict[str, Any]:
    """Return the options after the user dragged one of `places` to a point in pixels of the layer."""
    _, name, at = places(operation, options)[number]
    if at is None:
        lists = (operation.click_adds, operation.click_removes)  # what was added to the place, or removed, stays
        resets = {option: value for option, value in operation.click_resets.items() if option not in lists}
        return {**options, **resets, name: point}
    return {**options, name: (*options[name][:at], point, *options[name][at + 1 :])}


def marked(operation: Operation, options: Options, size: tuple[int, int]) -> list[tuple[Point, Mark]]:
    """Return the marks of `places`, in fractions of the picture's width and height."""
    kinds = {operation.click_adds: Mark.ADDED, operation.click_removes: Mark.REMOVED}
    return [(share(point, size), kinds.get(name, Mark.CHOSEN)) for point, name, _ in places(operation, options)]


def worded(operation: Operation, options: Options, size: tuple[int, int]) -> list[tuple[Point, str]]:
    """Return each place with words, in fractions of the picture's width and height: a distance, or a value."""
    parameter, shown = distances_of(operation), options.get(operation.at_marks)
    known = () if parameter is None else options.get(parameter.name, ())
    values = [] if shown is None else [(point, f"{shown:.2f}") for point, *_ in places(operation, options)]
    labels = [*values, *(((x, y), in_metres(distance)) for x, y, distance in known)]
    return [(share(point, size), label) for point, label in labels]


def tag_place(mark: Point, tag: Point, room: Point) -> Point:
    """Return where to draw the text beside a mark so that it stays in the picture.

    Args:
        mark: (x, y) of the mark.
        tag: (width, height) of the text.
        room: (width, height) of the picture; all in the same pixels.

    Returns:
        The left top corner of the text: right of the mark, or left of it where the picture ends.
    """
    left = mark[0] + TAG_GAP_PX
    if left + tag[0] > room[0]:
        left = mark[0] - TAG_GAP_PX - tag[0]
    top = min(max(mark[1] - tag[1] / 2, 0.0), max(room[1] - tag[1], 0.0))
    return max(left, 0.0), top


def box_places(operation: Operation, options: Options, size: tuple[int, int]) -> tuple[float, ...] | None:
    """Return the left, top, width and height of the chosen box; None if there is none.

    All four are fractions of the picture's width and height.
    """
    parameter = box_of(operation)
    box = None if parameter is None else options.get(parameter.name)
    if box is None:
        return None
    left, top, right, bottom = (value / size[place % 2] for place, value in enumerate(box))
    return left, top, right - left, bottom - top


def words_of(parameter: Parameter, value: Any) -> str:
    """Describe the value of an option of kind POINTS, DISTANCES or BOX in the user's language."""
    if not value:
        return translated("none")
    if parameter.kind is Kind.DISTANCES:
        return ", ".join(in_metres(distance) for distance in sorted(known[2] for known in value))
    if parameter.kind is Kind.BOX:
        return f"{value[2] - value[0]:.0f} × {value[3] - value[1]:.0f} px"
    return translated("1 point") if len(value) == 1 else translated(Message("{count} points", count=len(value)))


def hint(operation: Operation, *, chosen: bool = False) -> str:
    """Describe the effect of clicks in the user's language; "" if they have none.

    Args:
        operation: the operation.
        chosen: whether the user has clicked its point.
    """
    point = traits.point_of(operation)
    if operation.places:
        stands = Message("The layer has the depth of the ring. Drag the ring, or click another place.")
        return translated(stands if chosen else Message("Click a place to give the layer its depth."))
    if traits.selects(operation) and point is not None:
        return translated("Click a place at the depth to select.")
    if operation.at_marks:
        return translated(
            "Click where the light stands, or drag it. Ctrl+scroll: strength. Shift+click adds a light; Ctrl+click "
            "removes it."
        )
    if not operation.click_removes:
        if point is None:
            return ""
        sets = Message("Click the picture to set “{option}”.", option=Message(point.label))
        return translated(_HINTS.get(point.name, sets))
    if point is not None:
        return translated(
            "Click the part that should be sharp. Shift+click adds another subject; Ctrl+click removes one."
        )
    return translated(
        "Click to add an object, Ctrl+click to remove one, or drag a box around the subject. "
        "Paint corrections with a brush."
    )


def share(point: Point, size: tuple[int, int]) -> Point:
    """Return a point in pixels of a layer as fractions of its width and height."""
    return point[0] / max(size[0] - 1, 1), point[1] / max(size[1] - 1, 1)


def _nearest(points: Sequence[Point], point: Point, reach: float) -> Point | None:
    near = min(points, key=lambda each: math.dist(each, point), default=None)
    return near if near is not None and math.dist(near, point) <= reach else None
