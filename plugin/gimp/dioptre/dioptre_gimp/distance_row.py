"""Row for entering the distance of the clicked focus point, which sets the scale of the depth map."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402  (the version must be named first)

from dioptre_link.editing import distances  # noqa: E402
from dioptre_link.editing.state import State, Store  # noqa: E402
from dioptre_link.language import translated  # noqa: E402

from .controls import VALUE_CHARS, set_options  # noqa: E402


class DistanceRow(Gtk.Box):
    """Entry that shows the distance of the focus point on the current scale, and takes the true one."""

    def __init__(self, store: Store[State]) -> None:
        super().__init__(spacing=6)
        self._store = store
        self._entry = Gtk.Entry(xalign=1.0)
        self._entry.set_width_chars(VALUE_CHARS + 3)
        self._entry.set_max_width_chars(VALUE_CHARS + 3)
        self._entry.connect("activate", self._entered)
        self._entry.connect("focus-out-event", self._entered)
        accessible = self._entry.get_accessible()
        accessible.set_name(translated(distances.LABEL))
        accessible.set_description(translated(distances.HELP))
        label = Gtk.Label(label=translated(distances.LABEL), xalign=0.0)
        self.set_tooltip_text(translated(distances.HELP))
        self.pack_start(label, False, False, 0)
        self.pack_end(self._entry, False, False, 0)
        self._point = store.state.point

    def render(self, state: State) -> None:
        moved, self._point = state.point != self._point, state.point
        if moved or not self._entry.has_focus():
            self._entry.set_text(_text(state))
        self._entry.set_sensitive(distances.can_enter(state))

    def _entered(self, *_: object) -> bool:
        """Apply a typed distance, or restore the current one if it is not a number."""
        text, state = self._entry.get_text().strip().removesuffix("m").strip().replace(",", "."), self._store.state
        if text != _text(state).removesuffix(" m"):
            try:
                set_options(self._store, distances.entered(state, float(text)))
            except ValueError:
                self._entry.set_text(_text(state))
        return False


def _text(state: State) -> str:
    shown = distances.shown_m(state)
    return "" if shown is None else f"{shown:.2f} m"
