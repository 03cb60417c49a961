"""Real lenses: camera formats, the blur of a thin lens in metres, and its depth of field.

    lens = Lens(focal_mm=85, f_number=1.4, form=FORMATS["full_frame"])
    view = lens.view_at(2.1)                         # the lens's view, or a picture's: `View(focal_diagonals=…)`
    depth_of_field(lens, view, focus_m=2.1)          # .near_m, .far_m, .hyperfocal_m

All blur sizes are fractions of the picture's diagonal, so they are independent of its size in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import UsageError
from .language import Message

RADIUS_SHARE = 0.05
"""Blur radius at f/1 for a disparity difference of 1, as a fraction of the picture's diagonal.

Derived from an 85 mm lens on full frame (diagonal 43.27 mm): aperture radius 42.5 mm / N, sensor distance about
90 mm, and a relative disparity of 1 assumed to be 1 / 1.75 m: 42.5 * 90 / 1750 / 43.27 = 0.05.
"""

SHARP_DIAGONALS = 1 / 1442
"""Diameter of the largest blur disc that counts as sharp, relative to the diagonal: 0.03 mm on full frame."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """The size of a sensor or film frame.

    Attributes:
        title: name for the user.
        width_mm: width of the frame.
        height_mm: height of the frame.
        lenses: common focal lengths in mm.
    """

    title: str
    width_mm: float
    height_mm: float
    lenses: tuple[float, ...]

    @property
    def diagonal_mm(self) -> float:
        return math.hypot(self.width_mm, self.height_mm)


FORMATS: Mapping[str, Format] = {
    "full_frame": Format(
        title="Full frame", width_mm=36.0, height_mm=24.0, lenses=(24, 35, 50, 85, 105, 135, 200, 400)
    ),
    "medium_format": Format(
        title="Medium format", width_mm=43.8, height_mm=32.9, lenses=(30, 45, 63, 80, 110, 250)
    ),
    "aps_c": Format(title="APS-C", width_mm=23.5, height_mm=15.6, lenses=(16, 23, 35, 56, 90, 135)),
    "mft": Format(title="Micro Four Thirds", width_mm=17.3, height_mm=13.0, lenses=(12, 17, 25, 45, 75, 150)),
    "one_inch": Format(title="1-inch", width_mm=13.2, height_mm=8.8, lenses=(8.8, 10.4, 18, 25.7)),
    "phone": Format(title="Phone (1/1.3-inch)", width_mm=9.8, height_mm=7.3, lenses=(2.2, 6.8, 9.0, 15.7)),
}


@dataclass(frozen=True, kw_only=True)
class View:
    """The projection of a picture.

    Attributes:
        focal_diagonals: distance from the lens to the image, divided by the picture's diagonal.
    """

    focal_diagonals: float


@dataclass(frozen=True, kw_only=True)
class Lens:
    """A thin lens on a camera.

    Attributes:
        focal_mm: focal length.
        f_number: f-number.
        form: format of the camera.

    Raises:
        UsageError: the focal length or the f-number is not positive and finite.
    """

    focal_mm: float
    f_number: float
    form: Format

    def __post_init__(self) -> None:
        for value in (self.focal_mm, self.f_number):
            if not (math.isfinite(value) and value > 0):
                raise UsageError("{value} is not a valid focal length or f-number.", value=value)

    @property
    def aperture_m(self) -> float:
        """Diameter of the opening in metres."""
        return self.focal_mm / 1000 / self.f_number

    def view_at(self, focus_m: float) -> View:
        """Return the view of this lens on its format, focused at `focus_m`.

        The image forms f · s / (s - f) behind the lens, slightly farther than f.

        Raises:
            UsageError: the focus distance is not larger than the focal length.
        """
        focal_m = self.focal_mm / 1000
        if not focus_m > focal_m:
            raise UsageError(
                "A {focal} mm lens cannot focus at {focus} m.",
                hint="Choose a larger focus distance.",
                focal=format(self.focal_mm, "g"),
                focus=format(focus_m, "g"),
            )
        image_m = focal_m if math.isinf(focus_m) else focal_m * focus_m / (focus_m - focal_m)
        return View(focal_diagonals=image_m / (self.form.diagonal_mm / 1000))


def radius_per_inverse_metre(lens: Lens, view: View) -> float:
    """Return the blur disc's radius, in picture diagonals, per 1/m of inverse distance from the focus.

    With the focus at s, a point at z spreads over a disc of radius (f / 2N) · v · |1/z - 1/s|.
    """
    return lens.aperture_m / 2 * view.focal_diagonals


@dataclass(frozen=True, kw_only=True)
class DepthOfField:
    """The sharp range in metres; `far_m` is infinite if the focus is at the hyperfocal distance or beyond."""

    near_m: float
    far_m: float
    hyperfocal_m: float


def depth_of_field(lens: Lens, view: View, *, focus_m: float, more_per_m: float = 0.0) -> DepthOfField:
    """Return the range of distances in which blur discs are no wider than `SHARP_DIAGONALS` picture diagonals.

    Args:
        lens: the lens.
        view: the picture's projection.
        focus_m: the focus distance in metres.
        more_per_m: inverse distance in 1/m that is kept sharp on either side beyond the lens's own range.
    """
    # Half-width of the sharp range, in inverse distance: how far it extends to either side of the focus.
    own = SHARP_DIAGONALS / 2 / radius_per_inverse_metre(lens, view)
    reach = own + more_per_m
    focused = 0.0 if math.isinf(focus_m) else 1 / focus_m
    return DepthOfField(
        near_m=1 / (focused + reach),
        far_m=1 / (focused - reach) if focused > reach else math.inf,
        hyperfocal_m=1 / own,
    )


def in_metres(distance_m: float) -> str:
    """Format a distance for the user: "12 cm", "2.1 m", "35 m" or "infinity"."""
    if math.isinf(distance_m):
        return Message("infinity")
    if distance_m < 0.995:
        return f"{distance_m * 100:.3g} cm"
    return f"{distance_m:.3g} m" if distance_m < 1000 else f"{distance_m / 1000:.3g} km"
