"""Row for dragging the focus range on a histogram of the depth, with a ruler in metres below it."""

from __future__ import annotations

from dioptre_link.editing import focus_range, ruler
from dioptre_link.editing.focus_range import RangeDrag
from dioptre_link.editing.state import State, Store
from dioptre_link.language import translated
from dioptre_link.operation import Parameter

from . import drawing
from .controls import Row, set_options
from .document import GLib
from .histogram import SIZE, Histogram
from .toolkit import Gtk, pack

RULER_SIZE = (SIZE[0], 9)
LABEL_PX = 46  # Width of a tick's label; ticks are at least this far apart.
TICK_GAP = LABEL_PX / SIZE[0]


class FocusRow(Row):
    """Histogram whose range moves by dragging its middle and widens by dragging an end; arrow keys do the same."""

    def __init__(self, store: Store[State], parameter: Parameter, nick: str) -> None:
        super().__init__(store, parameter, nick)
        self._drag = RangeDrag(lambda options: set_options(store, options))
        self._ruler = Gtk.Image()
        self._ruler.set_size_request(*RULER_SIZE)
        self._area = Histogram(
            self._drag,
            translated("Far is on the left, near on the right. Drag either end to change how much stays sharp."),
            self._ruler,
        )
        self.name(self._area)
        self.label.set_mnemonic_widget(self._area)
        self._tick = self.automatic_tick(self._ticked)
        ends = Gtk.Label(label=f"{translated('far')} ← → {translated('near')}")
        ends.set_sensitive(False)
        top = pack(Gtk.Box(spacing=6), self.label, ends, self._tick, fills=ends)
        self.set_orientation(Gtk.Orientation.VERTICAL)
        self.set_spacing(2)
        self._scale = TickLabels()
        self._distances = Gtk.Label(xalign=0.0, wrap=True, selectable=False)
        self._distances.set_max_width_chars(1)  # Wrap at the row's width instead of widening the row.
        self._distances.set_tooltip_text(translated(ruler.HELP))
        self.name(self._distances, translated("Depth of field"))
        pack(self, top, self._area, self._scale, self._distances)
        self._in_metres = (self._ruler, self._scale, self._distances)
        for part in self._in_metres:
            part.show()
            part.set_no_show_all(True)  # `show_state` shows them once there are distances.

    def show_state(self, state: State) -> None:
        self._drag.lens_reach = state.lens_reach
        self._tick.set_active(focus_range.is_automatic(state.options))
        depth = None if state.shown is None else state.shown.depth
        self._area.show_state(state)
        shown = None if depth is None else state.ruler
        self._ruler.set_from_pixbuf(drawing.ruler(shown, RULER_SIZE, TICK_GAP))
        self._scale.show_ticks(() if shown is None else shown.ticks(TICK_GAP))
        self._distances.set_text(ruler.two_lines(shown))
        for part in self._in_metres:
            part.set_visible(shown is not None)

    def _ticked(self, tick: Gtk.CheckButton) -> None:
        if not self._quiet:
            self._drag.set_automatic(tick.get_active())


class TickLabels(Gtk.Fixed):
    """The distances below the ruler's ticks."""

    def __init__(self) -> None:
        super().__init__()
        self._labels: list[Gtk.Label] = []
        self._shown: tuple[tuple[float, str], ...] = ()
        self.set_size_request(SIZE[0], -1)
        self._add_label()  # Keeps the height while there are no ticks.

    def show_ticks(self, ticks: tuple[tuple[float, str], ...]) -> None:
        """Show the labels of `Ruler.ticks`, centred below their ticks as far as the row's ends allow."""
        if ticks == self._shown:
            return
        self._shown = ticks
        while len(self._labels) < len(ticks):
            self._add_label()
        for label in self._labels:
            label.set_text("")
        for label, (position, text) in zip(self._labels, ticks, strict=False):
            left, side = ruler.label_place(position, SIZE[0], LABEL_PX)
            label.set_markup(f"<small>{GLib.markup_escape_text(text)}</small>")
            label.set_xalign(side)
            self.move(label, round(left), 0)

    def _add_label(self) -> None:
        label = Gtk.Label()
        label.set_size_request(LABEL_PX, -1)
        label.set_markup("<small> </small>")
        label.set_sensitive(False)
        label.show()
        self.put(label, 0, 0)
        self._labels.append(label)
