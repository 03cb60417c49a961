"""Options of every blur that imitate a real lens, in metres."""

from __future__ import annotations

from ..lenses import FORMATS
from ..operation import Kind, Parameter

LENS_PARAMETERS = (
    Parameter(
        name="lens_mm",
        kind=Kind.FLOAT,
        label="Lens focal length",
        help="A real lens to imitate, with the f-number above, from depth in metres. Auto: no real lens; the blur "
        "amount alone counts.",
        minimum=1.0,
        maximum=1200.0,
        slider=(10.0, 200.0),
        unit="mm",
        group="Lens",
    ),
    Parameter(
        name="sensor",
        kind=Kind.CHOICE,
        label="Camera format",
        help="The format of the camera that the lens is on.",
        default="full_frame",
        choices=tuple(FORMATS),
        shown=tuple(form.title for form in FORMATS.values()),
        group="Lens",
    ),
    Parameter(
        name="view",
        kind=Kind.CHOICE,
        label="Angle of view",
        help="Picture: the lens's aperture with the picture's own angle of view, so that things blur as they would "
        "from the same place. Lens: as if the picture were taken with that lens.",
        default="picture",
        choices=("picture", "lens"),
        shown=("The picture's own", "The lens's"),
        group="Lens",
    ),
    Parameter(
        name="focus_m",
        kind=Kind.FLOAT,
        label="Focus distance in metres",
        help="For a real lens: the distance that it is focused at. Auto: at the focus point.",
        minimum=0.01,
        maximum=10000.0,
        slider=(0.3, 20.0),
        unit="m",
        group="Lens",
    ),
    Parameter(
        name="nearest_m",
        kind=Kind.FLOAT,
        label="Distance of white",
        help="What white in the depth map stands for. Auto: as measured or estimated; without metres, 1.75 m is "
        "assumed.",
        minimum=0.01,
        maximum=10000.0,
        slider=(0.1, 20.0),
        unit="m",
        group="Lens",
    ),
    Parameter(
        name="farthest_m",
        kind=Kind.FLOAT,
        label="Distance of black",
        help="What black in the depth map stands for. Auto: as measured or estimated; without metres, infinity is "
        "assumed.",
        minimum=0.01,
        maximum=1000000.0,
        slider=(1.0, 200.0),
        unit="m",
        group="Lens",
    ),
)
