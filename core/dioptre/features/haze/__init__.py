"""Add haze that grows with the distance, or remove the haze of a photo."""

from __future__ import annotations

from . import haze
from .haze import add_haze, air_of, in_haze, measured_haze, remove_haze
from .options import HazeOptions

__all__ = ["OPERATIONS", "HazeOptions", "add_haze", "air_of", "in_haze", "measured_haze", "remove_haze"]

OPERATIONS = {HazeOptions: haze.run}
"""The functions that run the operations of this feature, by their options."""
