"""Following a recipe: each step receives the result of the previous one."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from dioptre.contract import Inputs, Layer, Progress, Result
from dioptre.recipes.apply import apply, runner_of
from dioptre.recipes.follow import follow, follow_described
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.chain import as_operation
from dioptre_link.errors import Cancelled
from dioptre_link.operation import Role
from dioptre_link.recipe import Recipe, Step

Run = Callable[[Inputs, Any, Progress], Result]


@pytest.fixture
def pipelines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Inputs]]:
    """Replace three pipelines with fakes and return their calls in order."""
    calls: list[tuple[str, Inputs]] = []

    def install(name: str, run: Run) -> None:
        def noting(inputs: Inputs, options: Any, progress: Progress) -> Result:
            calls.append((name, inputs))
            progress(0.5, name)
            return run(inputs, options, progress)

        face = import_module(f"dioptre.features.{OPERATIONS[name].feature}")
        monkeypatch.setitem(face.OPERATIONS, runner_of(name)[0], noting)

    def depth(inputs: Inputs, options: Any, progress: Progress) -> Result:
        pixels = np.linspace(0, 1, inputs.picture.shape[0] * inputs.picture.shape[1], dtype=np.float32)
        layer = Layer(name="Depth", role=Role.DEPTH, pixels=pixels.reshape(inputs.picture.shape[:2]))
        return Result(layers=(layer,), values={"made": "depth"}, messages=("one",), models={"d": "0" * 64})

    def blur(inputs: Inputs, options: Any, progress: Progress) -> Result:
        layer = Layer(name="Blur", role=Role.RESULT, pixels=inputs.picture * np.float32(0.5))
        return Result(layers=(layer,), values={"f": options.f_number}, messages=("two",))

    def enlarge(inputs: Inputs, options: Any, progress: Progress) -> Result:
        layer = Layer(
            name="Large", role=Role.RESULT, pixels=np.kron(inputs.picture, np.ones((2, 2, 1), np.float32))
        )
        return Result(layers=(layer,), models={"s": "1" * 64})

    install("depth", depth)
    install("lens_blur", blur)
    install("super_resolution", enlarge)
    return calls


PICTURE = np.full((4, 6, 3), 0.8, np.float32)
THREE = Recipe(steps=tuple(Step(operation=name) for name in ("depth", "super_resolution", "lens_blur")))


def test_picture_and_depth_are_handed_on(pipelines: list[tuple[str, Inputs]]) -> None:
    result = follow(THREE, Inputs(picture=PICTURE))
    assert [name for name, _ in pipelines] == ["depth", "super_resolution", "lens_blur"]
    last = pipelines[-1][1]
    assert last.picture.shape == (8, 12, 3)
    assert last.disparity is not None
    assert last.disparity.shape == (8, 12)
    assert [layer.role for layer in result.layers] == [Role.RESULT, Role.DEPTH]
    np.testing.assert_allclose(result.layers[0].pixels, 0.4, atol=1e-6)
    assert result.layers[1].pixels.shape == (8, 12)


def test_a_depth_that_is_given_stands_for_the_one_that_would_be_made(pipelines: list[tuple[str, Inputs]]) -> None:
    given = np.full((4, 6), 0.25, np.float32)
    result = follow(THREE, Inputs(picture=PICTURE, disparity=given))
    assert [name for name, _ in pipelines] == ["super_resolution", "lens_blur"]
    assert pipelines[-1][1].disparity is given
    assert [layer.role for layer in result.layers] == [Role.RESULT]


def test_depth_alone_is_made_whatever_is_given(pipelines: list[tuple[str, Inputs]]) -> None:
    only = Recipe(steps=(Step(operation="depth"),))
    follow(only, Inputs(picture=PICTURE, disparity=np.zeros((4, 6), np.float32)))
    assert [name for name, _ in pipelines] == ["depth"]


def test_an_editors_chain_is_followed_as_its_recipe(pipelines: list[tuple[str, Inputs]]) -> None:
    operation, options = as_operation(THREE)
    chained = follow_described(operation.name, options, Inputs(picture=PICTURE))
    followed = follow(THREE, Inputs(picture=PICTURE))
    for one, other in zip(chained.layers, followed.layers, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
    alone = follow_described("depth", {}, Inputs(picture=PICTURE))
    assert [layer.role for layer in alone.layers] == [Role.DEPTH]


def test_values_messages_and_models_are_those_of_all_steps(pipelines: list[tuple[str, Inputs]]) -> None:
    result = follow(THREE, Inputs(picture=PICTURE))
    assert result.values == {"made": "depth", "f": OPERATIONS["lens_blur"].defaults()["f_number"]}
    assert result.messages == ("one", "two")
    assert result.models == {"d": "0" * 64, "s": "1" * 64}


def test_an_option_of_an_earlier_version_is_ignored_with_a_message(pipelines: list[tuple[str, Inputs]]) -> None:
    options = {"scale": 2.0, "undo_sharpening": True}
    recipe = Recipe.from_dict({"version": 2, "steps": [{"operation": "super_resolution", "options": options}]})
    assert "undo_sharpening" not in recipe.steps[0].options
    assert follow(recipe, Inputs(picture=PICTURE)).layers[0].pixels.shape == (8, 12, 3)
    assert recipe.notes == ("The option undo_sharpening no longer exists and is ignored.",)


def test_progress_rises_over_all_steps(pipelines: list[tuple[str, Inputs]]) -> None:
    seen: list[tuple[float, str]] = []
    follow(THREE, Inputs(picture=PICTURE), progress=lambda fraction, phase: seen.append((fraction, phase)))
    assert [phase for _, phase in seen] == ["depth", "super_resolution", "lens_blur"]
    assert [fraction for fraction, _ in seen] == pytest.approx([0.5 / 3, 1.5 / 3, 2.5 / 3])


def test_a_progress_that_raises_stops_it(pipelines: list[tuple[str, Inputs]]) -> None:
    def stop(fraction: float, phase: str) -> None:
        if phase == "super_resolution":
            raise Cancelled

    with pytest.raises(Cancelled):
        follow(THREE, Inputs(picture=PICTURE), progress=stop)
    assert len(pipelines) == 2


@pytest.mark.parametrize("options", [{}, {"highlight_boost": 0.5, "blades": 6}])
def test_alpha_that_is_opaque_everywhere_changes_no_value(options: dict[str, float]) -> None:
    picture = np.random.default_rng(5).random((48, 64, 3), np.float32)
    disparity = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1))
    disparity[:, 30:] *= 0.3
    options = {"max_radius": 5.0, "focal_disparity": 0.1, **options}
    opaque = np.concatenate([picture, np.ones((48, 64, 1), np.float32)], axis=-1)
    with_alpha, without = (
        apply("lens_blur", options, Inputs(picture=each, disparity=disparity)).layers[0].pixels
        for each in (opaque, picture)
    )
    # Regression test: the two used to differ by 0.01 along edges.
    np.testing.assert_allclose(with_alpha, without, atol=1e-6)


def test_inputs_that_are_only_lent_are_let_go_after_their_step(pipelines: list[tuple[str, Inputs]]) -> None:
    first = [Inputs(picture=PICTURE.copy())]
    gone = weakref.ref(first[0].picture)
    pipelines_seen: list[bool] = []

    def watch(fraction: float, phase: str) -> None:
        pipelines.clear()  # The list of calls holds references to the inputs.
        pipelines_seen.append(gone() is None)

    follow(THREE, first.pop, progress=watch)
    assert pipelines_seen[0] is False
    assert pipelines_seen[-1] is True
