"""A recipe of several steps as one operation: an editor hands the picture over once and gets one result back.

The steps run one after the other in the worker, as they do on the command line, and hand each other floats; layers
of an 8-bit document in between would round what each step makes. On the wire and in a document's record the
operation is called `CHAIN`, and its options are the recipe's title and steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .catalogue import operation
from .errors import UsageError
from .operation import Input, Memory, Operation, Parameter, Role
from .recipe import VERSION, Recipe, RecipeError, Step

CHAIN = "recipe"
_MAX_STEPS = 32  # more than anyone will write


@dataclass(frozen=True, kw_only=True)
class Chain(Operation):
    """Several steps, described as if they were one operation.

    parameters: those of all steps, so that a reader sees what kinds of options there are; the options themselves
    are `title` and `steps`.
    """

    steps: tuple[Step, ...]

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
    """The operation of that name, or the chain that `options` hold. Raises UsageError where there is none."""
    return chain(options) if name == CHAIN else operation(name)


def chain(options: Mapping[str, Any]) -> Chain:
    """The chain that `options` hold: `title` and `steps`. Raises UsageError for what is wrong with them."""
    unknown = next((name for name in options if name not in ("title", "steps")), None)
    title, steps = options.get("title", ""), options.get("steps")
    if unknown is not None or not isinstance(title, str) or not isinstance(steps, (list, tuple)):
        raise UsageError("A recipe needs a title and steps.")
    if len(steps) > _MAX_STEPS:
        raise UsageError("A recipe can have at most {max_steps} steps.", max_steps=_MAX_STEPS)
    try:
        recipe = Recipe.from_dict({"version": VERSION, "title": title, "steps": list(steps)})
    except RecipeError as error:
        raise UsageError(error.message, hint=error.hint) from error
    return _chain(recipe)


def as_operation(recipe: Recipe) -> tuple[Operation, dict[str, Any]]:
    """A recipe as an operation with its options; one of a single step is that step's own operation."""
    if len(recipe.steps) == 1:
        step = recipe.steps[0]
        return operation(step.operation), dict(step.options)
    made = _chain(recipe)
    return made, made.defaults()


def steps_of(name: str, options: Mapping[str, Any]) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """(operation, options) of each step: of a chain its own, of an operation itself alone."""
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
    parameters: dict[str, Parameter] = {one.name: one for each in operations for one in each.parameters}
    return Chain(
        name=CHAIN,
        title=recipe.title or "Recipe",
        help=recipe.description,
        parameters=tuple(parameters.values()),
        inputs=tuple(needed),
        optional_inputs=tuple(dict.fromkeys(one for one in optional if one not in needed)),
        outputs=tuple(outputs),
        memory=Memory.most(each.memory for each in operations),
        finds_depth_layer=finds_depth_layer,
        steps=recipe.steps,
    )
