"""Super-resolution: pictures enlarged with more detail than interpolation gives, and their depth and layers."""

from __future__ import annotations

from . import operation
from .operation import super_resolution

__all__ = ["OPERATIONS", "super_resolution"]

OPERATIONS = {"super_resolution": operation.run}
"""The functions that run the operations of this feature, by name."""
