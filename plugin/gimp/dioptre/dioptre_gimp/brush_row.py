"""The preview's tools: clicks, and the brush with its size and buttons that remove strokes."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402  (the version must be named first)

from dioptre_link.editing import brush  # noqa: E402
from dioptre_link.editing.state import State, Store, Tool  # noqa: E402
from dioptre_link.language import translated  # noqa: E402

from . import style  # noqa: E402
from .controls import no_wheel  # noqa: E402

SLIDER_PX = 90


class BrushRow(Gtk.Box):
    """Row of tool buttons that renders the dialog's state and forwards the user's input."""

    def __init__(self, store: Store[State]) -> None:
        super().__init__(spacing=6)
        self._store = store
        self._quiet = False
        self._buttons: dict[Tool, Gtk.RadioButton] = {}
        group = Gtk.Box()
        style.add_class(group, "linked")
        for tool in Tool:
            label, tip = (words(store.state.operation, tool) for words in (brush.label, brush.tip))
            button = Gtk.RadioButton.new_with_label_from_widget(self._buttons.get(Tool.POINT), label)
            button.set_mode(False)
            style.add_class(button, "dioptre-view")
            button.set_tooltip_text(tip)
            button.get_accessible().set_description(tip)
            button.connect("toggled", self._chose, tool)
            group.pack_start(button, False, False, 0)
            self._buttons[tool] = button
        self._size = Gtk.Scale.new_with_range(Gtk.Orientation.HORIZONTAL, 0.0, 1.0, 0.05)
        self._size.set_draw_value(False)
        self._size.set_size_request(SLIDER_PX, -1)
        self._size.set_tooltip_text(translated("Brush size (or Ctrl+scroll over the picture)"))
        self._size.get_accessible().set_name(translated("Brush size"))
        self._size.connect("value-changed", self._sized)
        no_wheel(self._size)
        self._removal = Gtk.Box(valign=Gtk.Align.CENTER)
        style.add_class(self._removal, "linked")
        for text, words, change in (
            ("↶", "Undo the last stroke (Ctrl+Z in the picture)", brush.undone),
            (translated("Clear strokes"), "Remove all strokes", brush.cleared),
        ):
            button = Gtk.Button(label=text)
            style.add_class(button, "dioptre-small")
            button.set_tooltip_text(translated(words))
            button.get_accessible().set_name(translated(words))
            button.connect("clicked", lambda _, change=change: store.set(change(store.state)))
            self._removal.pack_start(button, False, False, 0)
        self.pack_start(group, False, False, 0)
        self._label = Gtk.Label(label=translated("Size"))
        self.pack_start(self._label, False, False, 0)
        self.pack_start(self._size, False, False, 0)
        self.pack_end(self._removal, False, False, 0)
        store.observe(lambda _, state: self._render(state))
        self._render(store.state)

    def _render(self, state: State) -> None:
        self._quiet = True
        self._buttons[state.brush.tool].set_active(True)
        self._size.set_value(brush.slider_place(state.brush.radius))
        self._quiet = False
        for widget in (self._label, self._size):
            widget.set_sensitive(state.brush.paints)
        self._removal.set_sensitive(bool(brush.strokes(state)))
        self.set_sensitive(not state.working)

    def _chose(self, button: Gtk.RadioButton, tool: Tool) -> None:
        if not self._quiet and button.get_active():
            self._store.set(brush.chose(self._store.state, tool))

    def _sized(self, slider: Gtk.Scale) -> None:
        if not self._quiet:
            radius = brush.radius_at(slider.get_value())
            self._store.set(brush.sized(self._store.state, radius))
