"""The lens and the sensor that a file's EXIF fields name, and the angle of view that follows.

EXIF 2.32, section 4.6.5 (FocalLength, FocalPlaneXResolution, FocalLengthIn35mmFilm).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from dioptre.imaging.field_of_view import FieldOfView

from . import exif

_FOCAL_LENGTH = 0x920A
_F_NUMBER = 0x829D
_PLANE_X, _PLANE_Y, _PLANE_UNIT = 0xA20E, 0xA20F, 0xA210
_EQUIVALENT = 0xA405
_WIDTH, _HEIGHT = 0xA002, 0xA003
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
_SENSOR_WIDTH_MM = (2.0, 80.0)  # of a telephone's smallest lens, of medium format
_FOCAL_MM = (0.5, 3000.0)
_CROPPED = 0.02  # of the aspect, from which on a picture is a crop of what the fields describe
_RATIONAL = 5


@dataclass(frozen=True, kw_only=True)
class Lens:
    """What the fields say; None where they do not.

    equivalent_mm: focal length with the same angle of view on full frame. sensor_mm: width and height.
    size_px: width and height of the picture that the fields describe.
    """

    focal_mm: float | None = None
    f_number: float | None = None
    equivalent_mm: float | None = None
    sensor_mm: tuple[float, float] | None = None
    size_px: tuple[int, int] | None = None


def read_lens(blob: bytes | None) -> Lens:
    """The lens that a picture was taken with, from its EXIF blob; fields that make no sense are left out."""
    if blob is None or (head := exif.header(blob)) is None:
        return Lens()
    camera = exif.pointed(blob, head, exif.directory(blob, head, head.first), exif.EXIF_IFD)
    if camera is None:
        return Lens()
    entries = camera.entries

    def rational(tag: int) -> float | None:
        return _rational(blob, head, entries.get(tag))

    def whole(tag: int) -> int | None:
        values = exif.integers(blob, head, entries.get(tag))
        return values[0] if len(values) == 1 and values[0] > 0 else None

    width, height = whole(_WIDTH), whole(_HEIGHT)
    size = None if width is None or height is None else (width, height)
    per_mm = _UNIT_MM.get(whole(_PLANE_UNIT) or 2)
    sensor = None
    across, down = rational(_PLANE_X), rational(_PLANE_Y)
    if size is not None and per_mm is not None and across and down:
        sensor = size[0] * per_mm / across, size[1] * per_mm / down
        if not all(_SENSOR_WIDTH_MM[0] <= side <= _SENSOR_WIDTH_MM[1] for side in sensor):
            sensor = None
    equivalent = whole(_EQUIVALENT)
    return Lens(
        focal_mm=_within(rational(_FOCAL_LENGTH)),
        f_number=rational(_F_NUMBER),
        equivalent_mm=_within(None if equivalent is None else float(equivalent)),
        sensor_mm=sensor,
        size_px=size,
    )


def field_of_view(blob: bytes | None, shape: tuple[int, ...]) -> FieldOfView | None:
    """The angle of view of a picture of `shape` (height, width, …) with that EXIF blob; None where nobody knows.

    None for a crop, too: the fields describe the whole.
    """
    lens = read_lens(blob)
    if lens.size_px is not None:
        fields, picture = (abs(math.log(side / other)) for side, other in (lens.size_px, shape[:2]))
        if abs(fields - picture) > _CROPPED:
            return None
    if lens.equivalent_mm is not None:
        return FieldOfView.of_equivalent(lens.equivalent_mm, source="EXIF, 35 mm equivalent")
    if lens.focal_mm is not None and lens.sensor_mm is not None:
        focal = lens.focal_mm / math.hypot(*lens.sensor_mm)
        return FieldOfView(focal_diagonals=focal, source="EXIF, focal length and sensor")
    return None


def _within(focal_mm: float | None) -> float | None:
    return focal_mm if focal_mm is not None and _FOCAL_MM[0] <= focal_mm <= _FOCAL_MM[1] else None


def _rational(blob: bytes, head: exif.Header, entry: exif.Entry | None) -> float | None:
    """A field of one unsigned fraction above 0."""
    if entry is None or entry.type != _RATIONAL or entry.count != 1:
        return None
    numerator, denominator = struct.unpack_from(f"{head.order}II", blob, entry.at)
    return numerator / denominator if numerator and denominator else None
