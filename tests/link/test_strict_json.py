"""JSON of others is limited in one place: numbers that fit 64 bits, and few levels."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest

from dioptre_link import strict_json
from dioptre_link.errors import DioptreError
from dioptre_link.recipe import Recipe, RecipeError
from dioptre_link.records import Record, depth_metres, metres_by_content
from dioptre_link.strokes import checked_strokes
from tests.tracked import ROOT, tracked

HUGE = ("1" + "0" * 400, "-" + "9" * 5000, "1e400", "-1e999", "NaN", "Infinity", "-Infinity", "1" * 20)
DEEP = tuple("[" * levels + "]" * levels for levels in (66, 400, 100_000))
OWN = {  # what Dioptre wrote for itself alone; inodes have up to 128 bits
    "core/dioptre/photo/publish.py",
    "core/dioptre/photo/child.py",
    "core/dioptre/models/moge2/module.py",
    "core/dioptre_link/language.py",
    "core/dioptre_link/paths.py",
    "core/dioptre_link/strict_json.py",
}


def _record(*ranges: str) -> bytes:
    """Return a document's record with a depth layer for each range."""
    entries = [
        '{"operation": "depth", "options": {}, "inputs": {"picture": {"id": 1, "name": "p"}}, "models": {}, '
        f'"outputs": {{"depth": {{"id": {number}, "name": "d", "sha256": "a"}}}}, "when": "", "id": "{number}", '
        f'"values": {{"depth_range_per_m": {limits}}}}}'
        for number, limits in enumerate(ranges)
    ]
    return f'{{"version": 2, "results": [{", ".join(entries)}]}}'.encode()


@pytest.mark.parametrize("text", [*HUGE, *DEEP])
def test_what_is_out_of_range_is_refused(text: str) -> None:
    for around in ("{}", '{{"a": [1, {}]}}'):
        with pytest.raises(ValueError, match=r"digits|finite|JSON|deep"):
            strict_json.parsed(around.format(text))


def test_what_fits_is_read_as_it_is() -> None:
    for value in (2**63, -(2**63), 1.7e308, 5e-324, "9" * 10_000, [[[[]]]], json.loads("[" * 64 + "]" * 64)):
        assert strict_json.parsed(json.dumps(value)) == value


@pytest.mark.parametrize("text", [*(f"[{number}, 1]" for number in HUGE), *DEEP[:2], "[true, 2]", '["1", 2]'])
def test_a_number_out_of_range_damages_its_own_entry_only(text: str) -> None:
    """The metres of every open document are compared, so a damaged one would stop the jobs of all."""
    stored = [_record("[0.1, 1]", text)]
    record = Record(lambda: stored[-1], stored.append)
    entries = record.load()
    assert entries[0].id == "0"
    assert [checksum for checksum, _ in metres_by_content(entries)] == ["a"]
    assert depth_metres(entries, 1) is None
    record.save(entries)
    assert record.load() == entries


@pytest.mark.parametrize("number", [*HUGE, "1e308", *DEEP, "true"])
@pytest.mark.parametrize(
    "recipe",
    [
        '{"version": 2, "steps": [{"operation": "depth"}], "depth_range_per_m": [0, %s, 1]}',
        '{"version": 2, "steps": [{"operation": "depth"}], "invented": %s}',
        '{"version": 2, "steps": [{"operation": "depth"}], "files": {"a": {"bytes": %s}}}',
        '{"version": 1, "steps": [{"operation": "white_balance", "options": {"tint": %s}}]}',
        '{"version": 2, "steps": [{"operation": "white_balance", "options": {"tint": [%s]}}]}',
        '{"version": %s, "steps": [{"operation": "depth"}]}',
    ],
)
def test_a_recipe_with_a_number_out_of_range_is_refused_in_words(recipe: str, number: str) -> None:
    with pytest.raises(RecipeError):
        Recipe.from_json(recipe % number)


@pytest.mark.parametrize("number", [*HUGE, *DEEP, "true"])
@pytest.mark.parametrize("points", ['"radius": %s, "points": [[1, 2]]', '"radius": 2, "points": [[1, %s]]'])
def test_a_stroke_out_of_range_is_refused_in_words(points: str, number: str) -> None:
    with pytest.raises(DioptreError):
        checked_strokes('[{"keep": true, %s}]' % (points % number))


def _parses_json(node: Any) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("loads", "load") and ast.unparse(node.value) == "json"


def test_no_other_module_parses_the_json_of_others() -> None:
    parsing = {
        path.relative_to(ROOT).as_posix()
        for path in tracked()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in ("core", "plugin")
        if any(map(_parses_json, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert parsing == OWN
