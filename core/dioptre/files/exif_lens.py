"""Read the lens and sensor from a file's EXIF fields, and derive the field of view.

EXIF 2.32, section 4.6.5 (FocalLength, FocalPlaneXResolution, FocalLengthIn35mmFilm).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from dioptre.contract import FieldOfView

from . import exif

_FOCAL_LENGTH = 0x920A
_F_NUMBER = 0x829D
_PLANE_X, _PLANE_Y, _PLANE_UNIT = 0xA20E, 0xA20F, 0xA210
_EQUIVALENT = 0xA405
_WIDTH, _HEIGHT = 0xA002, 0xA003
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
_SENSOR_WIDTH_MM = (2.0, 80.0)  # plausible sensor widths, from the smallest phone cameras to medium format
_FOCAL_MM = (0.5, 3000.0)
_CROPPED = 0.02  # a picture whose aspect ratio differs from EXIF's by more than about 2% was cropped
_RATIONAL = 5


@dataclass(frozen=True, kw_only=True)
class Lens:
    """Lens and sensor as described by a file's EXIF fields; attributes are None if unknown.

    Attributes:
        focal_mm: focal length.
        f_number: f-number.
        equivalent_mm: focal length with the same angle of view on full frame.
        sensor_mm: width and height of the sensor.
        size_px: width and height of the picture that the fields describe.
    """

    focal_mm: float | None = None
    f_number: float | None = None
    equivalent_mm: float | None = None
    sensor_mm: tuple[float, float] | None = None
    size_px: tuple[int, int] | None = None


def read_lens(blob: bytes | None) -> Lens:
    """Read the lens of a picture from its EXIF blob; invalid fields are ignored."""
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
    """Derive a picture's field of view from its EXIF blob.

    Args:
        blob: the EXIF blob, if any.
        shape: the picture's (height, width, …).

    Returns:
        The field of view; None if unknown, or if the picture is cropped, because EXIF describes the whole picture.
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
    """Return the value of a field with a single positive unsigned fraction, else None."""
    if entry is None or entry.type != _RATIONAL or entry.count != 1:
        return None
    numerator, denominator = struct.unpack_from(f"{head.order}II", blob, entry.at)
    return numerator / denominator if numerator and denominator else None
