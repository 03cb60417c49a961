"""Light a photo again with lamps that are placed in its depth."""

from __future__ import annotations

from . import lighting
from .lighting import Light, placed_lights, relight
from .options import LightOptions

__all__ = ["OPERATIONS", "Light", "LightOptions", "placed_lights", "relight"]

OPERATIONS = {LightOptions: lighting.run}
"""The functions that run the operations of this feature, by their options."""
