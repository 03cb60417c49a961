"""Views of a photo from beside its camera, and pictures for two eyes made of them."""

from __future__ import annotations

from dioptre_link.catalogue.spatial import SpatialOptions

from . import layouts
from .drawing import View, view, views
from .layouts import anaglyph, quilt, side_by_side
from .scene import Found, Scene, Surface, rim_px, scene_of, without_traces

__all__ = [
    "OPERATIONS",
    "Found",
    "Scene",
    "Surface",
    "View",
    "anaglyph",
    "quilt",
    "rim_px",
    "scene_of",
    "side_by_side",
    "view",
    "views",
    "without_traces",
]

OPERATIONS = {SpatialOptions: layouts.run}
"""The functions that run the operations of this feature, by their options."""
