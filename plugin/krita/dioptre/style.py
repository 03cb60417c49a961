"""Styles of checked buttons, in the selection colour that every Krita theme defines."""

from __future__ import annotations

_BUTTON = """
QToolButton {{ border: 1px solid transparent; border-radius: 3px; padding: {padding}; }}
QToolButton:hover {{ border-color: palette(mid); }}
QToolButton:checked {{ background: palette(highlight); color: palette(highlighted-text); }}
QToolButton:focus {{ border-color: palette(highlight); }}
QToolButton:checked:focus {{ border-color: palette(text); }}
"""

VIEW = _BUTTON.format(padding="2px 5px")
"""For buttons with text."""

SHAPE = _BUTTON.format(padding="3px 0px")
"""For buttons with pictures."""
