"""Recipes with several steps as one operation: an editor hands over the picture once and gets one result.

The worker runs the steps one after another, as the command line does, and passes floats between them; passing
layers of an 8-bit document would round the result of each step. On the wire and in a document's record, the
operation is called `CHAIN`, and its options are the recipe's title and steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .catalogue import operation
from .errors import UsageError
from .language import Message
from .migrations import without_retired
from .operation import Input, Memory, Operation, Parameter, Role
from .recipe import VERSION, Recipe, RecipeError, Step

CHAIN = "recipe"


@dataclass(frozen=True, kw_only=True)
class Chain(Operation):
    """Several steps, described like a single operation. The options of the chain itself are `title` and `steps`."""

    steps: tuple[Step, ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The descriptions of the options of all steps, which show what kinds of options occur."""
        every = (one for step in self.steps for one in operation(step.operation).parameters)
        return tuple({one.name: one for one in every}.values())

    def defaults(self) -> dict[str, Any]:
        return {"title": self.title, "steps": Recipe(steps=self.steps).to_dict()["steps"]}

    def check(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return chain(options).defaults() if options else self.defaults()

    def scaled(self, options: Mapping[str, Any], scale: float) -> dict[str, Any]:
        steps = [
            {**step, "options": operation(step["operation"]).scaled(step["options"], scale)}
            for step in self.check(options)["steps"]
        ]
        return {"title": options.get("title", self.title), "steps": steps}


def described(name: str, options: Mapping[str, Any]) -> Operation:
    """Return the operation with this name, or the chain described by `options`.

    Raises:
        UsageError: there is no such operation, it depends on an option that no longer exists, or the options do not
            describe a valid chain.
    """
    if name == CHAIN:
        return chain(options)
    without_retired(options)
    return operation(name)


def chain(options: Mapping[str, Any]) -> Chain:
    """Build a chain from the options `title` and `steps`.

    Raises:
        UsageError: the options do not describe a valid chain.
    """
    unknown = next((name for name in options if name not in ("title", "steps")), None)
    title, steps = options.get("title", ""), options.get("steps")
    if unknown is not None or not isinstance(title, str) or not isinstance(steps, (list, tuple)):
        raise UsageError("A recipe needs a title and steps.")
    try:
        recipe = Recipe.from_dict({"version": VERSION, "title": title, "steps": list(steps)})
    except RecipeError as error:
        raise UsageError(error.message, hint=error.hint) from error
    return _chain(recipe)


def as_operation(recipe: Recipe) -> tuple[Operation, dict[str, Any]]:
    """Return a recipe as an operation and its options; a recipe with one step becomes that step's operation.

    Raises:
        UsageError: the result of the recipe is only for files.
    """
    last = operation(recipe.steps[-1].operation)
    if last.only_files:
        raise UsageError(
            "{title} cannot be a step of a recipe for layers.",
            hint="Run it by itself, or run the recipe on the photo's file: dioptre run --recipe FILE PHOTO",
            title=Message(last.title),
        )
    if len(recipe.steps) == 1:
        step = recipe.steps[0]
        return operation(step.operation), dict(step.options)
    made = _chain(recipe)
    return made, made.defaults()


def steps_of(name: str, options: Mapping[str, Any]) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """Return (operation, options) of each step of a chain; any other operation counts as a single step."""
    if name != CHAIN:
        return [(name, options)]
    return [(step["operation"], step["options"]) for step in options["steps"]]


def _chain(recipe: Recipe) -> Chain:
    operations = [operation(step.operation) for step in recipe.steps]
    needed, optional, makes_depth, finds_depth_layer = [Input.PICTURE], [], False, False
    for each in operations:
        finds_depth_layer = finds_depth_layer or (each.finds_depth_layer and not makes_depth)
        for one in each.inputs:
            if one is Input.DISPARITY and makes_depth:
                optional.append(one)
            elif one not in needed:
                needed.append(one)
        optional += [one for one in each.optional_inputs if one is Input.DISPARITY]
        makes_depth = makes_depth or Role.DEPTH in each.outputs
    outputs = [*operations[-1].outputs]
    if makes_depth and Role.DEPTH not in outputs:
        outputs.append(Role.DEPTH)
    return Chain(
        name=CHAIN,
        title=recipe.title or "Recipe",
        help=recipe.description,
        inputs=tuple(needed),
        optional_inputs=tuple(dict.fromkeys(one for one in optional if one not in needed)),
        outputs=tuple(outputs),
        memory=Memory.most(each.memory for each in operations),
        finds_depth_layer=finds_depth_layer,
        steps=recipe.steps,
    )
