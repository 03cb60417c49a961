"""What both editors know of a selection that was computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Options = Mapping[str, Any]

RED = [(235, 30, 30, value * 9 // 16) for value in range(256)]
"""Red, green, blue and alpha by how far a pixel is selected: the overlay of a preview."""

OUTSIDE = [(56, 56, 56, 255 - value) for value in range(256)]
"""The same for what covers the part that is not selected: the view of the cut-out."""


def own_options(options: Options) -> Options:
    """The options of the step that selects: of a recipe with several steps its last one's."""
    steps = options.get("steps")
    return steps[-1]["options"] if steps else options
