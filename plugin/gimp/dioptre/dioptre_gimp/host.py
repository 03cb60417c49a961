"""GIMP's libraries, in the versions that this plug-in requires. `GimpUi` needs a display and is not among them."""

import gi

gi.require_version("Gimp", "3.0")  # GIMP 3.2 provides its library under this version, too.
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, Gio, GLib, GObject  # noqa: E402  (the versions must be named first)

__all__ = ["GLib", "GObject", "Gegl", "Gimp", "Gio"]
