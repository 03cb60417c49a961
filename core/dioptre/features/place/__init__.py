"""Place a layer at a depth of a photo: nearer things cover it with their soft edges."""

from __future__ import annotations

from dioptre_link.catalogue.place import PlaceOptions

from . import placing
from .placing import Placed, laid_out, on_surface, place, plane_at

__all__ = ["OPERATIONS", "Placed", "laid_out", "on_surface", "place", "plane_at"]

OPERATIONS = {PlaceOptions: placing.run}
"""The functions that run the operations of this feature, by their options."""
