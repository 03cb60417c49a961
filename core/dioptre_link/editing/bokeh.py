"""Bokeh shapes that a dialog shows as small pictures: named sets of the options that shape the blur disc."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import aperture_picture
from ..operation import Operation

SHAPED = ("blades", "blade_curvature", "anamorphic", "cats_eye", "disc_edge")
"""The options that a shape sets. The rotation of the blades remains the user's choice."""

_MARGIN = 1.4  # size of the drawing relative to the crop that is shown; even the longest shape fits
_TOLERANCE = 1e-6  # largest rounding error of numbers that GIMP and Qt converted to text and back


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A bokeh shape.

    Attributes:
        name: identifier.
        label: English label.
        tip: English tooltip.
        options: the options that the shape sets.
        field: position in the picture where the shape is most visible.
    """

    name: str
    label: str
    tip: str
    options: Mapping[str, Any]
    field: tuple[float, float] = aperture_picture.CENTRE

    def picture(self, size: int) -> bytes:
        """Return `size` x `size` 8-bit grey values of the disc, which nearly fills the picture."""
        whole = round(size * _MARGIN)
        values = aperture_picture.disc(whole, {"blade_rotation": 0.0, **self.options}, field=self.field)
        cut = (whole - size) // 2
        rows = range(cut * whole + cut, (cut + size) * whole + cut, whole)
        return b"".join(values[row : row + size] for row in rows)


def _shape(
    name: str, label: str, tip: str, field: tuple[float, float] = aperture_picture.CENTRE, **options: Any
) -> Shape:
    neutral = {"blades": 0, "blade_curvature": 0.0, "anamorphic": 1.0, "cats_eye": 0.0, "disc_edge": 0.0}
    return Shape(name=name, label=label, tip=tip, field=field, options={**neutral, **options})


SHAPES = (
    _shape("round", "Round", "Even, round discs"),
    _shape("blades_5", "5 blades", "Pentagons, as from a simple lens stopped down", blades=5),
    _shape("blades_6", "6 blades", "Hexagons", blades=6),
    _shape("blades_8", "8 blades", "Octagons, as from a portrait lens", blades=8),
    _shape(
        "cats_eye",
        "Cat's eye",
        "Discs clipped by the lens barrel towards the corners",
        field=aperture_picture.CORNER,
        cats_eye=0.6,
    ),
    _shape("anamorphic", "Anamorphic", "Tall ovals, as from a cine lens", anamorphic=1.8),
    _shape("ring", "Ring", "Discs with a bright edge, as from a mirror lens or an old lens", disc_edge=0.8),
)


def has_shapes(operation: Operation) -> bool:
    """Return whether the operation has all options that a shape sets."""
    return set(SHAPED) <= {parameter.name for parameter in operation.parameters}


def shape_of(options: Mapping[str, Any]) -> Shape | None:
    """Return the shape that matches `options`; None if they match no predefined shape."""
    return next((shape for shape in SHAPES if _equal(shape.options, options)), None)


def _equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(abs(float(one[name]) - float(other[name])) <= _TOLERANCE for name in SHAPED)
