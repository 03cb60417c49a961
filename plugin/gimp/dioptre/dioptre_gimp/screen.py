"""How much room the screen leaves to a dialog."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gdk  # noqa: E402  (the version must be named first)

AROUND_PX = 260  # of the height: the dialog's title, settings, buttons and progress
BESIDE_PX = 726  # of the width: the options, and a canvas to look at beside the dialog
LEAST_PX = 240
SMALL_PX = 640  # longest side of a preview: fits a laptop's screen beside the options
MOST_PX = 1200  # and one that is still quick to blur


def room_px() -> int:
    """The height that the screen leaves to a dialog's picture and options."""
    return max(int(_workarea().height) - AROUND_PX, LEAST_PX)


def fitted(width: int, height: int, *, most_px: int = MOST_PX, above_px: int = 0) -> tuple[int, int]:
    """The size of a preview of a picture of this size, on this screen. above_px: height of more rows above it."""
    longest = min(max(int(_workarea().width) - BESIDE_PX, SMALL_PX), most_px)
    scale = min(1.0, longest / max(width, height), (room_px() - above_px) / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _workarea() -> Gdk.Rectangle:
    display = Gdk.Display.get_default()
    monitor = display.get_primary_monitor() or display.get_monitor(0)
    return monitor.get_workarea()
