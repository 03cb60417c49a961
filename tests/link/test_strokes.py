"""Strokes of the focus brush as an option: accepted values, and the messages for refused ones."""

from __future__ import annotations

import json

import pytest

from dioptre_link.catalogue import OPERATIONS, operation
from dioptre_link.errors import UsageError
from dioptre_link.migrations import migrated
from dioptre_link.recipe import VERSION, Recipe, RecipeError, Step
from dioptre_link.records import Entry, Link, Record
from dioptre_link.strokes import MOST_POINTS, MOST_STROKES, checked_strokes

STROKE = {"keep": True, "radius": 0.04, "points": [[0.25, 0.5], [0.5, 0.75]]}


def test_strokes_come_as_json_text_or_lists() -> None:
    expected = (STROKE,)
    assert (
        checked_strokes([STROKE]) == checked_strokes((STROKE,)) == checked_strokes(json.dumps([STROKE])) == expected
    )
    assert checked_strokes("") == checked_strokes([]) == ()


def test_fractions_are_rounded_and_stay_so() -> None:
    (stroke,) = checked_strokes([{**STROKE, "radius": 1 / 30, "points": [(1 / 3, 2 / 3)]}])
    assert stroke == {"keep": True, "radius": 0.0333, "points": [[0.3333, 0.6667]]}
    assert checked_strokes([stroke]) == (stroke,)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (3, "not a list"),
        ("{", "not JSON"),
        ("[" * 100000, "not JSON"),
        ('{"keep": true}', "not a list"),
        ([3], "Stroke 1 must have"),
        ([STROKE, {"keep": True, "points": [[0, 0]]}], "Stroke 2 must have"),
        ([{**STROKE, "colour": 1}], "must have"),
        ([{**STROKE, "keep": 1}], "keep is not"),
        ([{**STROKE, "radius": 0}], "radius is out of range"),
        ([{**STROKE, "radius": 0.6}], "radius is out of range"),
        ([{**STROKE, "radius": True}], "radius is out of range"),
        ('[{"keep": true, "radius": NaN, "points": [[0, 0]]}]', "not JSON"),
        ([{**STROKE, "points": []}], "no points"),
        ([{**STROKE, "points": [[0.5]]}], "outside the picture"),
        ([{**STROKE, "points": [[0.5, 1.2]]}], "outside the picture"),
        ([{**STROKE, "radius": 10**400}], "radius is out of range"),
        ([{**STROKE, "points": [[0.5, float("inf")]]}], "outside the picture"),
        ([{**STROKE, "points": ["ab"]}], "outside the picture"),
        ([STROKE] * (MOST_STROKES + 1), "more than 200 strokes"),
        ([{**STROKE, "points": [[0.5, 0.5]] * (MOST_POINTS + 1)}], "more than 4000 points"),
    ],
)
def test_other_values_are_refused_in_words(value: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        operation("portrait").check({"strokes": value})


@pytest.mark.parametrize(
    ("name", "option"), [("portrait", "strokes"), ("lens_blur", "strokes"), ("select_subject", "subject_strokes")]
)
def test_a_recipe_keeps_them(name: str, option: str) -> None:
    recipe = Recipe(steps=(Step(operation=name, options={option: [STROKE]}),))
    assert recipe.to_dict()["steps"][0]["options"][option] == [STROKE]
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize("name", ["portrait", "lens_blur"])
def test_a_recipe_without_them_suits_an_older_dioptre(name: str) -> None:
    recipe = Recipe(steps=(Step(operation=name), Step(operation=name, options={"strokes": [STROKE]})))
    first, second = (step["options"] for step in recipe.to_dict()["steps"])
    left_out = {"strokes", "subject", "not_subject", "known_distance"}  # Empty lists are omitted.
    assert first.keys() == second.keys() - {"strokes"} == operation(name).defaults().keys() - left_out
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert recipe.with_options({"strokes": ()}).to_dict()["steps"] == [recipe.to_dict()["steps"][0]] * 2


def test_a_document_without_them_suits_an_older_dioptre() -> None:
    kept: list[bytes] = [b""]
    record = Record(lambda: kept[0], lambda data: kept.__setitem__(0, data))
    links = {"picture": Link(id=1, name="Photo")}
    for strokes in ((), (STROKE,)):
        options = operation("portrait").check({"strokes": strokes})
        record.add(Entry(operation="portrait", options=options, inputs=links, outputs={}))
    written = [entry["options"] for entry in json.loads(kept[0])["results"]]
    assert "strokes" not in written[0]
    assert written[1] == {**written[0], "strokes": [STROKE]}


def test_a_recipe_says_which_stroke_is_wrong() -> None:
    step = {"operation": "portrait", "options": {"strokes": [{**STROKE, "radius": 9}]}}
    with pytest.raises(RecipeError, match="step 1: Stroke 1: the radius"):
        Recipe.from_dict({"version": VERSION, "steps": [step]})


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_recipes_without_them_have_none(version: int) -> None:
    content = migrated({"version": version, "steps": [{"operation": "portrait", "options": {}}]}, to=VERSION)
    assert Recipe.from_dict(content).steps[0].options["strokes"] == ()


def test_they_fit_a_picture_of_any_size() -> None:
    for described in OPERATIONS.values():
        if "strokes" in described.defaults():
            options = described.check({"strokes": [STROKE], "focus": (8, 8)})
            assert described.scaled(options, 0.5)["strokes"] == options["strokes"]
