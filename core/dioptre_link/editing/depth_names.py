"""The metres of a depth layer in its name, for editors that copy nothing else of a layer but its pixels.

    with_metres("Depth", metres)    # nearest, farthest, 35 mm equivalent: "(0.834-12.1 m, 28 mm)"

Duplicating, pasting and painting keep the name, and programs at most add words around it.
"""

from __future__ import annotations

import re

from ..metres import DepthMetres

_INFINITY, _TO = "∞", "\u2013"
_FARTHEST_M = 1e4  # farther than this is written as infinity
_NUMBER = r"\d+(?:\.\d+)?"
_METRES = re.compile(rf" ?\(({_NUMBER}){_TO}({_NUMBER}|{_INFINITY}) m(?:, ({_NUMBER}) mm)?\)")


def metres_in(name: str) -> DepthMetres | None:
    """Return the metres in a layer's name, to three digits; None if there are none, or several."""
    found = _METRES.findall(name)
    if len(found) != 1:
        return None
    nearest, farthest, focal = found[0]
    if float(nearest) == 0 or (farthest != _INFINITY and float(farthest) == 0):
        return None
    fields = {
        "range_per_m": (0.0 if farthest == _INFINITY else 1 / float(farthest), 1 / float(nearest)),
        "equivalent_mm": float(focal) if focal else None,
        "source": "name of the depth layer" if focal else "",
    }
    return DepthMetres.from_dict(fields)


def without_metres(name: str) -> str:
    """Return a layer's name without metres."""
    return _METRES.sub("", name)


def with_metres(name: str, metres: DepthMetres | None) -> str:
    """Return a layer's name with these metres instead of others.

    Metres that cannot be read back are left out, such as a range that is too narrow for three digits.
    """
    plain = without_metres(name)
    if metres is None:
        return plain
    low, high = metres.range_per_m
    farthest = _rounded(1 / low) if low > 1 / _FARTHEST_M else _INFINITY
    focal = "" if metres.equivalent_mm is None else f", {_rounded(metres.equivalent_mm)} mm"
    named = f"{plain} ({_rounded(1 / high)}{_TO}{farthest} m{focal})"
    return plain if metres_in(named) is None else named


def renewed(name: str, metres: DepthMetres | None) -> str:
    """Return the name of a layer whose depth was replaced: with other metres, but only if its name had metres."""
    return name if without_metres(name) == name else with_metres(name, metres)


def _rounded(value: float) -> str:
    return format(float(format(value, ".3g")), "g")
