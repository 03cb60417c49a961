"""Effects that are limited to a range of depth or to a selection."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dioptre.contract import Inputs, Result
from dioptre.recipes.apply import apply
from dioptre.recipes.follow import follow
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.errors import UsageError
from dioptre_link.operation import Role
from dioptre_link.recipe import Recipe, Step

HEIGHT, WIDTH = 96, 160
RANGE = {"range_farthest": 0.4, "range_nearest": 0.7, "range_feather": 0.05}


def picture(*, channels: int = 3) -> np.ndarray:
    made = np.random.default_rng(0).uniform(0.1, 0.9, (HEIGHT // 8, WIDTH // 8, channels)).astype(np.float32)
    return made.repeat(8, 0).repeat(8, 1)


def slope() -> np.ndarray:
    return np.repeat(np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None], WIDTH, axis=1)


def inputs(**more: Any) -> Inputs:
    return Inputs(**{"picture": picture(), "disparity": slope(), **more})


def layer(result: Result, role: Role) -> np.ndarray:
    return next(each.pixels for each in result.layers if each.role is role)


def followed(given: Inputs, **options: Any) -> np.ndarray:
    recipe = Recipe(steps=(Step(operation="haze", options={"density": 0.9, **options}),))
    return layer(follow(recipe, given), Role.RESULT)


def test_a_range_becomes_a_mask_of_the_whole_effect() -> None:
    whole = apply("haze", {"density": 0.9}, inputs())
    ranged = apply("haze", {"density": 0.9, **RANGE}, inputs())
    assert [each.role for each in ranged.layers][:2] == [Role.RESULT, Role.MASK]
    assert np.array_equal(layer(ranged, Role.RESULT), layer(whole, Role.RESULT))
    mask, depth = layer(ranged, Role.MASK).mean(axis=1), slope()[:, 0]
    assert (mask[(depth < 0.25) | (depth > 0.85)] == 0).all()
    assert (mask[(depth > 0.48) & (depth < 0.62)] > 0.95).all()


def test_a_range_that_is_the_whole_depth_makes_no_mask() -> None:
    assert Role.MASK not in [each.role for each in apply("haze", {"density": 0.9}, inputs()).layers]


def test_recipes_blend_the_range_into_the_picture() -> None:
    made, whole = followed(inputs(), **RANGE), followed(inputs())
    mask = layer(apply("haze", {"density": 0.9, **RANGE}, inputs()), Role.MASK)
    assert np.array_equal(made[mask == 0], picture()[mask == 0])
    assert np.array_equal(made[mask == 1], whole[mask == 1])
    assert np.abs(made - picture()).max() > 0.1


@pytest.mark.parametrize("channels", [3, 4])
def test_a_selection_limits_every_step_of_a_recipe(channels: int) -> None:
    selection = np.zeros((HEIGHT, WIDTH), np.float32)
    selection[:, : WIDTH // 4] = 1
    selection[:, WIDTH // 4 : WIDTH // 2] = 0.5
    given = picture(channels=channels)
    made = followed(inputs(picture=given, selection=selection))
    whole = followed(inputs(picture=given))
    assert np.array_equal(made[selection == 0], given[selection == 0])
    assert np.array_equal(made[selection == 1], whole[selection == 1])
    half = selection == 0.5
    np.testing.assert_allclose(made[half], (given[half] + whole[half]) / 2, atol=1e-6)


def test_a_selection_that_an_earlier_step_makes_limits_the_later_ones() -> None:
    steps = (
        Step(operation="select_depth", options={"side": "farther", "depth_level": 0.3, "depth_range": 0.0}),
        Step(operation="haze", options={"density": 0.9}),
    )
    made = layer(follow(Recipe(steps=steps), inputs()), Role.RESULT)
    changed = (np.abs(made - picture()) > 1e-3).any(axis=(1, 2))
    assert changed[: HEIGHT // 4].all()
    assert not changed[HEIGHT // 2 :].any()


@pytest.mark.parametrize(
    ("farthest", "nearest", "words"),
    [(0.8, 0.2, "nearer than the nearest"), (0.9, 1.0, "nothing in the range")],
)
def test_an_empty_range_is_refused(farthest: float, nearest: float, words: str) -> None:
    options = {"range_farthest": farthest, "range_nearest": nearest, "range_feather": 0.0}
    with pytest.raises(UsageError, match=words):
        apply("haze", options, inputs(disparity=slope() * 0.5 + 0.2))


def test_an_empty_selection_is_refused() -> None:
    with pytest.raises(UsageError, match="Nothing is selected"):
        followed(inputs(selection=np.zeros((HEIGHT, WIDTH), np.float32)))


def test_operations_that_a_selection_limits() -> None:
    limitable = {name for name, each in OPERATIONS.items() if each.limitable}
    assert {"portrait", "lens_blur", "white_balance", "haze", "motion_blur"} <= limitable
    assert not {"super_resolution", "place", "film", "repair_depth", "select_subject", "depth"} & limitable
