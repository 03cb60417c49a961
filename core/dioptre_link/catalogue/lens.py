"""Options, shared by all blurs, for imitating a real lens; they need depth in metres."""

from __future__ import annotations

from ..lenses import FORMATS
from ..operation import Kind, Parameter, grouped

KNOWN_DISTANCE = "known_distance"
"""Name of the option that holds points of the picture whose distances the user knows."""

FOCUS_M = "focus_m"
"""Name of the option that sets the focus distance in metres."""

WHITE, BLACK = "nearest_m", "farthest_m"
"""Names of the options that set the distances of white and black in the depth map."""

LENS_PARAMETERS = grouped(
    "Lens",
    Parameter(
        name="lens_mm",
        kind=Kind.FLOAT,
        label="Lens focal length",
        help=(
            "Focal length of a real lens to imitate, at the f-number above. Uses depth in "
            "metres. Auto: no particular lens; only the blur amount counts."
        ),
        minimum=1.0,
        maximum=1200.0,
        slider=(10.0, 200.0),
        unit="mm",
    ),
    Parameter(
        name="sensor",
        kind=Kind.CHOICE,
        label="Camera format",
        help="The sensor format of the camera.",
        default="full_frame",
        choices=tuple(FORMATS),
        shown=tuple(form.title for form in FORMATS.values()),
    ),
    Parameter(
        name="view",
        kind=Kind.CHOICE,
        label="Angle of view",
        help=(
            "As in the photo: keep the photo's angle of view and blur as that aperture would "
            "from the same place. As with the lens: blur as if the photo had been taken with "
            "that lens."
        ),
        default="picture",
        choices=("picture", "lens"),
        shown=("As in the photo", "As with the lens"),
    ),
    Parameter(
        name=FOCUS_M,
        kind=Kind.FLOAT,
        label="Focus distance",
        help="For a real lens: the distance it is focused at. Auto: the distance of the focus point.",
        minimum=0.01,
        maximum=10000.0,
        slider=(0.3, 20.0),
        unit="m",
    ),
    Parameter(
        name=WHITE,
        kind=Kind.FLOAT,
        label="Distance of white",
        help=(
            "The distance that white in the depth map represents. Auto: measured or "
            "estimated; 1.75 m if the depth is not in metres."
        ),
        minimum=0.01,
        maximum=10000.0,
        slider=(0.1, 20.0),
        unit="m",
    ),
    Parameter(
        name=BLACK,
        kind=Kind.FLOAT,
        label="Distance of black",
        help=(
            "The distance that black in the depth map represents. Auto: measured or "
            "estimated; infinity if the depth is not in metres."
        ),
        minimum=0.01,
        maximum=1000000.0,
        slider=(1.0, 200.0),
        unit="m",
    ),
    Parameter(
        name=KNOWN_DISTANCE,
        kind=Kind.DISTANCES,
        label="Known distances",
        help=(
            "Points whose distance you know. One sets the scale of the depth map; a second one, much "
            "nearer or farther away, also sets its range."
        ),
        default=(),
    ),
)
