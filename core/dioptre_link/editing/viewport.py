"""Where a preview's picture lies in its widget, and what the pointer does there; both editors' canvases use it.

A place is a pair of fractions of the picture's width and height. A position is in pixels of the widget.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from .brush import Painting
from .picking import Click
from .state import Point

MOST_ZOOM = 8.0
STEP = 1.25  # zoom factor of one notch of the mouse wheel or one key press
DRAG_PX = 8  # a press that moves at least this far is a drag
HANDLE_PX = 12  # distance from a mark or the before/after divider within which a press grabs it
EDGE_PX = 1  # a click this far outside the picture still hits its edge

Box = tuple[float, float, float, float]
"""Left, top, width and height."""


class Viewport:
    """The part of a picture that a widget shows. The wheel zooms at the pointer; a drag pans, or draws a box.

    Attributes:
        picture: (width, height) of the picture, in any unit; None without a picture.
        zoom: 1 shows the whole picture.
        laid: where the whole picture lies, if something else decides that; it neither zooms nor pans then.
        painting: receives the strokes of the left button; None turns the brush off.
        brush_at: position of the brush; None while the pointer is elsewhere.
        on_box: called with two opposite corners of a box that the left button has drawn; None makes a drag pan.
        box: the box that is being drawn, in fractions of the picture.
        marks: places that the left button can drag.
        on_mark: called with the number of such a mark and its new place.
        on_notches: called with the notches of the wheel while Ctrl is held, unless a brush takes them.
        divider: place of a vertical line that can be dragged, as a fraction of the picture's width.
        on_divider: called with the line's new place.
    """

    def __init__(
        self,
        room: Callable[[], Point],
        on_click: Callable[[float, float, Click], None],
        on_change: Callable[[], None],
        on_zoom: Callable[[], None] = lambda: None,
    ) -> None:
        """Show the whole picture.

        Args:
            room: returns (width, height) of the widget in pixels.
            on_click: called with the place of a click; it is the middle if there is no picture.
            on_change: called when the widget must be drawn again.
            on_zoom: called when the zoom was set.
        """
        self._room, self._on_click, self._on_change, self._on_zoom = room, on_click, on_change, on_zoom
        self.picture: Point | None = None
        self.laid: Box | None = None
        self.painting: Painting | None = None
        self.brush_at: Point | None = None
        self.on_box: Callable[[Point, Point], None] | None = None
        self.box: Box | None = None
        self.marks: Sequence[Point] = ()
        self.on_mark: Callable[[int, Point], None] | None = None
        self.on_notches: Callable[[float], None] | None = None
        self.divider: float | None = None
        self.on_divider: Callable[[float], None] | None = None
        self._pressed: Point | None = None
        self._centre_then: Point = (0.5, 0.5)  # of the visible part when the button was pressed
        self._drags = self._paints = False
        self._grip: Callable[[Point], None] | None = None  # what a drag moves or draws; None: the picture
        self.reset()

    def reset(self) -> None:
        """Show the whole picture again."""
        self.zoom, self._centre = 1.0, (0.5, 0.5)

    # -- geometry ------------------------------------------------------------------------------------------------

    def place(self) -> Box:
        """Return the position of the whole picture in the widget; it has no gaps where it is larger than that."""
        if self.picture is None or min(self.picture) <= 0:
            return 0.0, 0.0, 0.0, 0.0
        if self.laid is not None:
            return self.laid
        room = self._room()
        fit = min(space / side for space, side in zip(room, self.picture, strict=True)) * self.zoom
        width, height = (side * fit for side in self.picture)
        left, x = _laid(room[0], width, self._centre[0])
        top, y = _laid(room[1], height, self._centre[1])
        self._centre = x, y
        return left, top, width, height

    def nearest(self, at: Point) -> Point:
        """Return the place nearest to a position."""
        left, top, width, height = self.place()
        x, y = (at[0] - left) / max(width, 1e-9), (at[1] - top) / max(height, 1e-9)
        return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)

    def point(self, at: Point) -> Point | None:
        """Return the place at a position; None outside the picture."""
        left, top, width, height = self.place()
        room = self._room()
        first = max(left, 0.0) - EDGE_PX, max(top, 0.0) - EDGE_PX
        last = min(left + width, room[0]) + EDGE_PX, min(top + height, room[1]) + EDGE_PX
        inside = all(low <= value <= high for low, value, high in zip(first, at, last, strict=True))
        return self.nearest(at) if inside and width > 0 else None

    def set_zoom(self, zoom: float, at: Point | None = None) -> None:
        """Set the zoom, within its limits, and keep the place `at` where it is on the screen."""
        zoom = min(max(zoom, 1.0), MOST_ZOOM)
        if at is not None:
            keep = self.zoom / zoom
            self._centre = at[0] + (self._centre[0] - at[0]) * keep, at[1] + (self._centre[1] - at[1]) * keep
        self.zoom = zoom
        self._on_change()
        self._on_zoom()

    def pan(self, across: float, down: float) -> None:
        """Move the visible part by fractions of the picture."""
        self._centre = self._centre[0] + across, self._centre[1] + down
        self._on_change()

    # -- pointer -------------------------------------------------------------------------------------------------

    def pressed(self, at: Point, click: Click, *, left: bool) -> None:
        """Handle a pressed button; `left` says whether it is the left one, and `click` what a click would mean."""
        handles = self._is_on_divider(at)
        if self.painting is not None and self.picture is not None and left and not handles:
            if (point := self.point(at)) is not None:
                self._paints = True
                self.painting.began(point, click)
            return
        self._pressed, self._centre_then, self._drags = at, self._centre, left and handles
        self._grip = self._grip_at(at) if left else None

    def moved(self, at: Point) -> None:
        """Handle a movement of the pointer, with or without a pressed button."""
        if self.painting is not None:
            self.brush_at = at
            if self._paints:
                self.painting.moved(self.nearest(at))
            self._on_change()
        if self._pressed is None or self.picture is None:
            return
        across, down = at[0] - self._pressed[0], at[1] - self._pressed[1]
        self._drags = self._drags or max(abs(across), abs(down)) >= DRAG_PX
        if self._drags and self._grip is not None:
            self._grip(self.nearest(at))
        elif self._drags and self.zoom > 1:
            width, height = self.place()[2:]
            self._centre = self._centre_then[0] - across / width, self._centre_then[1] - down / height
            self._on_change()

    def released(self, at: Point, click: Click, *, left: bool) -> None:
        """Handle a released button: the end of a stroke, a box or a drag, or a click of the left button."""
        if self._paints and left:
            self._paints = False
            if self.painting is not None:
                self.painting.ended()
            return
        pressed, self._pressed = self._pressed, None
        box, self.box = self.box, None
        if box is not None and self.on_box is not None:
            self.on_box((box[0], box[1]), (box[0] + box[2], box[1] + box[3]))
            self._on_change()
        elif pressed is not None and left and not self._drags:
            point = (0.5, 0.5) if self.picture is None else self.point(at)
            if point is not None:
                self._on_click(*point, click)

    def scrolled(self, at: Point, notches: float, *, control: bool) -> bool:
        """Handle the mouse wheel, positive upwards; return whether that had an effect."""
        turn = self.on_notches if self.painting is None else self.painting.resized
        if control and turn is not None:
            turn(notches)
            return True
        if self.picture is None or self.laid is not None or (notches < 0 and self.zoom <= 1.0):
            return False
        self.set_zoom(self.zoom * STEP**notches, self.point(at))
        return True

    def left(self) -> None:
        """Handle the pointer's leaving of the widget."""
        if self.brush_at is not None:
            self.brush_at = None
            self._on_change()

    def set_painting(self, painting: Painting | None) -> None:
        """Let the left button paint, or restore clicking."""
        self.painting = painting
        if painting is None:
            self.brush_at, self._paints = None, False

    @property
    def drags_freely(self) -> bool:
        """Whether the pressed button drags at the smallest zoom, and moves or draws nothing here."""
        return self._pressed is not None and self._drags and self._grip is None and self.zoom <= 1

    def _grip_at(self, at: Point) -> Callable[[Point], None] | None:
        """Return what a drag from a position moves or draws: the divider, a mark or a box."""
        divide, mark, corner = self.on_divider, self.on_mark, self.nearest(at)
        if divide is not None and self._is_on_divider(at):
            return lambda place: divide(place[0])
        left, top, width, height = self.place()
        away = [math.dist(at, (left + x * width, top + y * height)) for x, y in self.marks]
        if mark is not None and away and min(away) <= HANDLE_PX:
            number = away.index(min(away))
            return lambda place: mark(number, place)
        return None if self.on_box is None else lambda place: self._draw_box(corner, place)

    def _draw_box(self, one: Point, other: Point) -> None:
        self.box = between(one, other)
        self._on_change()

    def _is_on_divider(self, at: Point) -> bool:
        point = self.point(at)
        if self.divider is None or point is None:
            return False
        return abs(point[0] - self.divider) * self.place()[2] <= HANDLE_PX


def between(one: Point, other: Point) -> Box:
    """Return the box between two opposite corners."""
    left, top = min(one[0], other[0]), min(one[1], other[1])
    return left, top, abs(other[0] - one[0]), abs(other[1] - one[1])


def _laid(room: float, length: float, centre: float) -> tuple[float, float]:
    """Return where the picture starts along an axis, and which of its places is then in the middle."""
    start = (room - length) / 2 if length <= room else min(max(room / 2 - centre * length, room - length), 0.0)
    return start, (room / 2 - start) / length
