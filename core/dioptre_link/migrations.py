"""Recipes of older formats, brought to the present one: one function for each step from a version to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

Migration = Callable[[dict[str, Any]], None]
"""Changes a recipe of one version, as JSON types, into one of the next; `migrated` counts its "version" up."""

MIGRATIONS: Mapping[int, Migration] = {}
"""By the version that they start from. The format has had one version so far.

An option that gets another name or meaning needs an entry here and `recipe.VERSION` raised, so that recipes in
people's documents keep giving what they gave.
"""


class UnknownVersionError(ValueError):
    """No chain of migrations leads from the recipe's version to the wanted one."""


def migrated(
    recipe: Mapping[str, Any], *, to: int, migrations: Mapping[int, Migration] | None = None
) -> dict[str, Any]:
    """Return a copy of `recipe` in the format of version `to`. Raises UnknownVersionError."""
    table = MIGRATIONS if migrations is None else migrations
    result = deepcopy(dict(recipe))
    version = result.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version > to:
        raise UnknownVersionError(version)
    while version < to:
        try:
            table[version](result)
        except (KeyError, TypeError, AttributeError) as error:  # no such version, or not shaped as it was
            raise UnknownVersionError(version) from error
        version += 1
        result["version"] = version
    return result
