"""How a chosen button looks: in the colour of a selection, which every theme of Krita has."""

from __future__ import annotations

_BUTTON = """
QToolButton {{ border: 1px solid transparent; border-radius: 3px; padding: {padding}; }}
QToolButton:hover {{ border-color: palette(mid); }}
QToolButton:checked {{ background: palette(highlight); color: palette(highlighted-text); }}
QToolButton:focus {{ border-color: palette(highlight); }}
QToolButton:checked:focus {{ border-color: palette(text); }}
"""

VIEW = _BUTTON.format(padding="2px 5px")
"""Buttons with words."""

SHAPE = _BUTTON.format(padding="3px 0px")
"""Buttons with pictures."""
