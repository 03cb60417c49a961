"""Sizes of dialogs that fit the screen."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gdk  # noqa: E402  (the version must be named first)

AROUND_PX = 260  # Height in pixels of the dialog's title, settings, buttons and progress bar.
BESIDE_PX = 726  # Width in pixels of the options, plus a strip of canvas that stays visible next to the dialog.
LEAST_PX = 240
SMALL_PX = 640  # Longest side, in pixels, of a preview that fits a laptop screen next to the options.
MOST_PX = 1200  # Longest side, in pixels, of a preview that can still be blurred quickly.


def room_px() -> int:
    """Return the height in pixels that the screen leaves for a dialog's picture and options."""
    return max(int(_workarea().height) - AROUND_PX, LEAST_PX)


def fitted(width: int, height: int, *, most_px: int = MOST_PX, above_px: int = 0) -> tuple[int, int]:
    """Return the size of a picture's preview on this screen.

    Args:
        width: Width of the picture, in pixels.
        height: Height of the picture, in pixels.
        most_px: Limit for the longest side.
        above_px: Height of additional rows above the preview.

    Returns:
        Width and height of the preview, in pixels.
    """
    longest = min(max(int(_workarea().width) - BESIDE_PX, SMALL_PX), most_px)
    scale = min(1.0, longest / max(width, height), (room_px() - above_px) / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _workarea() -> Gdk.Rectangle:
    display = Gdk.Display.get_default()
    monitor = display.get_primary_monitor() or display.get_monitor(0)
    return monitor.get_workarea()
