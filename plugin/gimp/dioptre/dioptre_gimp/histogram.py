"""A histogram of the depth on which a range is dragged: far is on the left, near on the right."""

from __future__ import annotations

from dioptre_link.editing import scene
from dioptre_link.editing.focus_range import RangeDrag
from dioptre_link.editing.limit_range import LimitDrag
from dioptre_link.editing.state import State, Store
from dioptre_link.language import translated

from . import drawing
from .controls import set_options
from .toolkit import Gdk, Gtk, pack

SIZE = (428, 44)
BINS = 100


class Histogram(Gtk.EventBox):
    """Histogram whose range moves by dragging its middle and changes by dragging an end; arrow keys do the same."""

    def __init__(self, drag: RangeDrag, help_: str, *below: Gtk.Widget) -> None:
        super().__init__(can_focus=True, halign=Gtk.Align.START)
        self._drag = drag
        self._bars: list[tuple[scene.Segment, scene.Segment]] = []
        self._image = Gtk.Image()
        self._image.set_size_request(*SIZE)
        drawn = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=1)
        self.add(pack(drawn, self._image, *below))
        masks = Gdk.EventMask
        self.add_events(
            masks.BUTTON_PRESS_MASK | masks.BUTTON_RELEASE_MASK | masks.BUTTON1_MOTION_MASK | masks.KEY_PRESS_MASK
        )
        self.connect("button-press-event", self._press)
        self.connect("motion-notify-event", self._move)
        self.connect("button-release-event", self._release)
        self.connect("key-press-event", self._key)
        for event in ("focus-in-event", "focus-out-event"):
            self.connect_after(event, lambda *_: self._draw())
        self.set_tooltip_text(help_)

    def show_state(self, state: State) -> None:
        self._drag.sharp = state.sharp
        self._bars = scene.histogram(state, BINS)
        self._draw()
        self.set_sensitive(state.shown is not None and state.shown.depth is not None)

    def _draw(self) -> bool:
        shown = drawing.histogram(self._bars, SIZE, self._drag.sharp, focused=self.has_focus())
        self._image.set_from_pixbuf(shown)
        return False

    # -- input --------------------------------------------------------------------------------------------------

    def _press(self, _area: Gtk.Widget, event: Gdk.EventButton) -> bool:
        if self._drag.sharp is None or event.button != 1:
            return False
        self.grab_focus()
        self._drag.pressed(_at(event.x))
        return True

    def _move(self, _area: Gtk.Widget, event: Gdk.EventMotion) -> bool:
        self._drag.moved(_at(event.x))
        return True

    def _release(self, *_: object) -> bool:
        self._drag.released()
        return True

    def _key(self, _area: Gtk.Widget, event: Gdk.EventKey) -> bool:
        return self._drag.key((Gdk.keyval_name(event.keyval) or "").lower())


class LimitRow(Gtk.Box):
    """The histogram of the range of depth that an effect is limited to."""

    def __init__(self, store: Store[State]) -> None:
        super().__init__()
        drag = LimitDrag(lambda options: set_options(store, options))
        help_ = translated("Far is on the left, near on the right. Drag either end, or between them.")
        self._area = Histogram(drag, help_)
        self._area.get_accessible().set_name(translated("Range of depth"))
        self.pack_start(self._area, False, False, 0)

    def render(self, state: State) -> None:
        self._area.show_state(state)


def _at(x: float) -> float:
    return float(min(max(x / SIZE[0], 0.0), 1.0))
