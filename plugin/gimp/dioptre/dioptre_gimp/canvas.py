"""The picture in a dialog, drawn as its `Viewport` lays it out, with marks and texts over it."""

from __future__ import annotations

from collections.abc import Callable

from dioptre_link.editing import picking
from dioptre_link.editing.brush import Painting
from dioptre_link.editing.picking import Click
from dioptre_link.editing.state import Point
from dioptre_link.editing.viewport import STEP, Viewport

from . import drawing
from .toolkit import HAS_CAIRO, Gdk, GdkPixbuf, Gtk, add_class

Tag = tuple[tuple[float, float], str]
"""A place, as fractions of the picture's width and height, and its text."""


class Tags(Gtk.Fixed):
    """Labels over the visible part of the picture."""

    def __init__(self) -> None:
        super().__init__(halign=Gtk.Align.CENTER, valign=Gtk.Align.CENTER)
        self._tags: tuple[Tag, ...] = ()
        self._labels: list[Gtk.Label] = []

    def show_texts(self, tags: tuple[Tag, ...]) -> None:
        """Set the texts and their places; `arrange` moves them there."""
        if tags == self._tags:
            return
        self._tags = tags
        for label in self._labels:
            label.destroy()
        self._labels = [Gtk.Label(label=text) for _, text in tags]
        for label in self._labels:
            add_class(label, "dioptre-tag")
            self.put(label, 0, 0)
            label.show()

    def arrange(self, whole: tuple[float, float, float, float], seen: tuple[int, int]) -> None:
        """Move every label beside its place, and hide those outside the visible part.

        Args:
            whole: Left, top, width and height of the whole picture relative to its visible part, in pixels.
            seen: Width and height of the visible part.
        """
        self.set_size_request(*seen)
        for ((across, down), _), label in zip(self._tags, self._labels, strict=True):
            mark = whole[0] + across * whole[2], whole[1] + down * whole[3]
            label.set_visible(all(0 <= at <= side for at, side in zip(mark, seen, strict=True)))
            size = label.get_preferred_size()[1]
            left, top = picking.tag_place(mark, (size.width, size.height), seen)
            self.move(label, round(left), round(top))


MOST_CIRCLE_PX = 500  # Largest brush radius whose outline is drawn, in pixels of the widget.
PANS = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, -1), "Down": (0, 1)}
PAN = 0.15  # Part of the visible picture by which an arrow key moves it.

Marker = tuple[Point, GdkPixbuf.Pixbuf]


