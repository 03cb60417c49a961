"""Migration of older recipes to the current format: one function for each step from a version to the next.

Options that were removed are left out or refused, whatever the version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from .errors import UsageError
from .language import Message

Migration = Callable[[dict[str, Any]], None]
"""Function that converts a recipe, as JSON types, to the next version; `migrated` updates its "version"."""

_TINT_PER_DUV = 3000
_TOLERANCE = 1e-6  # largest rounding error of numbers that GIMP and Qt converted to text and back
_MOST_DUV = 1e9  # more is left as it is, which the check of the option refuses


def _from_1(recipe: dict[str, Any]) -> None:
    """Convert tint to 1/3000 Duv, as in raw converters, and write the old defaults explicitly.

    The default focus range was 0, and existing blur was ignored.
    """
    for operation in ("lens_blur", "portrait"):
        for options in _options_of(recipe, operation):
            if options.get("existing_defocus") is None:
                options["existing_defocus"] = "ignore"
    for options in _options_of(recipe, "lens_blur"):
        if options.get("focus_range") is None:
            options["focus_range"] = 0.0
    for options in _options_of(recipe, "white_balance"):
        duv = options.get("tint")
        if isinstance(duv, (int, float)) and not isinstance(duv, bool) and abs(duv) < _MOST_DUV:
            options["tint"] = round(duv * _TINT_PER_DUV)


def _from_2(recipe: dict[str, Any]) -> None:
    """Make the default strength of a white balance automatic; it was 1 and removed no more than it does now.

    A lower strength was the fraction of what *Auto* removes, and is now that of the whole cast.
    """
    for options in _options_of(recipe, "white_balance"):
        strength = options.get("strength")
        if (
            isinstance(strength, (int, float))
            and not isinstance(strength, bool)
            and abs(strength - 1) <= _TOLERANCE
        ):
            del options["strength"]


def _options_of(recipe: dict[str, Any], operation: str) -> Iterator[dict[str, Any]]:
    """Yield the options of each step with this operation; the recipe's parser rejects malformed steps."""
    steps = recipe.get("steps")
    for step in steps if isinstance(steps, list) else []:
        if isinstance(step, dict) and step.get("operation") == operation:
            options = step.setdefault("options", {})
            if isinstance(options, dict):
                yield options


MIGRATIONS: Mapping[int, Migration] = {1: _from_1, 2: _from_2}
"""The migrations, by the version they start from.

If an option is renamed or changes its meaning, add an entry here and raise `recipe.VERSION`, so that recipes in
users' documents keep their results.
"""


_DEPTH_ANYTHING_3 = Message(
    "Depth Anything 3 is no longer part of Dioptre. The best depth network that is installed is used instead."
)

RETIRED: Mapping[tuple[str, str], Message | None] = {
    ("background_fill", "auto"): None,
    ("background_fill", "migan"): Message(
        "The network MI-GAN is no longer part of Dioptre. The clean background continues the picture instead."
    ),
    ("depth_model", "depth-anything-3-small"): _DEPTH_ANYTHING_3,
    ("depth_model", "depth-anything-3-base"): _DEPTH_ANYTHING_3,
    ("depth_model", "depth-anything-3-metric-large"): _DEPTH_ANYTHING_3,
}
"""Values of options that this version does not have, and what a user learns; None if the result does not change.

The option is left out of older recipes and documents, so that its default applies if it still exists.
"""

IGNORED = ("earlier_enlargement", "undo_sharpening")
"""Options that this version does not have, and leaves out at every value with a message."""

REMOVED: Mapping[str, tuple[str, ...]] = {"layout": ("autostereogram", "half", "wiggle"), "mode": ("plane",)}
"""Choices that this version does not have, by their option: recipes and documents with them are refused."""

NEUTRAL: Mapping[str, Any] = {
    "disc_edge": 0.0,
    "highlight_threshold": 0.9,
    "motion": "pan",
    "side_light": 0.0,
    "smooth_defocus": True,
}
"""Options that this version does not have, and the value that changes nothing: any other one is refused."""

_LAST = "0.2"  # the last version that had what `REMOVED` and `NEUTRAL` name


def without_retired(options: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Message, ...]]:
    """Return an operation's options without those that no longer exist, and the sentences for the user.

    Raises:
        UsageError: the result depends on an option or a choice that no longer exists.
    """
    kept: dict[str, Any] = {}
    notes: list[Message | None] = []
    for name, value in options.items():
        if isinstance(value, str) and (name, value) in RETIRED:
            notes.append(RETIRED[name, value])
        elif name in IGNORED:
            notes.append(Message("The option {name} no longer exists and is ignored.", name=name))
        elif value in REMOVED.get(name, ()) or (name in NEUTRAL and not _is_neutral(name, value)):
            raise UsageError(
                "{name}: {value} is no longer part of Dioptre.",
                hint="The last version that had it is {version}.",
                name=name,
                value=repr(value),
                version=_LAST,
            )
        elif name not in NEUTRAL:
            kept[name] = value
    return kept, tuple(note for note in notes if note is not None)


def _is_neutral(name: str, value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(NEUTRAL[name], str)
    return value == NEUTRAL[name] or (number and abs(value - NEUTRAL[name]) <= _TOLERANCE)


class UnknownVersionError(ValueError):
    """No chain of migrations leads from the recipe's version to the requested one."""


def migrated(
    recipe: Mapping[str, Any], *, to: int, migrations: Mapping[int, Migration] | None = None
) -> dict[str, Any]:
    """Return a copy of a recipe in the format of another version.

    Args:
        recipe: the recipe as JSON types.
        to: the version to migrate to.
        migrations: used instead of `MIGRATIONS`, for tests.

    Raises:
        UnknownVersionError: no chain of migrations leads to that version.
    """
    table = MIGRATIONS if migrations is None else migrations
    result = deepcopy(dict(recipe))
    version = result.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version > to:
        raise UnknownVersionError(version)
    while version < to:
        try:
            table[version](result)
        except (KeyError, TypeError, AttributeError) as error:  # unknown version, or malformed recipe
            raise UnknownVersionError(version) from error
        version += 1
        result["version"] = version
    return result


def migrated_options(operation: str, options: Mapping[str, Any], *, version: int, to: int) -> dict[str, Any]:
    """Return a copy of an operation's options (or a chain's `steps`), migrated like those of a recipe."""
    chained = isinstance(options.get("steps"), (list, tuple))
    steps = list(options["steps"]) if chained else [{"operation": operation, "options": dict(options)}]
    steps = migrated({"version": version, "steps": steps}, to=to)["steps"]
    return {**options, "steps": steps} if chained else steps[0]["options"]
