"""The subject of a picture: which part it is, cut out with its hair, and the depth at which it stands."""

from __future__ import annotations

from .finding import Subject, begin_looks, find_subject, kept_subject, known_subject
from .region import otsu
from .several import Choice, chosen_subject
from .views import opaque

__all__ = [
    "Choice",
    "Subject",
    "begin_looks",
    "chosen_subject",
    "find_subject",
    "kept_subject",
    "known_subject",
    "opaque",
    "otsu",
]