class Canvas(Gtk.EventBox):
    """Widget of fixed size that shows one picture. Points are fractions of the picture's width and height."""

    def __init__(
        self, size: tuple[int, int], on_click: Callable[[float, float, Click], None], on_zoom: Callable[[], None]
    ) -> None:
        super().__init__(can_focus=True)
        self._size = size
        self.viewport = Viewport(lambda: self._size, on_click, self._draw, on_zoom)
        self._picture: GdkPixbuf.Pixbuf | None = None
        self._markers: tuple[Marker, ...] = ()
        self._brush_radius = 0.0
        self._circle: tuple[float, GdkPixbuf.Pixbuf] | None = None
        self._box: tuple[float, ...] | None = None  # The box chosen earlier.
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
        self.connect("leave-notify-event", lambda *_: self.viewport.left())
        self.connect("realize", _crosshair)

    def show_picture(
        self, picture: GdkPixbuf.Pixbuf, markers: tuple[Marker, ...] = (), tags: tuple[Tag, ...] = ()
    ) -> None:
        """Show `picture`, which may have any resolution and fits the canvas at zoom 1, with markers and texts."""
        self._picture, self._markers = picture, markers
        self.viewport.picture = (picture.get_width(), picture.get_height())
        self._tags.show_texts(tags)
        self._draw()

    def set_size(self, size: tuple[int, int]) -> None:
        """Change the size, in pixels."""
        self._size = size
        self._image.set_size_request(*size)
        self._draw()

    def set_brush(self, painting: Painting | None, radius: float) -> None:
        """Let the left button paint, or restore clicking.

        Args:
            painting: Receives the strokes; None turns the brush off.
            radius: Radius of the brush's outline, as a fraction of the picture's longer side.
        """
        changed = (painting, radius) != (self.viewport.painting, self._brush_radius)
        self._brush_radius = radius
        self.viewport.set_painting(painting)
        if changed:
            self._draw()

    def set_box(self, on_box: Callable[[Point, Point], None], box: tuple[float, ...] | None) -> None:
        """Let a drag with the left button draw a box; `box` is the one chosen earlier."""
        self.viewport.on_box, self._box = on_box, box

    def _ratio(self) -> int:
        """Return the device pixels per interface pixel, or 1 without Cairo."""
        return self.get_scale_factor() if HAS_CAIRO else 1

    def _draw(self) -> None:
        """Draw the visible part of the picture, which is in the middle of the widget."""
        if self._picture is None:
            return
        left, top, width, height = self.viewport.place()
        shown = [max(1, round(min(side, room))) for side, room in zip((width, height), self._size, strict=True)]
        x, y = min(left, 0.0), min(top, 0.0)  # Of the whole picture, in the visible part.
        ratio = self._ratio()
        drawn = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, False, 8, shown[0] * ratio, shown[1] * ratio)
        source = self._picture
        if source.get_has_alpha():
            source = drawing.opaque(source)
        scale = ratio * width / source.get_width()
        kind = GdkPixbuf.InterpType.NEAREST if scale > 4 else GdkPixbuf.InterpType.BILINEAR
        source.scale(drawn, 0, 0, shown[0] * ratio, shown[1] * ratio, x * ratio, y * ratio, scale, scale, kind)
        self._tags.arrange((x, y, width, height), (shown[0], shown[1]))
        for place, mark in self._markers:
            size = mark.get_width() * ratio, mark.get_height() * ratio
            sized = mark if ratio == 1 else mark.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR)
            at = (x + place[0] * width) * ratio, (y + place[1] * height) * ratio
            drawing.stamp(sized, drawn, round(at[0]), round(at[1]))
        if (box := self.viewport.box or self._box) is not None:
            sides = (width * ratio, height * ratio)
            offset = (x * ratio, y * ratio, 0.0, 0.0)
            drawing.frame(drawn, *(round(share * sides[n % 2] + offset[n]) for n, share in enumerate(box)))
        if self.viewport.painting is not None and (brush := self.viewport.brush_at) is not None:
            radius = self._brush_radius * max(width, height) * ratio
            if radius <= MOST_CIRCLE_PX:
                if self._circle is None or self._circle[0] != radius:
                    self._circle = radius, drawing.circle(radius)
                at = (brush[0] - max(left, 0.0)) * ratio, (brush[1] - max(top, 0.0)) * ratio
                drawing.stamp(self._circle[1], drawn, round(at[0]), round(at[1]))
        if ratio == 1:
            self._image.set_from_pixbuf(drawn)
        else:
            self._image.set_from_surface(Gdk.cairo_surface_create_from_pixbuf(drawn, ratio, self.get_window()))

    # -- events --------------------------------------------------------------------------------------------------

    def _at(self, event: Gdk.Event) -> Point:
        """Return an event's position; the canvas may be given more room than it asked for."""
        rooms = self.get_allocated_width(), self.get_allocated_height()
        return event.x - (rooms[0] - self._size[0]) / 2, event.y - (rooms[1] - self._size[1]) / 2

    def _press(self, _widget: Gtk.Widget, event: Gdk.EventButton) -> bool:
        if event.type != Gdk.EventType.BUTTON_PRESS or event.button not in (1, 2):
            return False
        self.grab_focus()
        self.viewport.pressed(self._at(event), _click_of(event), left=event.button == 1)
        return True

    def _move(self, _widget: Gtk.Widget, event: Gdk.EventMotion) -> bool:
        self.viewport.moved(self._at(event))
        return True

    def _release(self, _widget: Gtk.Widget, event: Gdk.EventButton) -> bool:
        self.viewport.released(self._at(event), _click_of(event), left=event.button == 1)
        return True

    def _scroll(self, _widget: Gtk.Widget, event: Gdk.EventScroll) -> bool:
        smooth, _across, down = event.get_scroll_deltas()
        if not smooth:
            down = {Gdk.ScrollDirection.UP: -1.0, Gdk.ScrollDirection.DOWN: 1.0}.get(event.direction, 0.0)
        if down:
            control = bool(event.state & Gdk.ModifierType.CONTROL_MASK)
            self.viewport.scrolled(self._at(event), -down, control=control)
        return True

    def _key(self, _widget: Gtk.Widget, event: Gdk.EventKey) -> bool:
        name, view = Gdk.keyval_name(event.keyval), self.viewport
        if view.painting is not None and name == "z" and event.state & Gdk.ModifierType.CONTROL_MASK:
            view.painting.undone()
        elif name in ("plus", "KP_Add", "equal"):
            view.set_zoom(view.zoom * STEP)
        elif name in ("minus", "KP_Subtract"):
            view.set_zoom(view.zoom / STEP)
        elif name in ("0", "KP_0", "Home"):
            view.set_zoom(1.0)
        elif name in PANS and view.zoom > 1:
            across, down = PANS[name]
            view.pan(across * PAN / view.zoom, down * PAN / view.zoom)
        else:
            return False
        return True


def _click_of(event: Gdk.EventButton) -> Click:
    masks = Gdk.ModifierType
    shift, alt, control = (
        bool(event.state & mask) for mask in (masks.SHIFT_MASK, masks.MOD1_MASK, masks.CONTROL_MASK)
    )
    return picking.click_of(shift=shift, alt=alt, control=control)


def _crosshair(widget: Gtk.Widget) -> None:
    widget.get_window().set_cursor(Gdk.Cursor.new_from_name(widget.get_display(), "crosshair"))
