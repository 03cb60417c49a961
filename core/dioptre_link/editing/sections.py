"""The sections of a long list of options: at most three, of which an editor opens one at a time."""

from __future__ import annotations

from collections.abc import Sequence

from ..language import Message
from ..operation import Parameter

FEW = 12
"""Number of options that can be seen at once without a search."""

_WITH_LENS = ("Lens", "Depth", "Layers")
_LENS_AND_DEPTH = Message("Lens and depth")


def sections(parameters: Sequence[Parameter]) -> list[tuple[str, list[Parameter]]]:
    """Return the English titles of the sections and their options; a title may be empty.

    A few options have a section for each of their groups, which fit together. Of more options, an editor opens one
    section at a time.
    """
    found: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        joined = len(parameters) > FEW and parameter.group in _WITH_LENS
        found.setdefault(_LENS_AND_DEPTH if joined else parameter.group, []).append(parameter)
    return list(found.items())
