"""Add haze that grows with the distance, or remove the haze of a photo."""

from __future__ import annotations

from dioptre_link.catalogue.haze import HazeOptions

from . import haze
from .haze import add_haze, air_of, in_haze, measured_haze, remove_haze

__all__ = ["OPERATIONS", "add_haze", "air_of", "in_haze", "measured_haze", "remove_haze"]

OPERATIONS = {HazeOptions: haze.run}
"""The functions that run the operations of this feature, by their options."""
