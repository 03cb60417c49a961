"""The published schema agrees with the parser."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.presets import presets
from dioptre_link.recipe import VERSION, Recipe, RecipeError, Step

SHA = "0123456789abcdef" * 4
SCRIPT = runpy.run_path(str(Path(__file__).resolve().parents[2] / "docs" / "_recipe_schema.py"))
VALIDATOR = Draft202012Validator(SCRIPT["schema"]())


def test_the_published_file_is_of_this_version(checkout: Path) -> None:
    published = (checkout / "docs" / "recipe.schema.json").read_text(encoding="utf-8")
    assert published == SCRIPT["text"](), "run: python docs/_recipe_schema.py"
    Draft202012Validator.check_schema(json.loads(published))


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_a_run_writes_fits(name: str) -> None:
    recipe = Recipe(
        steps=(Step(operation=name),),
        models={"a": SHA},
        input_sha256=SHA,
        dioptre_version="0.1.0",
        depth_range_per_m=(0.0, 2.5),
        title="Mine",
    )
    VALIDATOR.validate(json.loads(recipe.to_json()))


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 400)
    | st.floats(-5, 400)
    | st.sampled_from(["", "default", "ignore"])
)


@given(
    operation=st.sampled_from(sorted(OPERATIONS)),
    extra=st.dictionaries(
        st.sampled_from(["models", "precision", "input_sha256", "title", "stepz", "$schema"]), VALUES, max_size=2
    ),
    data=st.data(),
)
def test_schema_and_parser_agree(operation: str, extra: dict[str, Any], data: st.DataObject) -> None:
    names = [parameter.name for parameter in OPERATIONS[operation].parameters] + ["f_numbr"]
    options = data.draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=3))
    content = {"version": VERSION, "steps": [{"operation": operation, "options": options}], **extra}
    try:
        Recipe.from_dict(content)
    except RecipeError:
        followed = False
    else:
        followed = True
    if VALIDATOR.is_valid(content):
        assert followed, "the schema allows what the parser refuses"
    elif followed:  # The parser is more tolerant: it accepts "2" and 2.0 for 2, and ignores `$schema`.
        kinder = [value for value in options.values() if isinstance(value, str | float | int)]
        assert kinder or "$schema" in extra


@pytest.mark.parametrize("name", presets())
def test_presets_fit_and_say_what_they_are_for(name: str) -> None:
    recipe = presets()[name]
    VALIDATOR.validate(json.loads(recipe.to_json()))
    assert recipe.title
    assert recipe.description.endswith(".")
    assert not recipe.models
