"""The record of results that both plug-ins store in a document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from dioptre_link import records
from dioptre_link.catalogue import operation
from dioptre_link.chain import CHAIN
from dioptre_link.editing.refusals import input_gone
from dioptre_link.errors import DioptreError
from dioptre_link.metres import DepthMetres
from dioptre_link.records import Entry, Link, Record


class Document:
    """A fake document, which stores one record."""

    def __init__(self) -> None:
        self.kept = b""
        self.record = Record(lambda: self.kept, self._keep)

    def _keep(self, data: bytes) -> None:
        self.kept = data


def depth(picture: int, made: int) -> Entry:
    return Entry(
        operation="depth",
        options={"refine": True},
        inputs={"picture": Link(id=picture, name="Größe", sha256="ab", rect=(-1, 2, 30, 40))},
        outputs={"depth": Link(id=made, name="Depth")},
        models={"depth": "ff"},
    )


def test_entries_come_back_as_they_were_and_are_ascii() -> None:
    document = Document()
    assert document.record.load() == []
    first, second = depth(1, 2), depth(3, 4)
    document.record.add(first)
    document.record.add(second)
    assert document.kept.isascii()
    assert document.record.load() == [first, second]
    document.record.put(first, values={"light": 5})
    assert document.record.load() == [replace(first, values={"light": 5}), second]


def test_the_oldest_go_when_there_are_too_many() -> None:
    document = Document()
    entries = [depth(0, number) for number in range(records.MAX_ENTRIES + 5)]
    document.record.save(entries)
    assert document.record.load() == entries[5:]


@pytest.mark.parametrize(
    "data",
    [b"{", b"3", b"[]", b'{"version": 1, "results": 3}', b'{"version": 1, "results": [3]}', b"[" * 100_000],
    ids=range(6),
)
def test_a_damaged_record_is_logged_and_does_not_stop_the_next_result(
    data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    document = Document()
    document.kept = data
    assert document.record.load() == document.record.readable() == []
    assert "damaged" in caplog.text
    document.record.add(entry := depth(1, 2))
    assert document.record.load() == [entry]


HOSTILE = (None, [], {}, "x", "", True, -1, 10**400, 1e999, 0.5, [1], {"a": 1}, [[[]]], "\ud800")


def test_a_damaged_entry_never_hides_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """Every value of an entry, at any depth, is replaced by hostile ones, or is missing."""
    document = Document()
    portrait = replace(depth(1, 2), operation="portrait", options=operation("portrait").defaults(), values={"a": 1})
    chain = replace(
        depth(1, 4), operation=CHAIN, options={"title": "t", "steps": [{"operation": "depth", "options": {}}] * 2}
    )
    whole = depth(1, 8)
    document.record.save([portrait, chain, whole])
    stored = json.loads(document.kept)
    for at in [place for number in range(2) for place in places(stored["results"][number], ("results", number))]:
        for value in (*HOSTILE, places):  # the function stands for "missing"
            record = changed(deepcopy(stored), at, value, without=value is places)
            document.kept = json.dumps(record).encode()
            entries = document.record.load()
            assert whole in entries, (at, str(value)[:80])
            for entry in entries:
                use(entry, document.record)
    assert "an entry of Dioptre's results in a document is damaged" in caplog.text


def places(value: Any, at: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the keys that lead to each value inside `value`, itself included."""
    yield at
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield from places(one, (*at, key))


def changed(record: Any, at: tuple[Any, ...], value: Any, *, without: bool) -> Any:
    within = record
    for key in at[:-1]:
        within = within[key]
    if without:
        del within[at[-1]]
    else:
        within[at[-1]] = value
    return record


def use(entry: Entry, record: Record) -> None:
    """Ask an entry for whatever the plug-ins ask."""
    described = entry.known
    if described is not None:
        described.scaled(entry.options, 2.0)
        assert entry.described.title
    assert isinstance(entry.chosen_options, Mapping)
    assert entry.when[:16] is not None
    assert all(hash(link.id) is not None for link in (*entry.inputs.values(), *entry.outputs.values()))
    record.put(entry)
    entries = record.load()
    list(records.depth_links(entries, 1))
    list(records.picture_links(entries, 2))
    list(records.metres_by_content(entries))
    records.depth_metres(entries, 2)
    assert records.made_from(entries, 1)


def test_a_newer_record_is_said() -> None:
    document = Document()
    document.kept = json.dumps({"version": records.VERSION + 1, "results": []}).encode()
    with pytest.raises(DioptreError, match="newer version of Dioptre"):
        document.record.load()


