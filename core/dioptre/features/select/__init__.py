"""Selections of the subject or of a range of depths, as a mask and as a cut-out layer."""

from __future__ import annotations

from dioptre_link.catalogue.select_depth import SelectDepthOptions
from dioptre_link.catalogue.select_subject import SelectSubjectOptions

from . import by_depth, by_subject
from .by_depth import depth_mask, select_depth
from .by_subject import select_subject
from .selected import Selected

__all__ = ["OPERATIONS", "Selected", "depth_mask", "select_depth", "select_subject"]

OPERATIONS = {SelectSubjectOptions: by_subject.run, SelectDepthOptions: by_depth.run}
"""The functions that run the operations of this feature, by their options."""
