"""Replace the name "best" of a depth network in a recipe with the id of the network that was used."""

from __future__ import annotations

from dataclasses import replace

from dioptre.models.registry import chosen_depth_network
from dioptre_link.catalogue.depth import BEST, network_of, with_network
from dioptre_link.recipe import Recipe, Step


def with_networks_named(recipe: Recipe) -> Recipe:
    """Return the recipe with "best" replaced by the best installed depth network's id.

    Another machine may have other networks, so "best" alone would not reproduce the result.
    """
    return replace(recipe, steps=tuple(_named(step) for step in recipe.steps))


def _named(step: Step) -> Step:
    if network_of(step.options) != BEST:
        return step
    return replace(step, options=with_network(step.options, chosen_depth_network(BEST).id))