def test_layers_are_looked_up_newest_first() -> None:
    blur = Entry(
        operation="lens_blur",
        options={},
        inputs={"picture": Link(id=1, name="Photo"), "disparity": Link(id=7, name="Mine")},
        outputs={"result": Link(id=8, name="Result"), records.GROUP: Link(id=9, name="Lens blur")},
    )
    entries = [depth(1, 2), blur, depth(3, 4), depth(1, 5)]
    assert [link.id for link in records.depth_links(entries, 1)] == [5, 7, 2]
    assert [link.id for link in records.picture_links(entries, 5)] == [1]
    assert list(records.picture_links(entries, 8)) == []
    assert records.made_from(entries, 1) == {2, 5, 8, 9}
    assert blur.layer_ids == {1, 7, 8, 9}


def test_a_depth_layer_keeps_the_metres_of_its_newest_result() -> None:
    values = {"depth_range_per_m": [0.05, 0.8], "focal_length_equivalent_mm": 28.0, "focal_length_source": "EXIF"}
    document = Document()
    document.record.add(replace(depth(1, 2), values=values))
    document.record.add(depth(1, 3))
    document.record.add(replace(depth(4, 2), outputs={"result": Link(id=9, name="Lens blur")}))
    entries = document.record.load()
    metres = records.depth_metres(entries, 2)
    assert metres == DepthMetres(range_per_m=(0.05, 0.8), equivalent_mm=28.0, source="EXIF")
    assert metres.to_values() == values
    assert records.depth_metres(entries, 3) is None
    assert records.depth_metres(entries, 9) is None
    estimated_again = replace(depth(1, 2), values={"depth_source": "estimate"})
    assert records.depth_metres([*entries, estimated_again], 2) is None


@pytest.mark.parametrize("limits", [None, 3, [1], [0.5, 0.2], [0.1, 0.1], [-1, 2], ["0", 1], [0, float("nan")]])
def test_a_damaged_record_of_metres_counts_as_none(limits: object) -> None:
    assert DepthMetres.of_values({"depth_range_per_m": limits}) is None


@pytest.mark.parametrize(
    ("name", "words"), [("picture", "picture layer “Photo”"), ("disparity", "depth layer “Mine”")]
)
def test_a_deleted_input_is_called_by_its_name(name: str, words: str) -> None:
    link = {"picture": Link(id=1, name="Photo"), "disparity": Link(id=7, name="Mine")}[name]
    error = input_gone(operation("lens_blur"), name, name=link.name)
    assert f"its {words} was deleted" in error.message


def test_the_record_names_the_network_that_best_stood_for() -> None:
    document = Document()
    values = {records.BEST_NETWORK: "moge-2-vits-normal"}
    best = replace(depth(1, 2), options={"depth_model": "best", "refine": True}, values=values)
    document.record.add(best)
    (entry,) = document.record.load()
    assert entry.options == {"depth_model": "moge-2-vits-normal", "refine": True}
    assert entry.chosen_options == best.options
    document.record.put(entry, values={"light": 5})  # Update requests the named network.
    (entry,) = document.record.load()
    assert (entry.options["depth_model"], entry.values["light"]) == ("moge-2-vits-normal", 5)
    assert entry.chosen_options == best.options
    document.record.put(entry, options=best.options, values={records.BEST_NETWORK: "dioptre-depth-small"})
    assert document.record.load()[0].options["depth_model"] == "dioptre-depth-small"
    steps = [
        {"operation": "depth", "options": {"depth_model": "best"}},
        {"operation": "lens_blur", "options": {"depth_model": "default"}},
        {"operation": "white_balance", "options": {}},
    ]
    chain = replace(best, id="other", operation="recipe", options={"title": "Mine", "steps": steps})
    document.record.add(chain)
    written = document.record.load()[1].options["steps"]
    assert [step["options"].get("depth_model") for step in written] == ["moge-2-vits-normal", "default", None]


def test_an_entry_of_an_older_version_means_the_same() -> None:
    document = Document()
    entry = Entry(
        operation="white_balance",
        options={"temperature": 5000.0, "tint": 0.01},
        inputs={"picture": Link(id=1, name="Photo")},
        outputs={"result": Link(id=8, name="Result")},
        values={"tint": 0.01, "duv": 0.01},
    )
    document.record.save([entry])
    kept = json.loads(document.kept)
    document.kept = json.dumps({**kept, "version": 1}).encode("ascii")
    (loaded,) = document.record.load()
    assert loaded.options == {"temperature": 5000.0, "tint": 30}
    assert loaded.values == {"tint": 30, "duv": 0.01}
    document.record.save([loaded])
    assert document.record.load() == [loaded]
