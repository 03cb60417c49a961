"""Which things are the subject, where there are several: the options of everything that finds a subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..operation import Kind, Parameter

ADDS, REMOVES = "subject", "not_subject"
"""The options that get the clicks which add a thing to the subject and take one away."""

SUBJECT_PARAMETERS = (
    Parameter(
        name=ADDS,
        kind=Kind.POINTS,
        label="Added subjects",
        help="Points on things that also belong to the subject.",
        default=(),
        group="Subject",
        simple=True,
    ),
    Parameter(
        name=REMOVES,
        kind=Kind.POINTS,
        label="Removed subjects",
        help="Points on things that do not belong to the subject.",
        default=(),
        group="Subject",
        simple=True,
    ),
)

SUBJECT_RESETS: Mapping[str, Any] = {ADDS: (), REMOVES: ()}
"""What a click that chooses another subject takes back."""
