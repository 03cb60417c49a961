"""Lens and sensor in EXIF fields, and the resulting angle of view."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from dioptre.photo.metadata import exif
from dioptre.photo.metadata.exif import field_of_view

FOCAL, EQUIVALENT = 0x920A, 0xA405
PLANE_X, PLANE_Y, PLANE_UNIT = 0xA20E, 0xA20F, 0xA210
WIDTH, HEIGHT = 0xA002, 0xA003
# A camera with a sensor of 22.2 × 14.8 mm and 6,000 pixels: 270.27 pixels per millimetre.
CAMERA = {FOCAL: 50.0, PLANE_X: 2702.7, PLANE_Y: 2702.7, PLANE_UNIT: 3, WIDTH: 6000, HEIGHT: 4000}


def blob(fields: dict[int, object]) -> bytes | None:
    made = Image.Exif()
    rationals = {tag: IFDRational(value) if isinstance(value, float) else value for tag, value in fields.items()}
    made.get_ifd(exif.EXIF_IFD).update(rationals)
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", exif=made)
    return exif.strip_prefix(Image.open(file).info.get("exif"))


def test_the_35_mm_equivalent_gives_the_diagonal_angle() -> None:
    view = field_of_view(blob({FOCAL: 6.8, EQUIVALENT: 24}), (3000, 4000, 3))
    assert view is not None
    assert view.equivalent_mm == pytest.approx(24)
    assert view.focal_px((3000, 4000)) == pytest.approx(24 / 43.2666 * 5000, rel=1e-4)
    assert "35 mm" in view.source


def test_focal_length_and_sensor_give_it_too() -> None:
    view = field_of_view(blob(CAMERA), (4000, 6000, 3))
    assert view is not None
    assert view.equivalent_mm == pytest.approx(50 * 36 / 22.2, rel=1e-3)
    upright = field_of_view(blob(CAMERA), (6000, 4000, 3))
    assert upright == view, "a picture that was turned has the same lens"
    smaller = field_of_view(blob(CAMERA), (1000, 1500, 3))
    assert smaller == view, "and so has one that was reduced"


def test_a_crop_has_another_angle_that_nobody_knows() -> None:
    assert field_of_view(blob(CAMERA | {EQUIVALENT: 80}), (4000, 4000, 3)) is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {FOCAL: 50.0},
        {EQUIVALENT: 0},
        {FOCAL: 0.0, EQUIVALENT: 0},
        CAMERA | {PLANE_X: 1.0},  # According to these fields, the sensor is 60 m wide.
        CAMERA | {PLANE_UNIT: 9},
        CAMERA | {FOCAL: 90000.0},
    ],
)
def test_fields_that_make_no_sense_say_nothing(fields: dict[int, object]) -> None:
    assert field_of_view(blob(fields), (4000, 6000, 3)) is None


def test_no_exif_says_nothing() -> None:
    assert field_of_view(None, (10, 10, 3)) is None
    assert field_of_view(b"II*\0", (10, 10, 3)) is None
