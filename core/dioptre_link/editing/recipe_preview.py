"""The preview of a recipe, which shows all of its steps except enlargements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..catalogue import OPERATIONS
from ..chain import as_operation
from ..language import Message
from ..operation import Operation
from ..recipe import Recipe
from . import traits


@dataclass(frozen=True, kw_only=True)
class RecipePreview:
    """A recipe as an operation with its options, for a preview.

    Attributes:
        operation: the operation.
        options: its options.
        note: message about steps that the preview omits; "" if there are none.
        shown: False if no step remains.
    """

    operation: Operation
    options: Mapping[str, Any]
    note: str = ""
    shown: bool = True


def preview_of(recipe: Recipe) -> RecipePreview:
    """Return the part of a recipe to preview on a picture."""
    operation, options = as_operation(recipe)
    steps = tuple(step for step in recipe.steps if not traits.enlarges(OPERATIONS[step.operation]))
    if len(steps) == len(recipe.steps):
        return RecipePreview(operation=operation, options=options)
    scale = 1.0
    for step in recipe.steps:
        scale *= 1.0 if step in steps else OPERATIONS[step.operation].scale(step.options)
    note = Message("The result is {scale} times wider and taller. The preview is not enlarged.", scale=f"{scale:g}")
    if not steps:
        return RecipePreview(operation=operation, options=options, note=note, shown=False)
    operation, options = as_operation(replace(recipe, steps=steps))
    return RecipePreview(operation=operation, options=options, note=note)
