"""Parse JSON that another program, a document or a stranger wrote: here alone, numbers and nesting are limited."""

from __future__ import annotations

import json
import math
from typing import Any

_MOST_LEVELS = 64  # of lists and objects in each other; copying and writing them needs a few times as many calls
_MOST_DIGITS = 19  # of an integer, as in 64 bits; a longer one has no float, or takes seconds to convert


def parsed(text: str | bytes) -> Any:
    """Return JSON types: every number is finite and fits 64 bits, and nesting has at most 64 levels.

    Raises:
        ValueError: for anything else; a json.JSONDecodeError names the place.
    """
    try:
        value = json.loads(text, parse_constant=_refused, parse_int=_integer, parse_float=_number)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    level: list[Any] = [[value]]
    for _ in range(_MOST_LEVELS + 1):
        inside = (part.values() if isinstance(part, dict) else part for part in level)
        level = [each for values in inside for each in values if isinstance(each, dict | list)]
    if level:
        raise ValueError("nested too deeply")
    return value


def parsed_parts(text: str | bytes) -> Any:
    """Return JSON types without the limits of `parsed`, for a caller that parses each part by itself.

    Raises:
        ValueError: it is not JSON, or damaged beyond its parts.
    """
    try:
        return json.loads(text, parse_int=lambda digits: math.nan if len(digits) > _MOST_DIGITS else int(digits))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > _MOST_DIGITS:
        raise ValueError(f"an integer of {len(digits)} digits")
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise ValueError(f"{digits[:40]} is not finite")
    return number
