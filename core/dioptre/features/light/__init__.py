"""Light a photo again with lamps that are placed in its depth."""

from __future__ import annotations

from dioptre_link.catalogue.light import LightOptions

from . import lighting
from .lighting import Light, placed_lights, relight

__all__ = ["OPERATIONS", "Light", "placed_lights", "relight"]

OPERATIONS = {LightOptions: lighting.run}
"""The functions that run the operations of this feature, by their options."""
