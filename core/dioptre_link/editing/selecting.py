"""Display of computed selections, shared by both editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Options = Mapping[str, Any]

RED = [(235, 30, 30, value * 9 // 16) for value in range(256)]
"""Overlay colours of a preview (red, green, blue and alpha) for each selection value from 0 to 255."""

OUTSIDE = [(56, 56, 56, 255 - value) for value in range(256)]
"""The same for the view of the cut-out, which covers unselected areas."""


def own_options(options: Options) -> Options:
    """Return the options of the step that selects; in a recipe with several steps, this is the last one."""
    steps = options.get("steps")
    return steps[-1]["options"] if steps else options
