"""Super-resolution: pictures enlarged with more detail than interpolation gives, and their depth and layers."""

from __future__ import annotations

from dioptre_link.catalogue.super_resolution import EnlargementOptions

from . import enlargement
from .enlargement import super_resolution

__all__ = ["OPERATIONS", "EnlargementOptions", "super_resolution"]

OPERATIONS = {EnlargementOptions: enlargement.run}
"""The functions that run the operations of this feature, by their options."""
