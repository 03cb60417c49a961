"""Options, shared by all blurs, for imitating a real lens; they need depth in metres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..lenses import FORMATS
from ..operation import Distances, Options, option

KNOWN_DISTANCE = "known_distance"
"""Name of the option that holds points of the picture whose distances the user knows."""

FOCUS_M = "focus_m"
"""Name of the option that sets the focus distance in metres."""

WHITE, BLACK = "nearest_m", "farthest_m"
"""Names of the options that set the distances of white and black in the depth map."""


@dataclass(frozen=True, kw_only=True)
class LensOptions(Options, group="Lens"):
    """A real lens to imitate, and the distances that the user knows."""

    lens_mm: float | None = option(
        None,
        1.0,
        1200.0,
        label="Lens focal length",
        help="Focal length of a real lens to imitate, at the f-number above. Uses depth in metres. Auto: no "
        "particular lens; only the blur amount counts.",
        slider=(10.0, 200.0),
        unit="mm",
    )
    sensor: str = option(
        "full_frame",
        label="Camera format",
        help="The sensor format of the camera.",
        choices=tuple(FORMATS),
        shown=tuple(form.title for form in FORMATS.values()),
    )
    view: Literal["picture", "lens"] = option(
        "picture",
        label="Angle of view",
        help="As in the photo: keep the photo's angle of view and blur as that aperture would from the same place. "
        "As with the lens: blur as if the photo had been taken with that lens.",
        shown=("As in the photo", "As with the lens"),
    )
    focus_m: float | None = option(
        None,
        0.01,
        10000.0,
        label="Focus distance",
        help="For a real lens: the distance it is focused at. Auto: the distance of the focus point.",
        slider=(0.3, 20.0),
        unit="m",
    )
    nearest_m: float | None = option(
        None,
        0.01,
        10000.0,
        label="Distance of white",
        help="The distance that white in the depth map represents. Auto: measured or estimated; 1.75 m if the "
        "depth is not in metres.",
        slider=(0.1, 20.0),
        unit="m",
    )
    farthest_m: float | None = option(
        None,
        0.01,
        1000000.0,
        label="Distance of black",
        help="The distance that black in the depth map represents. Auto: measured or estimated; infinity if the "
        "depth is not in metres.",
        slider=(1.0, 200.0),
        unit="m",
    )
    known_distance: Distances = option(
        (),
        label="Known distances",
        help="Points whose distance you know. One sets the scale of the depth map; a second one, much nearer or "
        "farther away, also sets its range.",
    )

    @property
    def selects_lens(self) -> bool:
        """Whether a real lens is selected."""
        return self.lens_mm is not None
