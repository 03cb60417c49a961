"""The few colours that GIMP's light and dark themes lack: those of the chosen view and of coloured sliders."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402  (the version must be named first)

_CSS = b"""
.dioptre-view:checked, .dioptre-shape:checked {
    background-image: none; background-color: #2f6fbd; color: #ffffff; font-weight: bold;
}
.dioptre-view:checked label { color: #ffffff; }
.dioptre-view { padding: 3px 9px; min-height: 0; }
.dioptre-shape { padding: 2px; min-width: 0; min-height: 0; }
.dioptre-waiting { background-color: rgba(20, 20, 20, 0.8); color: #ffffff;
    padding: 10px 16px; border-radius: 6px; }
.dioptre-waiting label, .dioptre-waiting spinner { color: #ffffff; }
.dioptre-tag { background-color: rgba(0, 0, 0, 0.67); color: #6ec8ff; padding: 0 3px; }
frame.dioptre-frame > border { border: 2px solid transparent; border-radius: 0; }
frame.dioptre-focused > border { border-color: #2f6fbd; }
progressbar.dioptre-bar trough, progressbar.dioptre-bar progress { min-height: 8px; border-radius: 4px; }
progressbar.dioptre-bar progress { background-image: none; background-color: #2f6fbd; border: none; }
list.dioptre-recipes row * { background-color: transparent; background-image: none; }
list.dioptre-recipes row:selected { background-image: none; background-color: #2f6fbd; }
list.dioptre-recipes row:selected label { color: #ffffff; }
.dioptre-small { padding: 1px 6px; min-height: 0; }
scale.dioptre-blue-amber trough, scale.dioptre-green-magenta trough { min-height: 8px; border: none; }
scale.dioptre-blue-amber trough { background-image: linear-gradient(to right, #3a7bd5, #d8d8d8, #f0a030); }
scale.dioptre-green-magenta trough { background-image: linear-gradient(to right, #3aa655, #d8d8d8, #c83aa6); }
scale.dioptre-blue-amber highlight, scale.dioptre-green-magenta highlight { background: none; border: none; }
"""


def add_class(widget: Gtk.Widget, name: str) -> None:
    widget.get_style_context().add_class(name)


def remove_class(widget: Gtk.Widget, name: str) -> None:
    widget.get_style_context().remove_class(name)


def install() -> None:
    """Use these colours in all dialogs of this process."""
    provider = Gtk.CssProvider()
    provider.load_from_data(_CSS)
    Gtk.StyleContext.add_provider_for_screen(
        Gdk.Screen.get_default(), provider, Gtk.STYLE_PROVIDER_PRIORITY_USER + 1
    )
