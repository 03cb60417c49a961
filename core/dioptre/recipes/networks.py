"""Which networks a recipe names: exactly one, where its options leave the choice to what is installed."""

from __future__ import annotations

from dataclasses import replace

from dioptre.models.registry import chosen_depth_network
from dioptre_link.catalogue.depth import BEST
from dioptre_link.recipe import Recipe, Step


def with_networks_named(recipe: Recipe) -> Recipe:
    """The recipe with the depth network that is the best installed one: elsewhere another one may be."""
    return replace(recipe, steps=tuple(_named(step) for step in recipe.steps))


def _named(step: Step) -> Step:
    if step.options.get("depth_model") != BEST:
        return step
    return replace(step, options={**step.options, "depth_model": chosen_depth_network(BEST).id})
