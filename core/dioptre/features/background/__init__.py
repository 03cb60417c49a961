"""The background behind the subject, as if the subject were not there."""

from __future__ import annotations

from .filling import clean_background, textured_background

__all__ = ["clean_background", "textured_background"]
