"""Super-resolution: pictures enlarged with more detail than interpolation gives, and their depth and layers."""

from __future__ import annotations

from . import enlargement
from .enlargement import super_resolution
from .options import EnlargementOptions

__all__ = ["OPERATIONS", "EnlargementOptions", "super_resolution"]

OPERATIONS = {EnlargementOptions: enlargement.run}
"""The functions that run the operations of this feature, by their options."""
