"""Row of bokeh shapes, shown as pictures."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402  (the version must be named first)

from dioptre_link.editing import bokeh  # noqa: E402
from dioptre_link.editing.state import State, Store  # noqa: E402
from dioptre_link.language import translated  # noqa: E402

from . import drawing, style  # noqa: E402
from .controls import set_options  # noqa: E402

PICTURE_PX = 36


class ShapesRow(Gtk.Box):
    """A button for each shape; none is active if the options match no shape."""

    def __init__(self, store: Store[State]) -> None:
        super().__init__(spacing=2)
        self._store = store
        self._quiet = False
        self._buttons: dict[str, Gtk.ToggleButton] = {}
        for shape in bokeh.SHAPES:
            button = Gtk.ToggleButton()
            picture = drawing.pixbuf_from_rgb(PICTURE_PX, PICTURE_PX, 1, shape.picture(PICTURE_PX))
            button.add(Gtk.Image.new_from_pixbuf(picture))
            button.set_tooltip_text(f"{translated(shape.label)}: {translated(shape.tip)}")
            button.get_accessible().set_name(translated(shape.label))
            style.add_class(button, "dioptre-shape")
            button.connect("toggled", self._chose, shape)
            self._buttons[shape.name] = button
            self.pack_start(button, True, True, 0)
        self.get_accessible().set_name(translated("Bokeh"))

    def render(self, state: State) -> None:
        chosen = bokeh.shape_of(state.options)
        self._quiet = True
        for name, button in self._buttons.items():
            button.set_active(chosen is not None and chosen.name == name)
        self._quiet = False

    def _chose(self, button: Gtk.ToggleButton, shape: bokeh.Shape) -> None:
        if self._quiet:
            return
        set_options(self._store, dict(shape.options))
        self.render(self._store.state)  # Clicking the active shape must not switch it off.
