"""Parse the values of options, given as text or as JSON types.

Every function raises ValueError or TypeError if the value is not of its kind.
"""

from __future__ import annotations

import math
from typing import Any

MOST_POINTS = 100
"""Largest number of points in an option of kind POINTS or DISTANCES."""
DISTANCE_LIMITS_M = (0.01, 10000.0)
"""Smallest and largest distance in an option of kind DISTANCES."""


def boolean(value: Any) -> bool:
    """Parse yes or no."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("yes", "true", "on", "1", "no", "false", "off", "0"):
        return value.lower() in ("yes", "true", "on", "1")
    raise ValueError(value)


def integer(value: Any) -> int:
    """Parse a whole number."""
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(value)
    return int(value)


def number(value: Any) -> float:
    """Parse a finite number."""
    if isinstance(value, bool) or not math.isfinite(parsed := float(value)):
        raise ValueError(value)
    return parsed


def text(value: Any) -> str:
    """Return text as it is."""
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def point(value: Any) -> tuple[float, float]:
    """Parse (x, y)."""
    x, y = _numbers(value)
    return x, y


def points(value: Any) -> tuple[tuple[float, float], ...]:
    """Parse any number of points."""
    return tuple(point(each) for each in _items(value))


def distances(value: Any) -> tuple[tuple[float, float, float], ...]:
    """Parse any number of points with their distances: (x, y, metres)."""
    return tuple(_distance(each) for each in _items(value))


def box(value: Any) -> tuple[float, float, float, float]:
    """Parse a box given by any two opposite corners, and put its sides in order."""
    x, y, across, down = _numbers(value)
    left, top, right, bottom = min(x, across), min(y, down), max(x, across), max(y, down)
    if left == right or top == bottom:
        raise ValueError(value)
    return left, top, right, bottom


def _numbers(value: Any) -> tuple[float, ...]:
    return tuple(number(part) for part in (value.split(",") if isinstance(value, str) else value))


def _items(value: Any) -> tuple[Any, ...]:
    items = tuple(value.replace(";", " ").split() if isinstance(value, str) else value)
    if len(items) > MOST_POINTS:
        raise ValueError(value)
    return items


def _distance(value: Any) -> tuple[float, float, float]:
    x, y, metres = _numbers(value)
    if not DISTANCE_LIMITS_M[0] <= metres <= DISTANCE_LIMITS_M[1]:
        raise ValueError(value)
    return x, y, metres
