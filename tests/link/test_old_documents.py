"""Documents and recipes of format 1, as written by version 0.1.0, still open and keep their meaning.

`record.json` and the recipes were written by the code of that version, the XCF and KRA files by its plug-ins in
GIMP 3.2 and Krita 5.3, each with a portrait, a depth layer, a lens blur and a white balance. The checks inside the
editors update and edit the same two files.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dioptre_link import records
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.editing import state
from dioptre_link.recipe import VERSION, Recipe
from dioptre_link.records import Entry, Record

OLD = Path(__file__).with_name("old")
PLUGINS = Path(__file__).parents[1] / "plugin"
OF_1 = ("portrait", "depth", "repair_depth", "lens_blur", "white_balance", "super_resolution")


@pytest.fixture
def kept() -> list[bytes]:
    """The record in a document, as its editor reads and writes it."""
    return [(OLD / "record.json").read_bytes()]


def in_xcf() -> bytes:
    """Return the record in the XCF file, a parasite that ends with a NUL byte."""
    data = (PLUGINS / "gimp/inside/version-0.1.0.xcf").read_bytes()
    return data[data.index(b'{"version"') :].partition(b"\0")[0]


def in_kra() -> bytes:
    """Return the record in the KRA file."""
    with zipfile.ZipFile(PLUGINS / "krita/inside/version-0.1.0.kra") as archive:
        return archive.read("check/annotations/dioptre")


def entries(kept: list[bytes]) -> dict[str, Entry]:
    return {entry.operation: entry for entry in record(kept).load()}


def meaning(entry: Entry) -> dict[str, Any]:
    """Return all current options, as Update uses them."""
    return dict(entry.described.check(entry.options))


def record(kept: list[bytes]) -> Record:
    return Record(lambda: kept[0], lambda data: kept.__setitem__(0, data))


def test_every_result_of_an_old_document_is_known_for_update(kept: list[bytes]) -> None:
    old = entries(kept)
    assert sorted(old) == sorted(OF_1)
    for name, entry in old.items():
        assert entry.known is OPERATIONS[name]
        assert set(entry.inputs) >= {"picture"}
        assert {role.value for role in OPERATIONS[name].outputs} | {records.GROUP} >= set(entry.outputs)
    assert meaning(old["white_balance"])["tint"] == 36  # The old value was 0.012 Duv.
    # The old entry has no number, which meant that there was no focus range.
    assert meaning(old["lens_blur"])["focus_range"] == 0
    assert meaning(old["portrait"])["focus"] == (120.0, 80.0)
    assert meaning(old["portrait"])["blades"] == 6
    assert meaning(old["portrait"])["strokes"] == ()  # The option was added later.


@pytest.mark.parametrize("name", OF_1)
def test_edit_opens_with_the_old_options(name: str, kept: list[bytes]) -> None:
    entry = entries(kept)[name]
    opened = state.opened(entry.described, entry.options, replaces=entry.id)
    assert dict(opened.options) == meaning(entry)
    assert opened.replaces == entry.id


@pytest.mark.parametrize("read", [in_xcf, in_kra])
def test_the_results_in_an_editors_document_keep_their_options(read: Callable[[], bytes]) -> None:
    assert json.loads(read())["version"] == 1
    found = entries([read()])
    assert list(found) == ["portrait", "depth", "lens_blur", "white_balance"]
    portrait, blur, white = (meaning(found[name]) for name in ("portrait", "lens_blur", "white_balance"))
    assert (portrait["f_number"], portrait["focus"], portrait["blades"]) == (1.4, (60.0, 50.0), 6)
    assert (blur["focal_disparity"], blur["max_radius"]) == (0.9, 8.0)
    assert (white["temperature"], white["tint"]) == (4300.0, 36)  # The old tint was 0.012 Duv.
    for entry in found.values():
        opened = state.opened(entry.described, entry.options, replaces=entry.id)
        assert dict(opened.options) == meaning(entry)


def test_a_new_result_leaves_the_old_ones_in_the_record(kept: list[bytes]) -> None:
    before = entries(kept)
    added = Entry(operation="depth", options={}, inputs=before["depth"].inputs, outputs={})
    record(kept).add(added)
    assert json.loads(kept[0])["version"] == records.VERSION
    after = record(kept).load()
    assert after[:-1] == list(before.values())
    assert after[-1].id == added.id


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("recipe.json", ["white_balance", "portrait", "super_resolution"]),
        ("recipe-by-hand.json", ["depth", "lens_blur"]),
    ],
)
def test_an_old_recipe_runs_as_it_did(file: str, names: list[str], kept: list[bytes]) -> None:
    recipe = Recipe.from_json((OLD / file).read_text(encoding="utf-8"))
    assert [step.operation for step in recipe.steps] == names
    recorded = entries(kept)
    for step in recipe.steps:
        assert dict(step.options) == meaning(recorded[step.operation])
    again = Recipe.from_json(recipe.to_json())
    assert again == recipe
    assert json.loads(recipe.to_json())["version"] == VERSION
