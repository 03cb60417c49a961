"""Options, shared by all operations that find a subject, for adding and removing objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..operation import Kind, Parameter, grouped

ADDS, REMOVES = "subject", "not_subject"
"""Names of the options that collect clicks on objects to add to the subject and on objects to remove from it."""

SUBJECT_PARAMETERS = grouped(
    "Subject",
    Parameter(
        name=ADDS,
        kind=Kind.POINTS,
        label="Added subjects",
        help="Points on objects to add to the subject.",
        default=(),
    ),
    Parameter(
        name=REMOVES,
        kind=Kind.POINTS,
        label="Removed subjects",
        help="Points on objects to remove from the subject.",
        default=(),
    ),
    simple=True,
)

SUBJECT_STROKES = Parameter(
    name="subject_strokes",
    kind=Kind.STROKES,
    label="Subject brush",
    help="Brush strokes over areas to select or to leave out. Paint them in the editor's preview.",
    default=(),
    group="Subject",
    bytes_per_pixel=8,  # two float32 planes: the mask of strokes, and a plane adjusted under it
)

SUBJECT_RESETS: Mapping[str, Any] = {ADDS: (), REMOVES: ()}
"""Options that are cleared by a click that chooses another subject."""
