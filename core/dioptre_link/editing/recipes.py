"""Recipes in windows: a click in a preview sets a step's focus, and presets set the options of an operation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..catalogue import OPERATIONS
from ..catalogue.focus import FOCAL_DISPARITY
from ..operation import LISTS, PLACES, Operation
from ..presets import presets
from ..recipe import Recipe, Step
from . import picking, traits
from .picking import Click


def presets_of(operation: Operation) -> dict[str, Mapping[str, Any]]:
    """Return, by name, the options of each preset of only this operation; none if there is no choice of them.

    The first is the one that changes no default.
    """
    found = {
        name: recipe.steps[0].options
        for name, recipe in presets().items()
        if [step.operation for step in recipe.steps] == [operation.name]
    }
    by_changes = sorted(found.items(), key=lambda one: {**operation.defaults(), **one[1]} != operation.defaults())
    return dict(by_changes) if len(found) > 1 else {}


def with_preset(options: Mapping[str, Any], name: str, operation: Operation) -> dict[str, Any]:
    """Return the options with those of a preset; those that were chosen in the picture stay."""
    return {**operation.defaults(), **presets_of(operation)[name], **chosen_in_picture(options, operation)}


def chosen_in_picture(options: Mapping[str, Any], operation: Operation) -> dict[str, Any]:
    """Return the options that hold clicked places, strokes and the focus, as no preset does."""
    names = {one.name for one in operation.parameters if one.kind in (*PLACES, *LISTS)} | {FOCAL_DISPARITY}
    return {name: value for name, value in options.items() if name in names}


def preset_in(options: Mapping[str, Any], operation: Operation) -> str:
    """Return the name of the preset whose options these are, but for clicked places and strokes; "" if none."""
    return next((name for name in presets_of(operation) if with_preset(options, name, operation) == options), "")


def focusing(recipe: Recipe) -> tuple[Operation, Mapping[str, Any]] | None:
    """Return the step that keeps a range of depth sharp, with its options; None if the recipe has none."""
    found = _place(recipe)
    return None if found is None else (OPERATIONS[recipe.steps[found].operation], recipe.steps[found].options)


def clicked(recipe: Recipe, x: float, y: float, size: tuple[int, int], *, click: Click = Click.CHOOSE) -> Recipe:
    """Return the recipe after a click in its preview; it is unchanged if no step has a focus.

    Args:
        recipe: the recipe.
        x: fraction of the layer's width.
        y: fraction of the layer's height.
        size: (width, height) of the layer in pixels.
        click: the effect of the click.
    """
    if (place := _place(recipe)) is None:
        return recipe
    step = recipe.steps[place]
    point = round(x * (size[0] - 1), 1), round(y * (size[1] - 1), 1)
    options = picking.clicked(OPERATIONS[step.operation], step.options, point, size, click)
    if options is None:
        return recipe
    steps = list(recipe.steps)
    steps[place] = Step(operation=step.operation, options=options)
    return replace(recipe, steps=tuple(steps))


def scale(recipe: Recipe) -> float:
    """Return how many times wider and taller than the picture the result is."""
    return math.prod(OPERATIONS[step.operation].scale(step.options) for step in recipe.steps)


def _place(recipe: Recipe) -> int | None:
    focused = (place for place, step in enumerate(recipe.steps) if traits.focuses(OPERATIONS[step.operation]))
    return next(focused, None)
