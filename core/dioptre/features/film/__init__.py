"""Films of a photo: the camera or the focus moves, and every pixel that the photo does not show is known."""

from __future__ import annotations

from dioptre_link.catalogue.film import FilmOptions

from . import making
from .camera import Camera, Lens, cameras, places
from .cutting import Sheets, sheets_of
from .drawing import drawn, invented

__all__ = [
    "OPERATIONS",
    "Camera",
    "Lens",
    "Sheets",
    "cameras",
    "drawn",
    "invented",
    "places",
    "sheets_of",
]

OPERATIONS = {FilmOptions: making.run}
"""The functions that run the operations of this feature, by their options."""
