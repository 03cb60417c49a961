"""GIMP's libraries, in the versions this plug-in is written for. `GimpUi` is not here: it needs a display."""

import gi

gi.require_version("Gimp", "3.0")  # GIMP 3.2 keeps this name
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, Gio, GLib, GObject  # noqa: E402  (the versions must be named first)

__all__ = ["GLib", "GObject", "Gegl", "Gimp", "Gio"]
