"""Options, shared by all blurs, for the amount of blur and the shape of the bokeh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..operation import Options, fraction, option
from .depth import DepthOptions
from .lens import LensOptions

F_NUMBER, MAX_RADIUS = "f_number", "max_radius"
"""Names of the options for the amount of blur; a radius overrides the f-number."""


@dataclass(frozen=True, kw_only=True)
class BokehOptions(Options, group="Bokeh"):
    """The shape of the aperture."""

    blades: int = option(
        0, 0, 11, label="Aperture blades", help="Number of aperture blades, 5 to 11; 0 gives a round aperture."
    )
    blade_curvature: float = fraction(
        0.0, label="Blade curvature", help="Shape of the blades' edges: 0 straight, 1 round."
    )
    blade_rotation: float = option(
        0.0,
        -360.0,
        360.0,
        label="Blade rotation",
        help="Rotates the aperture counter-clockwise.",
        slider=(-90.0, 90.0),
        unit="°",
    )
    anamorphic: float = option(
        1.0,
        0.25,
        4.0,
        label="Anamorphic squeeze",
        help="Height of the bokeh divided by its width: 1 is round, 2 looks like a 2× anamorphic cine lens.",
        slider=(0.5, 2.0),
    )
    cats_eye: float = fraction(
        0.0,
        label="Cat's eye",
        help="Narrows the bokeh towards the corners of the picture, as the barrel of a fast lens does (optical "
        "vignetting).",
    )


@dataclass(frozen=True, kw_only=True)
class BlurOptions(BokehOptions, LensOptions, DepthOptions, group="Blur"):
    """The options of all blurs, apart from the focus."""

    f_number: float = option(
        2.0,
        0.7,
        32.0,
        label="Blur amount (f-number)",
        help="Aperture of an 85 mm lens on a full-frame camera: smaller numbers blur more.",
        slider=(0.7, 16.0),
        simple=True,
    )
    max_radius: float | None = option(
        None,
        0.0,
        300.0,
        label="Blur radius",
        help="Radius of the blur at a depth difference of 1. Auto: from the f-number.",
        slider=(0.0, 100.0),
        unit="px",
    )
    foreground_strength: float = option(
        1.0,
        0.0,
        4.0,
        label="Foreground blur",
        help="Scales the blur in front of the focus: 0 none, 1 as the lens renders it, 2 twice as much.",
        slider=(0.0, 2.0),
    )
    background_strength: float = option(
        1.0,
        0.0,
        4.0,
        label="Background blur",
        help="Scales the blur behind the focus: 0 none, 1 as the lens renders it, 2 twice as much.",
        slider=(0.0, 2.0),
    )
    highlight_boost: float = fraction(
        0.2,
        label="Highlight boost",
        help="Brightens clipped highlights before blurring so that they become bright discs. Sharp areas do not "
        "change.",
    )
    existing_defocus: Literal["auto", "ignore", "measure"] = option(
        "auto",
        label="Existing blur",
        help="Automatic: add only the missing blur where the photo is clearly out of focus already. Measure: "
        "estimate that blur at every depth. Ignore: add the full blur.",
        shown=("Automatic", "Ignore", "Measure"),
    )
    grain: float = fraction(
        0.0,
        label="Grain",
        help="Adds the grain of the sharp areas to the blurred areas: 0 none, 1 the same amount.",
    )
