"""The picture in a dialog: result, original, depth or focus range, and the point that was clicked.

Drawn with GdkPixbuf alone: not every GIMP's Python has Cairo. Depth is coloured through tables of 256 entries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf, GLib, Gtk  # noqa: E402  (the version must be named first)

from dioptre_link.language import translated  # noqa: E402

from .screen import SMALL_PX  # noqa: E402

CHECKER_PX = 8
RING_PX = 25

RESULT, BEFORE, DEPTH, FOCUS, PLACE = "result", "before", "depth", "focus", "place"
CONFIDENCE = "confidence"
VIEWS = {
    RESULT: ("_After", "The result with these settings"),
    BEFORE: ("_Before", "The layer as it is"),
    DEPTH: ("_Depth", "White is nearest, black is farthest"),
    FOCUS: ("_Focus range", "Green is sharp, blue lies in front of it, orange behind it"),
    CONFIDENCE: ("Con_fidence", "White where the depth can be trusted, dark where the estimate is unsure"),
    PLACE: ("_Place", "The whole layer: click on the place to look at"),
}
_IN_FRONT, _SHARP, _BEHIND = (40, 110, 255, 110), (60, 220, 90, 110), (255, 140, 30, 110)  # red, green, blue, alpha


@dataclass(frozen=True)
class Plane:
    """One 8-bit value a pixel, at the preview's size; of disparity, 255 is nearest."""

    width: int
    height: int
    values: bytes

    def at(self, x: float, y: float) -> int:
        """The value at a point given as shares of the picture."""
        column = min(max(int(x * self.width), 0), self.width - 1)
        row = min(max(int(y * self.height), 0), self.height - 1)
        return self.values[row * self.width + column]


def pixbuf_from_rgb(width: int, height: int, channels: int, data: bytes) -> GdkPixbuf.Pixbuf:
    """A picture from packed 8-bit rows of 1, 2 (grey, alpha), 3 or 4 channels."""
    if channels <= 2:
        step = 3 * channels - 2 * (channels - 1)  # 3 bytes for grey, 4 with alpha
        grey, alpha = data[::channels], data[1::2]
        wide = bytearray(width * height * step)
        for place in range(3):
            wide[place::step] = grey
        if channels == 2:
            wide[3::4] = alpha
        data, channels = bytes(wide), step
    return GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(data), GdkPixbuf.Colorspace.RGB, channels == 4, 8, width, height, width * channels
    )


