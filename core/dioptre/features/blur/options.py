"""The options of the operations `portrait` and `lens_blur`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dioptre.optics.aperture import Aperture
from dioptre_link.catalogue.depth import DepthOptions
from dioptre_link.metres import LensOptions
from dioptre_link.strokes import Strokes


@dataclass(frozen=True, kw_only=True)
class BlurOptions(DepthOptions, LensOptions):
    """The options that all blurs share: the focus, the amount of blur, the bokeh, the lens and the depth."""

    focus: tuple[float, float] | None = None
    focal_disparity: float | None = None
    focus_range: float | None = None
    strokes: Strokes = ()
    max_radius: float | None = None
    foreground_strength: float = 1.0
    background_strength: float = 1.0
    highlight_boost: float = 0.2
    existing_defocus: Literal["auto", "ignore", "measure"] = "auto"
    grain: float = 0.0
    blades: int = 0
    blade_curvature: float = 0.0
    blade_rotation: float = 0.0
    anamorphic: float = 1.0
    cats_eye: float = 0.0
    known_distance: tuple[tuple[float, float, float], ...] = ()

    @property
    def aperture(self) -> Aperture:
        """The aperture of the chosen bokeh."""
        return Aperture(
            blades=self.blades,
            curvature=self.blade_curvature,
            rotation_deg=self.blade_rotation,
            anamorphic=self.anamorphic,
            cats_eye=self.cats_eye,
        )


@dataclass(frozen=True, kw_only=True)
class LensBlurOptions(BlurOptions):
    """The options of `lens_blur`."""

    operation = "lens_blur"

    pieces: Literal["none", "linear", "encoded"] = "none"


@dataclass(frozen=True, kw_only=True)
class PortraitOptions(BlurOptions):
    """The options of `portrait`."""

    operation = "portrait"

    subject: tuple[tuple[float, float], ...] = ()
    not_subject: tuple[tuple[float, float], ...] = ()
    keep_subject: float = 1.0
