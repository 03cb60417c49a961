"""Options, shared by all blurs, for the amount of blur and the shape of the bokeh."""

from __future__ import annotations

from ..operation import Kind, Parameter, fraction, grouped

F_NUMBER, MAX_RADIUS = "f_number", "max_radius"
"""Names of the options for the amount of blur; a radius overrides the f-number."""

BLUR_PARAMETERS = (
    *grouped(
        "Blur",
        Parameter(
            name=F_NUMBER,
            kind=Kind.FLOAT,
            label="Blur amount (f-number)",
            help="Aperture of an 85 mm lens on a full-frame camera: smaller numbers blur more.",
            default=2.0,
            minimum=0.7,
            maximum=32.0,
            slider=(0.7, 16.0),
            simple=True,
        ),
        Parameter(
            name=MAX_RADIUS,
            kind=Kind.FLOAT,
            label="Blur radius",
            help="Radius of the blur at a depth difference of 1. Auto: from the f-number.",
            minimum=0.0,
            maximum=300.0,
            slider=(0.0, 100.0),
            unit="px",
        ),
        Parameter(
            name="foreground_strength",
            kind=Kind.FLOAT,
            label="Foreground blur",
            help="Scales the blur in front of the focus: 0 none, 1 as the lens renders it, 2 twice as much.",
            default=1.0,
            minimum=0.0,
            maximum=4.0,
            slider=(0.0, 2.0),
        ),
        Parameter(
            name="background_strength",
            kind=Kind.FLOAT,
            label="Background blur",
            help="Scales the blur behind the focus: 0 none, 1 as the lens renders it, 2 twice as much.",
            default=1.0,
            minimum=0.0,
            maximum=4.0,
            slider=(0.0, 2.0),
        ),
        fraction(
            name="highlight_boost",
            label="Highlight boost",
            help=(
                "Brightens clipped highlights before blurring so that they become bright discs. "
                "Sharp areas do not change."
            ),
            default=0.2,
        ),
        Parameter(
            name="existing_defocus",
            kind=Kind.CHOICE,
            label="Existing blur",
            help=(
                "Automatic: add only the missing blur where the photo is clearly out of focus already. "
                "Measure: estimate that blur at every depth. Ignore: add the full blur."
            ),
            default="auto",
            choices=("auto", "ignore", "measure"),
            shown=("Automatic", "Ignore", "Measure"),
        ),
        fraction(
            name="grain",
            label="Grain",
            help="Adds the grain of the sharp areas to the blurred areas: 0 none, 1 the same amount.",
            default=0.0,
        ),
    ),
    *grouped(
        "Bokeh",
        Parameter(
            name="blades",
            kind=Kind.INTEGER,
            label="Aperture blades",
            help="Number of aperture blades, 5 to 11; 0 gives a round aperture.",
            default=0,
            minimum=0,
            maximum=11,
        ),
        fraction(
            name="blade_curvature",
            label="Blade curvature",
            help="Shape of the blades' edges: 0 straight, 1 round.",
            default=0.0,
        ),
        Parameter(
            name="blade_rotation",
            kind=Kind.FLOAT,
            label="Blade rotation",
            help="Rotates the aperture counter-clockwise.",
            default=0.0,
            minimum=-360.0,
            maximum=360.0,
            slider=(-90.0, 90.0),
            unit="°",
        ),
        Parameter(
            name="anamorphic",
            kind=Kind.FLOAT,
            label="Anamorphic squeeze",
            help="Height of the bokeh divided by its width: 1 is round, 2 looks like a 2× anamorphic cine lens.",
            default=1.0,
            minimum=0.25,
            maximum=4.0,
            slider=(0.5, 2.0),
        ),
        fraction(
            name="cats_eye",
            label="Cat's eye",
            help="Narrows the bokeh towards the corners of the picture, as the barrel of a fast lens does (optical "
            "vignetting).",
            default=0.0,
        ),
    ),
)
