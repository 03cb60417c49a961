"""Recipes of any content, in any encoding: each is followed or refused in a sentence, by every command alike."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dioptre import photo
from dioptre.cli.main import run
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.errors import DioptreError
from dioptre_link.presets import presets
from dioptre_link.recipe import Recipe, RecipeError, WrittenFile

from .trials import count, mutated, told, trials

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252")
WORDS = ("depth", "portrait", "no_such_operation", "steps", "options", "f_number", "size", "at", "", "NaN", "a\\0b")
# JSON that Python's own writer would not produce.
RAW = (
    "NaN",
    "-Infinity",
    "1e400",
    "-1e308",
    "1e-400",
    "9" * 5000,
    "1" * 19,
    "-" + "9" * 18,
    "[" * 3000 + "]" * 3000,
)


def valid(rng: random.Random) -> dict[str, Any]:
    recipe = rng.choice(list(presets().values())).to_dict()
    names = rng.sample(list(OPERATIONS), rng.choice((0, 1, 2)))
    recipe["steps"] += [{"operation": name, "options": OPERATIONS[name].defaults()} for name in names]
    file = WrittenFile(size_bytes=5, sha256="a" * 64)
    recipe |= {
        "models": {"a": "0" * 64},
        "input_sha256": "1" * 64,
        "depth_range_per_m": [0.1, 2.0],
        "invented": [0.5],
    }
    return {**recipe, "files": {"a.jpg": {"bytes": file.size_bytes, "sha256": file.sha256}}}


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return each container in a JSON value with each of its keys or indices."""
    found: list[tuple[Any, Any]] = []
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        found.append((value, key))
        if isinstance(inner, dict | list):
            found += places(inner)
    return found


def text_of(rng: random.Random) -> str:
    """Return the JSON of a recipe with up to three changes of its structure."""
    recipe, raw = json.loads(json.dumps(valid(rng))), []
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        holder, key = rng.choice(places(recipe))
        match rng.randrange(9):
            case 0:
                holder.pop(key)
            case 1:
                holder[key] = rng.choice((None, True, 0, -1, 1e300, 2**62, "", "x" * 5000, [], {}, [[]], [1, 0]))
            case 2:
                holder[key] = rng.choice(WORDS)
            case 3:
                raw.append(rng.choice(RAW))
                holder[key] = f"raw {len(raw) - 1}"
            case 4 if isinstance(holder, dict):
                holder[rng.choice(WORDS)] = holder.pop(key)
            case 5 if isinstance(holder, list):
                holder.reverse()  # such as the two ends of a range
            case 6:
                holder[key] = [holder[key]] * rng.choice((2, 40))
            case 7:
                holder[key] = json.loads("[" * 200 + "]" * 200)
            case _:
                holder[key] = json.dumps(holder[key])
    text = json.dumps(recipe, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 2)))
    for number, what in enumerate(raw):
        text = text.replace(f'"raw {number}"', what)
    if rng.random() < 0.05:
        text = text.replace('"steps"', '"steps": [], "steps"', 1)  # a key that occurs twice
    return text.replace("\n", "\r\n") if rng.random() < 0.2 else text


def content_of(rng: random.Random) -> bytes:
    content = text_of(rng).encode(rng.choice(ENCODINGS), "replace")
    return mutated(content, rng) if rng.random() < 0.3 else content


def test_recipes_are_followed_or_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, missing = tmp_path / "recipe.json", tmp_path / "none.jpg"
    for number, rng in trials("recipes", share=0.5):
        file.write_bytes(content_of(rng))
        with told(number, file.read_bytes()[:2000]):
            refused = ""
            try:
                recipe = Recipe.read(file)
            except RecipeError as error:
                refused = error.message
            assert refused or Recipe.from_json(recipe.to_json()) == recipe
            with suppress(DioptreError):
                photo.inspect(file)
            code = run(["inspect", str(file)])
            said = capsys.readouterr()
            assert code in (0, 1)
            assert "Something went wrong" not in said.err, said.err
            code = run(["run", str(missing), "--recipe", str(file), "-o", str(tmp_path / "out")])
            said = capsys.readouterr()
            assert code in (1, 2)
            assert "Something went wrong" not in said.err, said.err
            words = file.name if refused else "does not exist"
            assert words in said.err, said.err
        count("recipe", "read, inspected and run", "refused in a sentence" if refused else "followed")
