"""The picture in a dialog, with zoom and pan: the wheel zooms at the pointer, and a drag pans."""

from __future__ import annotations

from collections.abc import Callable

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf, Gtk  # noqa: E402  (the version must be named first)

from dioptre_link.editing import picking  # noqa: E402
from dioptre_link.editing.brush import Painting  # noqa: E402
from dioptre_link.editing.picking import Click  # noqa: E402

from . import drawing  # noqa: E402
from .tags import Tag, Tags  # noqa: E402

try:
    gi.require_foreign("cairo")
    _HAS_CAIRO = True
except ImportError:  # Without Cairo, pictures look coarser on high-resolution screens.
    _HAS_CAIRO = False

MOST_ZOOM = 8.0
STEP = 1.25  # Zoom factor per wheel notch or key press.
CLICK_PX = 4  # A press that moves farther than this many pixels is a drag.
HANDLE_PX = 12  # Distance from the before/after divider, in pixels, within which a press grabs the divider.
MOST_CIRCLE_PX = 500  # Largest brush radius whose outline is drawn, in pixels of the widget.

Point = tuple[float, float]
Marker = tuple[Point, GdkPixbuf.Pixbuf]
Box = tuple[float, ...]
"""Left, top, width and height, as fractions of the picture's width and height."""


class Canvas(Gtk.EventBox):
    """Widget of fixed size that shows one picture. Points are fractions of the picture's width and height."""

    def __init__(
        self, size: tuple[int, int], on_click: Callable[[float, float, Click], None], on_zoom: Callable[[], None]
    ) -> None:
        super().__init__(can_focus=True)
        self._size = size
        self._on_click, self._on_zoom = on_click, on_zoom
        self._picture: GdkPixbuf.Pixbuf | None = None
        self._markers: tuple[Marker, ...] = ()
        self.zoom = 1.0
        self._middle: Point = (0.5, 0.5)  # Centre of the visible area.
        self._pressed: tuple[float, float, Point] | None = None
        self._dragged = False
        self._divider: float | None = None
        self._on_divider: Callable[[float], None] | None = None
        self._moves_divider = False
        self._painting: Painting | None = None
        self._paints = False  # Whether a stroke is in progress.
        self._brush_radius = 0.0
        self._circle: tuple[float, GdkPixbuf.Pixbuf] | None = None
        self._pointer: Point | None = None  # Position of the brush, in widget coordinates.
        self._on_box: Callable[[Point, Point], None] | None = None
        self._box: Box | None = None  # The box chosen earlier.
        self._drawn_box: tuple[Point, Point] | None = None  # Start and current corner of a box being drawn.
        self._image = Gtk.Image()
        self._image.set_size_request(*size)
        self._tags = Tags()
        whole = Gtk.Overlay()
        whole.add(self._image)
        whole.add_overlay(self._tags)
        whole.set_overlay_pass_through(self._tags, True)
        self.add(whole)
        masks = Gdk.EventMask
        self.add_events(
            masks.BUTTON_PRESS_MASK
            | masks.BUTTON_RELEASE_MASK
            | masks.POINTER_MOTION_MASK
            | masks.SCROLL_MASK
            | masks.SMOOTH_SCROLL_MASK
            | masks.KEY_PRESS_MASK
            | masks.LEAVE_NOTIFY_MASK
        )
        self.connect("button-press-event", self._press)
        self.connect("motion-notify-event", self._move)
        self.connect("button-release-event", self._release)
        self.connect("scroll-event", self._scroll)
        self.connect("key-press-event", self._key)
        self.connect("leave-notify-event", self._left)
        self.connect("realize", _crosshair)

    def show_picture(
        self, picture: GdkPixbuf.Pixbuf, markers: tuple[Marker, ...] = (), tags: tuple[Tag, ...] = ()
    ) -> None:
        """Show `picture`, which may have any resolution and fits the canvas at zoom 1, with markers and texts."""
        self._picture, self._markers = picture, markers
        self._tags.show_texts(tags)
        self._draw()

    def set_divider(self, at: float | None, on_move: Callable[[float], None] | None = None) -> None:
        """Draw a draggable vertical line at a fraction of the picture's width; None removes it."""
        self._divider, self._on_divider = at, on_move

    def set_brush(self, painting: Painting | None, radius: float = 0.0) -> None:
        """Let the left button paint, or restore clicking.

        Args:
            painting: Receives the strokes; None turns the brush off.
            radius: Radius of the brush's outline, as a fraction of the picture's longer side.
        """
        changed = (painting, radius) != (self._painting, self._brush_radius)
        self._painting, self._brush_radius = painting, radius
        if painting is None:
            self._pointer = None
        if changed:
            self._draw()

    def set_box(self, on_box: Callable[[Point, Point], None] | None, box: Box | None = None) -> None:
        """Let a drag with the left button draw a box, or restore panning.

        Args:
            on_box: Called with two opposite corners of a finished box; None turns box drawing off.
            box: The box chosen earlier, if any.
        """
        self._on_box, self._box = on_box, box

    def set_zoom(self, zoom: float, at: Point | None = None) -> None:
        """Set the zoom and keep the picture's point `at` in the same place on the screen."""
        zoom = min(max(zoom, 1.0), MOST_ZOOM)
        if at is not None and zoom != self.zoom:
            keep = self.zoom / zoom
            x, y = (p + (m - p) * keep for p, m in zip(at, self._middle, strict=True))
            self._middle = (x, y)
        self.zoom = zoom
        self._draw()
        self._on_zoom()

    # -- geometry ------------------------------------------------------------------------------------------------

    def _fit(self) -> float:
        """Return the number of screen pixels per picture pixel at the current zoom."""
        assert self._picture is not None
        width, height = self._picture.get_width(), self._picture.get_height()
        return min(self._size[0] / width, self._size[1] / height) * self.zoom

    def _shown_size(self) -> tuple[int, int]:
        assert self._picture is not None
        fit = self._fit()
        whole = (self._picture.get_width() * fit, self._picture.get_height() * fit)
        return max(1, round(min(whole[0], self._size[0]))), max(1, round(min(whole[1], self._size[1])))

    def _left_top(self) -> Point:
        """Return the position of the picture's top-left corner in the visible area, in pixels; zero or negative."""
        assert self._picture is not None
        fit, seen = self._fit(), self._shown_size()
        whole = (self._picture.get_width() * fit, self._picture.get_height() * fit)
        x, y = (
            min(max(part / 2 - middle * full, part - full), 0.0)
            for part, middle, full in zip(seen, self._middle, whole, strict=True)
        )
        self._middle = ((seen[0] / 2 - x) / whole[0], (seen[1] / 2 - y) / whole[1])
        return x, y

    def _point(self, x: float, y: float) -> Point | None:
        """Return the picture's point at a widget position, or None outside the picture."""
        if self._picture is None:
            return None
        seen, (inside_x, inside_y) = self._shown_size(), self._inside(x, y)
        if not (-1 <= inside_x <= seen[0] + 1 and -1 <= inside_y <= seen[1] + 1):
            return None
        return self._nearest(x, y)

    def _inside(self, x: float, y: float) -> Point:
        """Return a widget position relative to the top left of the visible area."""
        seen = self._shown_size()
        return x - (self.get_allocated_width() - seen[0]) / 2, y - (self.get_allocated_height() - seen[1]) / 2

    def _nearest(self, x: float, y: float) -> Point:
        """Return the picture's point nearest to a widget position."""
        assert self._picture is not None
        (left, top), fit, (inside_x, inside_y) = self._left_top(), self._fit(), self._inside(x, y)
        column = (inside_x - left) / (fit * self._picture.get_width())
        row = (inside_y - top) / (fit * self._picture.get_height())
        return min(max(column, 0.0), 1.0), min(max(row, 0.0), 1.0)

    def _ratio(self) -> int:
        """Return the device pixels per interface pixel, or 1 without Cairo."""
        return self.get_scale_factor() if _HAS_CAIRO else 1

    def _draw(self) -> None:
        if self._picture is None:
            return
        seen, (left, top), fit = self._shown_size(), self._left_top(), self._fit()
        ratio = self._ratio()
        drawn = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, False, 8, seen[0] * ratio, seen[1] * ratio)
        source = self._picture
        if source.get_has_alpha():
            source = drawing.opaque(source)
        kind = GdkPixbuf.InterpType.NEAREST if fit * ratio > 4 else GdkPixbuf.InterpType.BILINEAR
        scale = fit * ratio
        source.scale(drawn, 0, 0, seen[0] * ratio, seen[1] * ratio, left * ratio, top * ratio, scale, scale, kind)
        whole = (source.get_width() * fit, source.get_height() * fit)
        self._tags.arrange((left, top, *whole), seen)
        for (x, y), mark in self._markers:
            place = (x * whole[0] + left, y * whole[1] + top)
            size = mark.get_width() * ratio, mark.get_height() * ratio
            sized = mark if ratio == 1 else mark.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR)
            drawing.stamp(sized, drawn, round(place[0] * ratio), round(place[1] * ratio))
        if (box := self._shown_box()) is not None:
            sides = (source.get_width() * scale, source.get_height() * scale)
            offset = (left * ratio, top * ratio, 0.0, 0.0)
            places = (share * sides[at % 2] + offset[at] for at, share in enumerate(box))
            drawing.frame(drawn, *(round(place) for place in places))
        if self._painting is not None and self._pointer is not None:
            self._draw_circle(drawn, scale, ratio)
        if ratio == 1:
            self._image.set_from_pixbuf(drawn)
        else:
            self._image.set_from_surface(Gdk.cairo_surface_create_from_pixbuf(drawn, ratio, self.get_window()))

    def _shown_box(self) -> Box | None:
        if self._drawn_box is None:
            return self._box
        (x, y), (across, down) = self._drawn_box
        return min(x, across), min(y, down), abs(across - x), abs(down - y)

    def _draw_circle(self, drawn: GdkPixbuf.Pixbuf, scale: float, ratio: int) -> None:
        """Draw the brush's outline at the pointer.

        Args:
            drawn: Pixbuf to draw on.
            scale: Pixels of `drawn` per picture pixel.
            ratio: Device pixels per interface pixel.
        """
        assert self._picture is not None
        assert self._pointer is not None
        radius = self._brush_radius * max(self._picture.get_width(), self._picture.get_height()) * scale
        if radius > MOST_CIRCLE_PX:
            return
        if self._circle is None or self._circle[0] != radius:
            self._circle = radius, drawing.circle(radius)
        x, y = self._inside(*self._pointer)
        drawing.stamp(self._circle[1], drawn, round(x * ratio), round(y * ratio))

    # -- events --------------------------------------------------------------------------------------------------

    def _press(self, _widget: Gtk.Widget, event: Gdk.EventButton) -> bool:
        if event.type != Gdk.EventType.BUTTON_PRESS or event.button not in (1, 2):
            return False
        self.grab_focus()
        point = self._point(event.x, event.y)
        if self._painting is not None and event.button == 1 and not self._is_on_divider(event.x, event.y):
            if point is not None:
                self._paints = True
                self._painting.began(point, _click_of(event))
            return True
        self._pressed, self._dragged = (event.x, event.y, self._middle), False
        self._moves_divider = event.button == 1 and self._is_on_divider(event.x, event.y)
        return True

    def _is_on_divider(self, x: float, y: float) -> bool:
        point = self._point(x, y)
        if self._divider is None or point is None or self._picture is None:
            return False
        return abs(point[0] - self._divider) * self._picture.get_width() * self._fit() <= HANDLE_PX

    def _move(self, _widget: Gtk.Widget, event: Gdk.EventMotion) -> bool:
        if self._painting is not None and self._picture is not None:
            self._pointer = event.x, event.y
            if self._paints:
                self._painting.moved(self._nearest(event.x, event.y))
            if self._pressed is None:
                self._draw()
                return True
        if self._pressed is None or self._picture is None:
            return False
        x, y, middle = self._pressed
        across, down = event.x - x, event.y - y
        self._dragged = self._dragged or max(abs(across), abs(down)) > CLICK_PX
        if self._draws_box(event):
            if self._dragged:
                self._drawn_box = self._nearest(x, y), self._nearest(event.x, event.y)
                self._draw()
        elif self._moves_divider and self._on_divider is not None:
            point = self._point(event.x, event.y)
            if point is not None:
                self._on_divider(point[0])
        elif self._dragged and self.zoom > 1:
            fit = self._fit()
            self._middle = (
                middle[0] - across / (fit * self._picture.get_width()),
                middle[1] - down / (fit * self._picture.get_height()),
            )
            self._draw()
        return True

    def _draws_box(self, event: Gdk.EventMotion) -> bool:
        left = bool(event.state & Gdk.ModifierType.BUTTON1_MASK)
        return self._on_box is not None and left and not self._moves_divider

    def _release(self, _widget: Gtk.Widget, event: Gdk.EventButton) -> bool:
        if self._paints and event.button == 1:
            self._paints = False
            if self._painting is not None:
                self._painting.ended()
            return True
        pressed, self._pressed = self._pressed, None
        box, self._drawn_box = self._drawn_box, None
        if box is not None and self._on_box is not None:
            self._on_box(*box)
            self._draw()
            return True
        if pressed is None or event.button != 1 or self._dragged or self._moves_divider:
            return False
        point = self._point(event.x, event.y)
        if point is not None:
            self._on_click(*point, _click_of(event))
        return True

    def _scroll(self, _widget: Gtk.Widget, event: Gdk.EventScroll) -> bool:
        smooth, _across, down = event.get_scroll_deltas()
        if not smooth:
            down = {Gdk.ScrollDirection.UP: -1.0, Gdk.ScrollDirection.DOWN: 1.0}.get(event.direction, 0.0)
        if down and self._painting is not None and event.state & Gdk.ModifierType.CONTROL_MASK:
            self._painting.resized(-down)
        elif down:
            self.set_zoom(self.zoom * STEP**-down, self._point(event.x, event.y))
        return True

    def _key(self, _widget: Gtk.Widget, event: Gdk.EventKey) -> bool:
        name = Gdk.keyval_name(event.keyval)
        if self._painting is not None and name == "z" and event.state & Gdk.ModifierType.CONTROL_MASK:
            self._painting.undone()
            return True
        if name in ("plus", "KP_Add", "equal"):
            self.set_zoom(self.zoom * STEP)
        elif name in ("minus", "KP_Subtract"):
            self.set_zoom(self.zoom / STEP)
        elif name in ("0", "KP_0", "Home"):
            self.set_zoom(1.0)
        elif name in ("Left", "Right", "Up", "Down") and self.zoom > 1:
            by = 0.15 / self.zoom
            x, y = {"Left": (-by, 0.0), "Right": (by, 0.0), "Up": (0.0, -by), "Down": (0.0, by)}[name]
            self._middle = (self._middle[0] + x, self._middle[1] + y)
            self._draw()
        else:
            return False
        return True

    def _left(self, _widget: Gtk.Widget, _event: Gdk.EventCrossing) -> bool:
        if self._pointer is not None:
            self._pointer = None
            self._draw()
        return False


def _click_of(event: Gdk.EventButton) -> Click:
    masks = Gdk.ModifierType
    shift, alt, control = (
        bool(event.state & mask) for mask in (masks.SHIFT_MASK, masks.MOD1_MASK, masks.CONTROL_MASK)
    )
    return picking.click_of(shift=shift, alt=alt, control=control)


def _crosshair(widget: Gtk.Widget) -> None:
    widget.get_window().set_cursor(Gdk.Cursor.new_from_name(widget.get_display(), "crosshair"))
