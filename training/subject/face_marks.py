"""Read the marks of faces, and make targets of them for the patches of a window of the photograph."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dioptre.imaging.closer_look import Window
from dioptre.models.registry import ENTRIES
from dioptre.models.subject import SubjectConfig

MARKS = Path(__file__).with_name("faces.tsv")
INPUT_PX = ENTRIES["dioptre-subject"].preprocessing.short_side_px
SIDE_PX = 2 * INPUT_PX // 3  # of what the backbone sees
_GRID = SIDE_PX // SubjectConfig().backbone.patch_px
_UNSCORED = 1.1  # within this many heights of a face, patches that are not on it are not scored

Mark = tuple[bool, float, float, float]
"""Whether the face is seen; x, y and height."""


def read_marks(file: Path = MARKS) -> dict[str, list[Mark]]:
    """Return the marked heads of each photograph."""
    marks: dict[str, list[Mark]] = defaultdict(list)
    with file.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            own = marks[row["photo"]]
            if row["kind"] != "none":
                own.append((row["kind"] == "face", float(row["x"]), float(row["y"]), float(row["height"])))
    return dict(marks)


def wanted(marks: Sequence[Mark], window: Window) -> np.ndarray:
    """Return the target of each patch of a window, (g, g, 2) for faces and heads: 1, 0, or -1 if it is not scored.

    A patch within half a face's height of its middle shows it, and so does the patch that holds the middle.
    """
    height, width = window.size
    places = (np.arange(_GRID) + 0.5) / _GRID
    columns, rows = window.left + places * window.width, (window.top + places * window.height)[:, None]
    made = np.zeros((_GRID, _GRID, 2))
    for seen, x, y, share in marks:
        across, down = np.abs(columns - x * width), np.abs(rows - y * height)
        away, tall = np.hypot(across, down), share * height
        inner = (away <= tall / 2) | ((across <= window.width / _GRID / 2) & (down <= window.height / _GRID / 2))
        outer = away <= _UNSCORED * tall + max(window.width, window.height) / _GRID / 2
        for kind in (0, 1):
            made[outer & (made[..., kind] == 0), kind] = -1
            if seen or kind == 1:
                made[inner, kind] = 1
    return made
