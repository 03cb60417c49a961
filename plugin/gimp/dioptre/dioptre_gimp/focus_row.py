"""Row for dragging the focus range on a histogram of the depth: far is on the left, near on the right."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402  (the version must be named first)

from dioptre_link.editing import focus_range, views  # noqa: E402
from dioptre_link.editing.focus_range import Grip  # noqa: E402
from dioptre_link.editing.state import State, Store  # noqa: E402
from dioptre_link.language import translated  # noqa: E402
from dioptre_link.operation import Parameter  # noqa: E402

from . import drawing  # noqa: E402
from .controls import AUTOMATIC, Row, set_options  # noqa: E402

SIZE = (428, 44)
GRIP = 0.025  # Distance from an end of the range within which a press grabs it, as a fraction of the width.
BINS = 100


class FocusRow(Row):
    """Histogram whose range moves by dragging its middle and widens by dragging an end; arrow keys do the same."""

    def __init__(self, store: Store[State], parameter: Parameter, nick: str) -> None:
        super().__init__(store, parameter, nick)
        self._depth: object = None
        self._bars = [0.0] * BINS
        self._grip: Grip | None = None  # Set while the mouse button is down.
        self._image = Gtk.Image()
        self._image.set_size_request(*SIZE)
        self._area = Gtk.EventBox(can_focus=True, halign=Gtk.Align.START)
        self._area.add(self._image)
        masks = Gdk.EventMask
        self._area.add_events(
            masks.BUTTON_PRESS_MASK | masks.BUTTON_RELEASE_MASK | masks.BUTTON1_MOTION_MASK | masks.KEY_PRESS_MASK
        )
        self._area.connect("button-press-event", self._press)
        self._area.connect("motion-notify-event", self._move)
        self._area.connect("button-release-event", self._release)
        self._area.connect("key-press-event", self._key)
        for event in ("focus-in-event", "focus-out-event"):
            self._area.connect_after(event, lambda *_: self._draw())
        self._area.set_tooltip_text(
            translated("Far is on the left, near on the right. Drag either end to change how much stays sharp.")
        )
        self.name(self._area)
        self.label.set_mnemonic_widget(self._area)
        self._tick = Gtk.CheckButton(label=translated(AUTOMATIC))
        self._tick.set_tooltip_text(translated("Determine from the picture"))
        self._tick.connect("toggled", self._ticked)
        self.name(self._tick, f"{translated(parameter.label)}: {translated(AUTOMATIC)}")
        top = Gtk.Box(spacing=6)
        ends = Gtk.Label(label=f"{translated('far')} ← → {translated('near')}")
        ends.set_sensitive(False)
        top.pack_start(self.label, False, False, 0)
        top.pack_start(ends, True, True, 0)
        top.pack_start(self._tick, False, False, 0)
        self.set_orientation(Gtk.Orientation.VERTICAL)
        self.set_spacing(2)
        self.pack_start(top, False, False, 0)
        self.pack_start(self._area, False, False, 0)

    def show_state(self, state: State) -> None:
        self._tick.set_active(focus_range.is_automatic(state.options))
        depth = None if state.shown is None else state.shown.depth
        if depth is not self._depth:
            self._depth = depth
            self._bars = views.histogram(depth.data, BINS) if depth is not None else [0.0] * BINS
        self._draw()
        self._area.set_sensitive(depth is not None)

    def _draw(self) -> bool:
        sharp, focused = self.store.state.sharp, self._area.has_focus()
        self._image.set_from_pixbuf(drawing.histogram(self._bars, SIZE, sharp, focused=focused))
        return False

    # -- input --------------------------------------------------------------------------------------------------

    def _at(self, x: float) -> float:
        return float(min(max(x / SIZE[0], 0.0), 1.0))

    def _press(self, _area: Gtk.Widget, event: Gdk.EventButton) -> bool:
        sharp = self.store.state.sharp
        if sharp is None or event.button != 1:
            return False
        self._area.grab_focus()
        at = self._at(event.x)
        self._grip = focus_range.grip_at(sharp, at, GRIP)
        if self._grip is Grip.MIDDLE:
            set_options(self.store, focus_range.dragged(sharp, self._grip, at))
        return True

    def _move(self, _area: Gtk.Widget, event: Gdk.EventMotion) -> bool:
        sharp = self.store.state.sharp
        if self._grip is None or sharp is None:
            return False
        set_options(self.store, focus_range.dragged(sharp, self._grip, self._at(event.x)))
        return True

    def _release(self, *_: object) -> bool:
        self._grip = None
        return True

    def _key(self, _area: Gtk.Widget, event: Gdk.EventKey) -> bool:
        sharp, name = self.store.state.sharp, Gdk.keyval_name(event.keyval)
        if sharp is None or name not in ("Left", "Right", "Up", "Down"):
            return False
        set_options(self.store, focus_range.nudged(sharp, name.lower()))
        return True

    def _ticked(self, tick: Gtk.CheckButton) -> None:
        if self._quiet:
            return
        if tick.get_active():
            set_options(self.store, focus_range.AUTOMATIC)
            return
        sharp = self.store.state.sharp
        if sharp is not None:
            set_options(self.store, focus_range.fixed(sharp))
