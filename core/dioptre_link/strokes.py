"""Strokes of a brush, painted by the user to keep areas of a picture sharp or blurred, or in or out of a selection.

A stroke is JSON with positions relative to the picture, so it is valid at any size:

    {"keep": true, "radius": 0.04, "points": [[0.31, 0.5], [0.36, 0.52]]}

"keep" is true to keep the area sharp (focus brush) or select it (subject brush), false to let it blur or leave it
out. "radius" is that of the brush, as a fraction of the picture's longer side. "points" lie along the stroke, as
fractions of the picture's width and height from the top left corner. Later strokes cover earlier ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import strict_json
from .errors import UsageError
from .language import Message

LEAST_RADIUS, MOST_RADIUS = 0.002, 0.5
HARD = 0.6
"""Fraction of the brush's radius within which a stroke has its full effect; it fades from there to the rim."""

MOST_STROKES = 200
MOST_POINTS = 4000
"""Maximum number of points in all strokes together, which keeps a recipe below 100 KB."""

_DIGITS = 4  # number of decimals stored, accurate to a pixel in a picture 10,000 pixels wide
_FIELDS = ("keep", "radius", "points")

Strokes = tuple[Mapping[str, Any], ...]


def checked_strokes(value: Any) -> Strokes:
    """Parse and check a list of strokes, or its JSON text; raise UsageError if it is invalid."""
    if isinstance(value, str):
        value = _parsed(value) if value.strip() else []
    if not isinstance(value, (list, tuple)):
        raise UsageError("The strokes are not a list.", hint=_SHAPE)
    if len(value) > MOST_STROKES:
        raise UsageError("There are more than {most} strokes.", most=MOST_STROKES)
    strokes = tuple(_stroke(stroke, number) for number, stroke in enumerate(value, start=1))
    if sum(len(stroke["points"]) for stroke in strokes) > MOST_POINTS:
        raise UsageError("The strokes have more than {most} points.", most=MOST_POINTS)
    return strokes


def _parsed(text: str) -> Any:
    try:
        return strict_json.parsed(text)
    except ValueError as error:
        raise UsageError("The strokes are not JSON.", hint=_SHAPE) from error


def _stroke(value: Any, number: int) -> dict[str, Any]:
    if not isinstance(value, Mapping) or set(value) != set(_FIELDS):
        words = Message("Stroke {number} must have keep, radius and points.", number=number)
        raise UsageError(words, hint=_SHAPE)
    if not isinstance(value["keep"], bool):
        raise UsageError("Stroke {number}: keep is not true or false.", number=number)
    radius, points = value["radius"], value["points"]
    if not _is_number(radius) or not LEAST_RADIUS <= radius <= MOST_RADIUS:
        raise UsageError(
            "Stroke {number}: the radius is out of range.",
            hint="Use a number from {least} to {most}.",
            number=number,
            least=f"{LEAST_RADIUS:g}",
            most=f"{MOST_RADIUS:g}",
        )
    if not isinstance(points, (list, tuple)) or not points:
        raise UsageError(Message("Stroke {number} has no points.", number=number), hint=_SHAPE)
    return {
        "keep": value["keep"],
        "radius": round(float(radius), _DIGITS),
        "points": [_point(point, number) for point in points],
    }


def _point(value: Any, number: int) -> list[float]:
    is_pair = isinstance(value, (list, tuple)) and len(value) == 2 and all(map(_is_number, value))
    if not is_pair or not all(0 <= place <= 1 for place in value):
        raise UsageError(
            "Stroke {number}: a point is outside the picture.",
            hint="Specify each point as [x, y], as fractions of the width and height from 0 to 1.",
            number=number,
        )
    return [round(float(place), _DIGITS) for place in value]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_SHAPE = 'Strokes look like [{"keep": true, "radius": 0.04, "points": [[0.3, 0.5], [0.4, 0.5]]}].'
