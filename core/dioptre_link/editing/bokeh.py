"""Small pictures of the lens opening for dialogs: the disc that an out-of-focus point of light becomes.

The shape is that of `dioptre.optics.aperture`, computed without NumPy. Named shapes set several options at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OPTIONS = ("blades", "blade_curvature", "blade_rotation", "anamorphic", "cats_eye")
"""The options of an operation that shape the disc."""

CENTRE, CORNER = (0.0, 0.0), (0.7071, -0.7071)
"""Positions in the picture, relative to its centre; the corners are at distance 1, y points down."""

_SUBSAMPLES = 2  # number of samples per pixel along each axis, for smooth edges
_REACH = 2.0  # half-width of the drawing, in radii of a circular opening; even the longest oval fits

SHAPED = ("blades", "blade_curvature", "anamorphic", "cats_eye")
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
    field: tuple[float, float] = CENTRE

    def picture(self, size: int) -> bytes:
        """Return `size` x `size` 8-bit grey values of the disc, which nearly fills the picture."""
        whole = round(size * _MARGIN)
        values = disc(whole, {"blade_rotation": 0.0, **self.options}, field=self.field)
        cut = (whole - size) // 2
        rows = range(cut * whole + cut, (cut + size) * whole + cut, whole)
        return b"".join(values[row : row + size] for row in rows)


def _shape(name: str, label: str, tip: str, field: tuple[float, float] = CENTRE, **options: Any) -> Shape:
    neutral = {"blades": 0, "blade_curvature": 0.0, "anamorphic": 1.0, "cats_eye": 0.0}
    return Shape(name=name, label=label, tip=tip, field=field, options={**neutral, **options})


SHAPES = (
    _shape("round", "Round", "Even, round discs"),
    _shape("blades_5", "5 blades", "Pentagons, as from a simple lens stopped down", blades=5),
    _shape("blades_6", "6 blades", "Hexagons", blades=6),
    _shape("blades_8", "8 blades", "Octagons, as from a portrait lens", blades=8),
    _shape("cats_eye", "Cat's eye", "Discs clipped by the lens barrel towards the corners", CORNER, cats_eye=0.6),
    _shape("fast", "Fast lens", "Rounded, clipped octagons", CORNER, blades=8, blade_curvature=0.6, cats_eye=0.4),
    _shape("anamorphic", "Anamorphic", "Tall ovals, as from a cine lens", anamorphic=1.8),
)


def shape_of(options: Mapping[str, Any]) -> Shape | None:
    """Return the shape that matches `options`; None if they match no predefined shape."""
    return next((shape for shape in SHAPES if _equal(shape.options, options)), None)


def _equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(abs(float(one[name]) - float(other[name])) <= _TOLERANCE for name in SHAPED)


def disc(size: int, options: Mapping[str, Any], *, field: tuple[float, float] = CENTRE) -> bytes:
    """Return `size` x `size` 8-bit grey values of the disc's brightness, with white as the maximum.

    Args:
        size: width and height of the drawing in pixels.
        options: the options in `OPTIONS`; 1 to 4 blades, which no lens has, are drawn as a circle.
        field: position in the picture, which matters for the cat's-eye effect.
    """
    steps = [((n + 0.5) / _SUBSAMPLES / size * 2 - 1) * _REACH for n in range(size * _SUBSAMPLES)]
    light = [[transmission(x, y, options, field=field) for x in steps] for y in steps]
    values = bytearray()
    for top in range(0, len(steps), _SUBSAMPLES):
        for left in range(0, len(steps), _SUBSAMPLES):
            rows = light[top : top + _SUBSAMPLES]
            total = sum(sum(row[left : left + _SUBSAMPLES]) for row in rows)
            values.append(round(255 * total / _SUBSAMPLES**2))
    return bytes(values)


def transmission(x: float, y: float, options: Mapping[str, Any], *, field: tuple[float, float] = CENTRE) -> float:
    """Return the light transmitted at a point (x, y) of the opening, given in opening radii; y points down."""
    squeeze = math.sqrt(options["anamorphic"])
    u, v = x * squeeze, y / squeeze
    if math.hypot(u, v) > _rim(u, v, options):
        return 0.0
    shift = options["cats_eye"] * min(math.hypot(*field), 1.0)
    if shift > 0:
        angle = math.atan2(field[1], field[0])
        if math.hypot(u + shift * math.cos(angle), v + shift * math.sin(angle)) > 1:
            return 0.0
    return 1.0


def _rim(u: float, v: float, options: Mapping[str, Any]) -> float:
    blades = options["blades"]
    if blades < 5:
        return 1.0
    sector = 2 * math.pi / blades
    turn = math.atan2(-v, u) - math.radians(options["blade_rotation"])
    polygon = math.cos(sector / 2) / math.cos(turn % sector - sector / 2)
    straight = polygon / math.sqrt(blades / 2 * math.sin(sector) / math.pi)
    curvature: float = options["blade_curvature"]
    return (1 - curvature) * straight + curvature