class Preview(Gtk.Box):
    """The picture with a row of views above and a line of words below."""

    def __init__(
        self, views: tuple[str, ...], size: tuple[int, int], on_click: Callable[[float, float], None] | None
    ) -> None:
        """size: of the pictures. on_click: is given x and y as shares of the picture, 0 to 1."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._on_click = on_click
        self._pictures: dict[str, GdkPixbuf.Pixbuf] = {}
        self._depth: Plane | None = None
        self._sharp: tuple[float, float] | None = None
        self._markers: dict[str, tuple[float, float] | None] = {}
        self._ring = _ring()
        self.view = views[0]
        self._buttons: dict[str, Gtk.RadioButton] = {}
        self.pack_start(self._view_buttons(views), False, False, 0)
        self._image = Gtk.Image()
        events = Gtk.EventBox()
        events.add(self._image)
        events.set_halign(Gtk.Align.CENTER)
        events.set_valign(Gtk.Align.CENTER)
        if on_click is not None:
            events.add_events(Gdk.EventMask.BUTTON_PRESS_MASK | Gdk.EventMask.POINTER_MOTION_MASK)
            events.connect("button-press-event", self._pressed)
            events.connect("motion-notify-event", self._pressed)
            events.connect("realize", _crosshair)
        frame = Gtk.Frame()
        frame.set_size_request(max(size[0], SMALL_PX) + 2, max(size[1], SMALL_PX * 2 // 3) + 2)
        frame.add(events)
        self.pack_start(frame, True, True, 0)
        self._spinner = Gtk.Spinner()
        self._words = Gtk.Label(xalign=0.0, wrap=True)
        self._words.set_width_chars(40)
        self._words.set_max_width_chars(70)
        line = Gtk.Box(spacing=6)
        line.pack_start(self._spinner, False, False, 0)
        line.pack_start(self._words, True, True, 0)
        self.pack_start(line, False, False, 0)
        self.show_all()

    def show_picture(self, view: str, picture: GdkPixbuf.Pixbuf) -> None:
        self._pictures[view] = picture
        self._draw()

    def show_depth(self, depth: Plane) -> None:
        self._depth = depth
        self._pictures[DEPTH] = pixbuf_from_rgb(depth.width, depth.height, 1, depth.values)
        self._draw()

    def show_confidence(self, confidence: Plane) -> None:
        plane = confidence
        self._pictures[CONFIDENCE] = pixbuf_from_rgb(plane.width, plane.height, 1, plane.values)
        self._draw()

    def show_sharp(self, sharp: tuple[float, float] | None) -> None:
        """The disparities from which to which the picture is sharp."""
        self._sharp = sharp
        self._draw()

    def show_marker(self, view: str, point: tuple[float, float] | None) -> None:
        """The clicked point in one of the views, as shares of the picture."""
        self._markers[view] = point
        self._draw()

    def say(self, words: str, *, busy: bool = False) -> None:
        self._words.set_text(words)
        if busy:
            self._spinner.start()
        else:
            self._spinner.stop()

    def depth_at(self, x: float, y: float) -> float | None:
        """The disparity at a point given as shares of the picture, None before it is known."""
        if self._depth is None:
            return None
        return self._depth.at(x, y) / 255

    def _view_buttons(self, views: tuple[str, ...]) -> Gtk.Box:
        row = Gtk.Box()
        row.get_style_context().add_class("linked")
        row.set_halign(Gtk.Align.CENTER)
        first = None
        for view in views:
            label, tip = VIEWS[view]
            button = Gtk.RadioButton.new_with_mnemonic_from_widget(first, translated(label))
            button.set_mode(False)  # looks like a button of a row
            button.set_tooltip_text(translated(tip))
            button.connect("toggled", self._toggled, view)
            row.pack_start(button, False, False, 0)
            self._buttons[view] = button
            first = first or button
        return row

    def choose(self, view: str) -> None:
        self._buttons[view].set_active(True)

    def _toggled(self, button: Gtk.RadioButton, view: str) -> None:
        if button.get_active():
            self.view = view
            self._draw()

    def _pressed(self, widget: Gtk.Widget, event: Gdk.Event) -> bool:
        shown = self._image.get_pixbuf()
        dragged = event.type != Gdk.EventType.MOTION_NOTIFY or event.state & Gdk.ModifierType.BUTTON1_MASK
        if shown is None or self._on_click is None or not dragged:
            return False
        # The event box is as large as the picture or larger; the picture is in its middle.
        left = (widget.get_allocated_width() - shown.get_width()) / 2
        top = (widget.get_allocated_height() - shown.get_height()) / 2
        x, y = (event.x - left) / shown.get_width(), (event.y - top) / shown.get_height()
        self._on_click(min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0))
        return True

    def _draw(self) -> None:
        picture = self._pictures.get(self.view)
        if picture is None or self.view == FOCUS:
            other = self._pictures.get(RESULT if self.view == FOCUS else BEFORE)
            picture = other or next(iter(self._pictures.values()), None)
        if picture is None:
            return
        width, height = picture.get_width(), picture.get_height()
        drawn = picture.composite_color_simple(
            width, height, GdkPixbuf.InterpType.NEAREST, 255, CHECKER_PX, 0x999999, 0x666666
        )
        if self.view == FOCUS and self._depth is not None and self._sharp is not None:
            self._overlay().composite(
                drawn,
                0,
                0,
                width,
                height,
                0,
                0,
                width / self._depth.width,
                height / self._depth.height,
                GdkPixbuf.InterpType.NEAREST,
                255,
            )
        if (marker := self._markers.get(self.view)) is not None:
            _stamp(self._ring, drawn, round(marker[0] * width), round(marker[1] * height))
        self._image.set_from_pixbuf(drawn)

    def _overlay(self) -> GdkPixbuf.Pixbuf:
        assert self._depth is not None
        assert self._sharp is not None
        low, high = self._sharp
        table = [_BEHIND if v / 255 < low else _IN_FRONT if v / 255 > high else _SHARP for v in range(256)]
        data = bytearray(4 * len(self._depth.values))
        for channel in range(4):
            data[channel::4] = self._depth.values.translate(bytes(colour[channel] for colour in table))
        return pixbuf_from_rgb(self._depth.width, self._depth.height, 4, bytes(data))


def _crosshair(widget: Gtk.Widget) -> None:
    widget.get_window().set_cursor(Gdk.Cursor.new_from_name(widget.get_display(), "crosshair"))


def _stamp(mark: GdkPixbuf.Pixbuf, onto: GdkPixbuf.Pixbuf, x: int, y: int) -> None:
    """Draw `mark` with its middle at (x, y), as far as it lies inside."""
    left, top = x - mark.get_width() // 2, y - mark.get_height() // 2
    first_x, first_y = max(left, 0), max(top, 0)
    width = min(left + mark.get_width(), onto.get_width()) - first_x
    height = min(top + mark.get_height(), onto.get_height()) - first_y
    if width > 0 and height > 0:
        mark.composite(
            onto, first_x, first_y, width, height, left, top, 1.0, 1.0, GdkPixbuf.InterpType.NEAREST, 255
        )


def _ring() -> GdkPixbuf.Pixbuf:
    """A white ring with a dark edge and a dot: seen on every picture."""
    middle = RING_PX // 2
    rows = bytearray()
    for y in range(RING_PX):
        for x in range(RING_PX):
            distance = ((x - middle) ** 2 + (y - middle) ** 2) ** 0.5
            white = max(0.0, 1.5 - abs(distance - 9)) if distance > 3 else max(0.0, 2.2 - distance)
            dark = max(0.0, 2.8 - abs(distance - 9)) if distance > 4 else max(0.0, 3.6 - distance)
            shade = round(255 * min(white, 1.0))
            rows += bytes((shade, shade, shade, round(255 * min(max(white, 0.6 * min(dark, 1.0)), 1.0))))
    return pixbuf_from_rgb(RING_PX, RING_PX, 4, bytes(rows))
