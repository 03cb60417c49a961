"""Options, shared by all operations that find a subject, for adding and removing objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..operation import Options, Points, option

ADDS, REMOVES = "subject", "not_subject"
"""Names of the options that collect clicks on objects to add to the subject and on objects to remove from it."""


@dataclass(frozen=True, kw_only=True)
class SubjectOptions(Options, group="Subject", simple=True):
    """The objects that belong to the subject."""

    subject: Points = option((), label="Added subjects", help="Points on objects to add to the subject.")
    not_subject: Points = option(
        (),
        label="Removed subjects",
        help="Points on objects to remove from the subject.",
        refined_by="is-net",
    )


SUBJECT_RESETS: Mapping[str, Any] = {ADDS: (), REMOVES: ()}
"""Options that are cleared by a click that chooses another subject."""
