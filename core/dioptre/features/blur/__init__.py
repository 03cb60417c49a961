"""The blur of a lens, computed from depth: of a whole picture, or with the subject kept in focus."""

from __future__ import annotations

from dioptre.optics.aperture import Aperture
from dioptre.optics.defocus import Focus
from dioptre.optics.highlights import Highlights
from dioptre_link.catalogue.lens_blur import LensBlurOptions
from dioptre_link.catalogue.portrait import PortraitOptions

from . import from_depth, portrait_blur
from .from_depth import Blurred, lens_blur
from .portrait_blur import Portrait, portrait

__all__ = ["OPERATIONS", "Aperture", "Blurred", "Focus", "Highlights", "Portrait", "lens_blur", "portrait"]

OPERATIONS = {PortraitOptions: portrait_blur.run, LensBlurOptions: from_depth.run}
"""The functions that run the operations of this feature, by their options."""
