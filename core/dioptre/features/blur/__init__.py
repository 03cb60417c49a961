"""The blur of a lens, computed from depth: of a whole picture, or with the subject kept in focus."""

from __future__ import annotations

from . import from_depth, portrait_blur
from .from_depth import Blurred, lens_blur
from .options import LensBlurOptions, PortraitOptions
from .portrait_blur import Portrait, portrait

__all__ = ["OPERATIONS", "Blurred", "Portrait", "lens_blur", "portrait"]

OPERATIONS = {PortraitOptions: portrait_blur.run, LensBlurOptions: from_depth.run}
"""The functions that run the operations of this feature, by their options."""
