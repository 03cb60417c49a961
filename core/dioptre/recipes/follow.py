"""Run the steps of a recipe in order on one picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dioptre.contract import FieldOfView, Film, Inputs, Layer, Progress, Result, no_progress
from dioptre.models.registry import chosen_depth_network
from dioptre.runtime import release_after
from dioptre_link.catalogue import operation
from dioptre_link.catalogue.depth import BEST, network_of, with_network
from dioptre_link.chain import CHAIN, chain
from dioptre_link.operation import Input, Role
from dioptre_link.recipe import Recipe, Step

from .apply import apply
from .limit import blended


def follow_described(
    name: str, options: Mapping[str, Any], inputs: Inputs, *, progress: Progress = no_progress
) -> Result:
    """Run an editor's request: one operation, or all steps of a recipe (see `dioptre_link.chain`).

    Args:
        name: the operation's name, or `CHAIN` for a recipe.
        options: the operation's options, or the recipe's title and steps.
        inputs: the picture and the other data to work on.
        progress: called with the fraction done and the phase.

    Raises:
        UsageError: the operation, a step or an option is invalid, or an input is missing.
        DioptreError: a step failed.
    """
    if name != CHAIN:
        return apply(name, options, inputs, progress=progress)
    return follow(Recipe(steps=chain(options).steps), inputs, progress=progress)


def follow(recipe: Recipe, inputs: Inputs | Callable[[], Inputs], *, progress: Progress = no_progress) -> Result:
    """Run the steps; each step gets the picture, depth and selection that the earlier steps produced.

    A selection limits the effect of the steps after it that return a picture of the same size.
    If the inputs contain a depth map, steps that only estimate depth are skipped, except for the last step.

    Args:
        recipe: the steps with their options.
        inputs: the inputs of the first step, or a function that returns them. With a function, the caller need not
            keep a reference, so the inputs are freed once the first step is done.
        progress: called with the fraction done and the phase.

    Returns:
        The last step's layers. If that step returns no depth layer, an earlier step's is appended at the bottom,
        hidden, unless the result is only for files. Values, messages and models are those of all steps.

    Raises:
        UsageError: a step or an option is invalid, or an input is missing.
        DioptreError: a step failed.
    """
    values: dict[str, Any] = {}
    messages: list[str] = []
    models: dict[str, str] = {}
    depth: Layer | None = None
    layers: tuple[Layer, ...] = ()
    film: Film | None = None
    inputs = inputs() if callable(inputs) else inputs
    steps = _without_needless(recipe.steps, inputs)
    _check_points(steps, inputs)
    count = len(steps)
    for index, step in enumerate(steps):

        def share(fraction: float, phase: str, index: int = index) -> None:
            progress((index + fraction) / count, phase)

        limits = operation(step.operation).limitable
        result = apply(step.operation, step.options, inputs, progress=share)
        result = blended(result, inputs, selection=inputs.selection) if limits else result
        values |= result.values
        messages += result.messages
        models |= result.models
        layers, film = result.layers, result.film
        depth = None if operation(step.operation).only_files else _first(layers, Role.DEPTH) or depth
        inputs = _next_inputs(inputs, result, depth)
        del result
        if index < count - 1:
            layers = ()  # frees the layers of an intermediate step; only its depth is still needed
        release_after((inputs.picture.shape[0], inputs.picture.shape[1]))
    if depth is not None and _first(layers, Role.DEPTH) is None:
        layers = (*layers, replace(depth, pixels=_fitted(depth, inputs), visible=False))
    return Result(layers=layers, values=values, messages=tuple(messages), models=models, film=film)


def with_networks_named(recipe: Recipe) -> Recipe:
    """Return the recipe with "best" replaced by the best installed depth network's id.

    Another machine may have other networks, so "best" alone would not reproduce the result.
    """
    return replace(recipe, steps=tuple(_named(step) for step in recipe.steps))


def _named(step: Step) -> Step:
    if network_of(step.options) != BEST:
        return step
    return replace(step, options=with_network(step.options, chosen_depth_network(BEST).id))


def _check_points(steps: tuple[Step, ...], inputs: Inputs) -> None:
    """Raise UsageError if a point lies outside the picture, before the first step spends any time."""
    height, width = inputs.picture.shape[:2]
    scale = 1.0
    for step in steps if not inputs.references else ():
        described = operation(step.operation)
        described.check_points(step.options, (width * scale, height * scale))
        scale *= described.scale(step.options)


def _without_needless(steps: tuple[Step, ...], inputs: Inputs) -> tuple[Step, ...]:
    if inputs.disparity is None:
        return steps
    return (*(step for step in steps[:-1] if not _only_estimates_depth(step)), steps[-1])


def _only_estimates_depth(step: Step) -> bool:
    described = operation(step.operation)
    takes = described.inputs + described.optional_inputs
    return Role.DEPTH in described.outputs and Role.RESULT not in described.outputs and Input.DISPARITY not in takes


def _next_inputs(inputs: Inputs, result: Result, depth: Layer | None) -> Inputs:
    made = _first(result.layers, Role.RESULT)
    after = inputs
    if made is not None:
        after = replace(after, picture=made.pixels, whole=None, kept={})
    if (selected := _first(result.layers, Role.SELECTION)) is not None:
        after = replace(after, selection=selected.pixels)
    if depth is None:
        return after
    after = replace(after, disparity=_fitted(depth, after))
    if "depth_source" not in result.values:  # the step only repairs the depth, whose scale stays the same
        return after
    limits, focal = result.values.get("depth_range_per_m"), result.values.get("focal_length_equivalent_mm")
    view = after.field_of_view
    if focal is not None:
        view = FieldOfView.of_equivalent(focal, source=result.values["focal_length_source"])
    return replace(after, range_per_m=None if limits is None else tuple(limits), field_of_view=view)


def _fitted(depth: Layer, inputs: Inputs) -> Any:
    """Return the depth at the picture's current size, which super-resolution may have changed."""
    size = (inputs.picture.shape[0], inputs.picture.shape[1])
    if depth.pixels.shape == size:
        return depth.pixels
    from dioptre.imaging.resize import resize

    return resize(depth.pixels, size, method="bilinear")


def _first(layers: tuple[Layer, ...], role: Role) -> Layer | None:
    return next((layer for layer in layers if layer.role is role), None)
