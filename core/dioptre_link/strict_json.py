"""Parse JSON that another program, a document or a stranger wrote."""

from __future__ import annotations

import json
from typing import Any

_MOST_DIGITS = 19  # of an integer, as in 64 bits; a longer one has no float, or takes seconds to convert


def parsed(text: str | bytes) -> Any:
    """Return JSON types: every number is finite and fits 64 bits.

    Raises:
        ValueError: for anything else; a json.JSONDecodeError names the place.
    """
    try:
        return json.loads(text, parse_constant=_refused, parse_int=_integer, parse_float=_number)
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
