"""Depth of pictures: estimated, read from the camera's map or repaired, and the normals of its surfaces."""

from __future__ import annotations

from dioptre_link.catalogue.depth import DepthMapOptions
from dioptre_link.catalogue.repair_depth import RepairOptions

from . import estimation, repair
from .coarse import USUAL_NEAREST, Depth
from .estimation import chosen_depth, disparity_around, estimate_depth, kept_depth, range_of
from .normals import Normals, depth_normals, network_normals, normals_of_depth
from .snapping import snapped_strokes

__all__ = [
    "OPERATIONS",
    "USUAL_NEAREST",
    "Depth",
    "Normals",
    "chosen_depth",
    "depth_normals",
    "disparity_around",
    "estimate_depth",
    "kept_depth",
    "network_normals",
    "normals_of_depth",
    "range_of",
    "snapped_strokes",
]

OPERATIONS = {DepthMapOptions: estimation.run, RepairOptions: repair.run}
"""The functions that run the operations of this feature, by their options."""
