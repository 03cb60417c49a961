"""Recipes: the JSON represents a recipe exactly, and invalid content is reported clearly."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.errors import UsageError
from dioptre_link.recipe import VERSION, Recipe, RecipeError, Step

SHA = "0123456789abcdef" * 4


def text(**changes: Any) -> str:
    content: dict[str, Any] = {"version": VERSION, "steps": [{"operation": "depth", "options": {}}]}
    return json.dumps({**content, **changes})


@given(
    f_number=st.floats(0.7, 32.0),
    focus=st.none() | st.tuples(st.floats(-10, 9999), st.floats(-10, 9999)),
    refine=st.booleans(),
    models=st.dictionaries(st.text(min_size=1, max_size=8), st.just(SHA), max_size=3),
)
def test_json_gives_the_same_recipe_back(f_number: float, focus: Any, refine: bool, models: dict[str, str]) -> None:
    options = {"f_number": f_number, "focus": focus, "refine": refine}
    recipe = Recipe(
        steps=(Step(operation="portrait", options=options), Step(operation="super_resolution")),
        models=models,
        input_sha256=SHA,
        dioptre_version="0.1.0",
    )
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_can_be_a_step_and_its_options_are_completed(name: str) -> None:
    recipe = Recipe.from_json(text(steps=[{"operation": name}]))
    assert recipe.steps[0].options == OPERATIONS[name].defaults()
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        ("{", "not JSON", "line 1"),
        ('{"version": 1, "version', "not JSON", "column"),
        ("[" * 100_000, "not JSON", ""),
        ("[]", "not a recipe", "looks like"),
        ("{}", "no supported version", f'"version": {VERSION}'),
        (text(version=True), "no supported version", ""),
        (text(version=VERSION + 1), "newer version of Dioptre", "Update"),
        (text(stepz=[]), "'stepz'", "'steps'"),
        (text(steps=[]), "no list of steps", "looks like"),
        (text(precision="half"), "precision must be float32 or bfloat16", "Remove the entry"),
        (text(precision=["float32"]), "precision must be float32 or bfloat16", "Remove the entry"),
        (text(steps=[{"operation": "depth"}] * 33), "more than 32 steps", ""),
        (text(steps=[{"operation": "portrait", "options": {"f_number": 10**400}}]), "not JSON", ""),
        (text(depth_range_per_m=[0, 10**400]), "not JSON", ""),
        (text(steps=["depth"]), "step 1 does not name an operation", "looks like"),
        (text(steps=[{"operation": "portrai"}]), "'portrai'", "'portrait'"),
        (text(steps=[{"operation": "portrait", "options": {"f_numbr": 2}}]), "'f_numbr'", "'f_number'"),
        (text(steps=[{"operation": "portrait", "options": {"f_number": 99}}]), "out of range", "0.7 to 32"),
        (text(steps=[{"operation": "portrait", "options": []}]), "not a JSON object", ""),
        (text(steps=[{"operation": "depth", "option": {}}]), "'option'", "'options'"),
        (text(models={"a": "b"}), "model 'a' is not a SHA-256", "64"),
        (text(models=[]), "not a JSON object", ""),
        (text(input_sha256="z"), "input_sha256 is not a SHA-256", ""),
        (text(dioptre_version=1), "dioptre_version is not text", ""),
        (text(steps=[{"operation": "portrait", "options": {"f_number": float("nan")}}]), "not JSON", ""),
    ],
)
def test_what_is_no_recipe_is_refused_in_words(content: str, message: str, hint: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_json(content, origin="my.json")
    assert caught.value.message.startswith("my.json")
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_changed_options_reach_every_step_that_has_them() -> None:
    recipe = Recipe(steps=(Step(operation="depth"), Step(operation="portrait")))
    changed = recipe.with_options({"refine": "no", "f_number": "1.4"})
    assert [step.options["refine"] for step in changed.steps] == [False, False]
    assert changed.steps[1].options["f_number"] == 1.4
    assert recipe.steps[1].options["f_number"] == OPERATIONS["portrait"].defaults()["f_number"]


def test_a_changed_option_that_no_step_has_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="'f_numer'") as caught:
        Recipe(steps=(Step(operation="portrait"),)).with_options({"f_numer": 2})
    assert "'f_number'" in caught.value.hint


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_recipes_in_the_encodings_that_editors_and_shells_write(
    encoding: str, newline: str, tmp_path: Path
) -> None:
    """Windows Notepad writes a mark at the start of a file, and Windows PowerShell's `>` UTF-16."""
    file = tmp_path / "recipe.json"
    recipe = Recipe(title="Größe", steps=(Step(operation="depth", options={}),))
    file.write_text(recipe.to_json(), encoding=encoding, newline=newline)
    assert Recipe.read(file) == recipe


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"title": "Größe"}'.encode("latin-1"), "neither UTF-8 nor UTF-16"),
        (b"\xff\xfe\x00", "neither UTF-8 nor UTF-16"),
        (b"", "is not JSON"),
        (b"\0" * 100, "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]" + b" " * (1 << 22), "File too large"),
    ],
)
def test_files_that_are_no_recipe(content: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    file.write_bytes(content)
    with pytest.raises(RecipeError, match=words) as caught:
        Recipe.read(file)
    assert str(file) in caught.value.message
    assert caught.value.hint


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links are not everybody's there")
def test_paths_that_lead_to_no_recipe(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("gone")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    for path, words in (
        (tmp_path, "it is a folder"),
        (tmp_path / "none", "No such file"),
        (tmp_path / "dangling", "the target of a link in its path does not exist"),
        (tmp_path / "loop", "leads back to itself"),
        (tmp_path / "file" / "a", "part of its path is not a folder"),
        (Path("/dev/null"), "not a regular file"),
        (tmp_path / "a\0b", "null byte"),
    ):
        with pytest.raises(RecipeError, match=words):
            Recipe.read(path)
