"""Depth of pictures: estimated, read from the camera's map or repaired, and the normals of its surfaces."""

from __future__ import annotations

from . import estimation, repair
from .estimation import Depth, estimate_depth, kept_depth
from .normals import Normals, estimate_normals, network_normals, normals_of_depth

__all__ = [
    "OPERATIONS",
    "Depth",
    "Normals",
    "estimate_depth",
    "estimate_normals",
    "kept_depth",
    "network_normals",
    "normals_of_depth",
]

OPERATIONS = {"depth": estimation.run, "repair_depth": repair.run}
"""The functions that run the operations of this feature, by name."""
