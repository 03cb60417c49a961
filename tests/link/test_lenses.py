"""Real lenses: the thin lens equations, and the depth of field as published in tables."""

from __future__ import annotations

import math

import pytest

from dioptre_link.errors import UsageError
from dioptre_link.lenses import (
    FORMATS,
    SHARP_DIAGONALS,
    Lens,
    View,
    depth_of_field,
    in_metres,
    radius_per_inverse_metre,
)

PORTRAIT = Lens(focal_mm=85, f_number=1.4, form=FORMATS["full_frame"])


def test_the_circle_of_confusion_is_that_of_the_thin_lens() -> None:
    """Compare with the textbook form in millimetres on the sensor: c = A · m · |z - s| / z with m = f / (s - f)."""
    focus_m, z_m = 2.1, 5.0
    focal_m = 0.085
    diameter_mm = 85 / 1.4 * focal_m / (focus_m - focal_m) * (z_m - focus_m) / z_m
    radius = radius_per_inverse_metre(PORTRAIT, PORTRAIT.view_at(focus_m)) * abs(1 / z_m - 1 / focus_m)
    assert 2 * radius * PORTRAIT.form.diagonal_mm == pytest.approx(diameter_mm, rel=1e-9)


@pytest.mark.parametrize(
    ("focal_mm", "f_number", "focus_m"), [(85, 1.4, 2.1), (50, 8.0, 5.0), (24, 11.0, 1.0), (200, 2.8, 30.0)]
)
def test_depth_of_field_is_as_of_the_usual_formulas(focal_mm: float, f_number: float, focus_m: float) -> None:
    """H = f² / (N c) + f; near = s (H - f) / (H + s - 2 f); far = s (H - f) / (H - s)."""
    lens = Lens(focal_mm=focal_mm, f_number=f_number, form=FORMATS["full_frame"])
    focal_m, coc_m = focal_mm / 1000, SHARP_DIAGONALS * lens.form.diagonal_mm / 1000
    hyperfocal = focal_m**2 / (f_number * coc_m) + focal_m
    near = focus_m * (hyperfocal - focal_m) / (hyperfocal + focus_m - 2 * focal_m)
    far = focus_m * (hyperfocal - focal_m) / (hyperfocal - focus_m) if focus_m < hyperfocal else math.inf
    found = depth_of_field(lens, lens.view_at(focus_m), focus_m=focus_m)
    assert found.near_m == pytest.approx(near, rel=1e-6)
    assert found.far_m == pytest.approx(far, rel=1e-6)
    at_infinity = depth_of_field(lens, lens.view_at(math.inf), focus_m=math.inf)
    assert at_infinity.hyperfocal_m == pytest.approx(hyperfocal - focal_m, rel=1e-6)
    assert at_infinity.far_m == math.inf


def test_the_same_opening_and_view_blur_alike_on_every_format() -> None:
    """For equivalent lenses, focal length and f-number are multiplied by the crop factor."""
    small = Lens(focal_mm=42.5, f_number=1.2, form=FORMATS["mft"])
    crop = FORMATS["full_frame"].diagonal_mm / FORMATS["mft"].diagonal_mm
    large = Lens(focal_mm=42.5 * crop, f_number=1.2 * crop, form=FORMATS["full_frame"])
    assert small.aperture_m == pytest.approx(large.aperture_m)
    one, other = (radius_per_inverse_metre(lens, lens.view_at(math.inf)) for lens in (small, large))
    assert one == pytest.approx(other)


def test_a_pictures_own_view_keeps_the_opening() -> None:
    wide = View(focal_diagonals=0.6)
    assert radius_per_inverse_metre(PORTRAIT, wide) == pytest.approx(85 / 1.4 / 1000 / 2 * 0.6)


def test_a_focus_inside_the_focal_length_is_refused() -> None:
    with pytest.raises(UsageError, match=r"85 mm lens cannot focus at 0\.08 m"):
        PORTRAIT.view_at(0.08)
    with pytest.raises(UsageError, match="not a valid focal length"):
        Lens(focal_mm=0, f_number=2, form=FORMATS["mft"])


def test_formats_have_their_usual_crop_factors() -> None:
    diagonal = FORMATS["full_frame"].diagonal_mm
    crops = {name: diagonal / form.diagonal_mm for name, form in FORMATS.items()}
    usual = {"full_frame": 1.0, "medium_format": 0.79, "aps_c": 1.53, "mft": 2.0, "one_inch": 2.73, "phone": 3.54}
    assert crops == pytest.approx(usual, abs=0.02)


@pytest.mark.parametrize(
    ("metres", "words"),
    [(0.118, "11.8 cm"), (2.1, "2.1 m"), (35.24, "35.2 m"), (2500, "2.5 km"), (math.inf, "infinity")],
)
def test_distances_in_words(metres: float, words: str) -> None:
    assert in_metres(metres) == words
