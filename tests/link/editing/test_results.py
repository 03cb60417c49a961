"""The results in a document and their layers: which are updated, edited and replaced."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.editing import refusals
from dioptre_link.editing.results import Results, to_edit, to_replace
from dioptre_link.errors import RefusedError, UsageError
from dioptre_link.records import GROUP, Entry, Link

PARENTS = {"photo": "", "result": "group", "depth": "group", "group": "", "other": ""}


class Document(Results[str]):
    """A document whose layers are their own ids."""

    def __init__(self, *entries: Entry) -> None:
        self.stored = b""
        self.gone: set[str] = set()
        self.areas: dict[str, int] = {}
        self.masked: set[str] = set()
        super().__init__(lambda: self.stored, lambda data: setattr(self, "stored", data))
        self.save(entries)

    def find(self, link: Link | None) -> str | None:
        return None if link is None or link.id in self.gone else str(link.id)

    def id_of(self, layer: str) -> str:
        return layer

    def parent_of(self, layer: str) -> str | None:
        return PARENTS[layer] or None

    def below(self, layer: str) -> list[str]:
        beside = [one for one in PARENTS if PARENTS[one] == PARENTS[layer]]
        return beside[beside.index(layer) + 1 :]

    def area_of(self, layer: str) -> int:
        return self.areas.get(layer, 100)

    def is_masked(self, layer: str) -> bool:
        return layer in self.masked


def entry(
    *, operation: str = "portrait", picture: str = "photo", depth: str = "", outputs: str = "result"
) -> Entry:
    given = {"picture": picture} | ({"disparity": depth} if depth else {})
    return Entry(
        operation=operation,
        options={},
        inputs={name: Link(id=id_, name=id_.title()) for name, id_ in given.items()},
        outputs={name: Link(id=name, name=name) for name in outputs.split()},
    )


def test_a_layer_concerns_its_result_and_belongs_to_it() -> None:
    one, document = entry(outputs="group"), Document()
    assert [document.concerns(one, layer) for layer in ("photo", "depth", "group", "other", None)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert [document.belongs(one, layer) for layer in ("photo", "depth", "group")] == [False, True, True]


def test_the_top_of_a_result_is_its_group_or_what_remains() -> None:
    one, document = entry(outputs=f"depth result {GROUP}"), Document()
    for wanted in ("group", "result", "depth"):
        assert document.top(one) == wanted
        document.gone.add(wanted)
    assert document.layers(one) == []


def test_the_inputs_of_a_result_must_be_there() -> None:
    blur, document = entry(operation="lens_blur", depth="depth"), Document()
    assert (document.picture(blur), document.given_depth(blur)) == ("photo", "depth")
    assert document.given_depth(entry()) is None
    document.gone |= {"photo", "depth"}
    with pytest.raises(RefusedError, match="picture layer “Photo” was deleted"):
        document.picture(blur)
    with pytest.raises(RefusedError, match="depth layer “Depth” was deleted"):
        document.given_depth(blur)


def test_all_results_of_the_selected_layers_are_updated() -> None:
    one, two = entry(), entry(operation="depth", outputs="depth")
    document = Document(one, two)
    assert document.to_update(["photo"]) == [one, two]
    assert document.to_update(["result", None]) == [one]
    document.gone.add("result")
    assert document.to_update(["photo"]) == [two]
    for empty, expected in ((document, refusals.not_a_result()), (Document(), refusals.nothing_made_yet())):
        with pytest.raises(RefusedError) as refused:
            empty.to_update(["other"])
        assert (refused.value.message, refused.value.hint) == (expected.message, expected.hint)


def test_the_newest_result_is_edited_or_replaced() -> None:
    entries = [entry(), entry(), entry(operation="from-a-newer-dioptre")]
    assert to_edit(entries, lambda _: True) is entries[1]
    with pytest.raises(UsageError, match="from-a-newer-dioptre"):
        to_edit(entries[2:], lambda _: True)
    assert to_replace(entries, OPERATIONS["portrait"], "photo", lambda one: one is not entries[1]) is entries[0]
    assert to_replace(entries, OPERATIONS["portrait"], "other", lambda _: True) is None
    for given, expected in (([], refusals.nothing_made_yet()), (entries, refusals.not_a_result())):
        with pytest.raises(RefusedError) as refused:
            to_edit(given, lambda _: False)
        assert refused.value.message == expected.message


def test_a_layer_is_placed_in_the_visible_picture_below_it_but_not_in_depth_or_another_placed_layer() -> None:
    placed = entry(operation="place", outputs=GROUP)
    document = Document(placed)
    assert document.photo_below("photo", "Photo") == "other"
    with pytest.raises(RefusedError, match="no photo below the layer “Text”"):
        document.photo_below("other", "Text")
    assert document.photo_below("result", "Result") == "depth"
    document.areas = {"depth": 20}  # like another text
    assert document.photo_below("result", "Result") == "other"
    assert Document(entry(outputs="depth")).photo_below("result", "Result") == "other"


def test_a_result_is_not_placed_in_its_own_picture() -> None:
    document = Document(entry(picture="other", outputs=f"result {GROUP}"))
    with pytest.raises(RefusedError, match="“Blur” is a result of the photo below it"):
        document.photo_below("group", "Blur")
    document.areas["depth"] = 0
    with pytest.raises(RefusedError, match="“Result” is a result of the photo below it"):
        document.photo_below("result", "Result")
    document.masked = {"result"}
    assert document.photo_below("group", "Part") == "other"
    assert Document(entry(picture="other", outputs="result")).photo_below("group", "Cut-out") == "other"


def test_a_part_of_a_result_is_placed_in_its_picture() -> None:
    """A layer inside of the group, such as the subject that is cut out."""
    assert Document(entry(picture="other", outputs=f"result {GROUP}")).photo_below("depth", "Subject") == "other"


def test_a_placed_layer_stands_for_its_picture() -> None:
    document = Document(entry(operation="place", picture="other", outputs=f"result {GROUP}"))
    assert [document.unplaced(layer) for layer in ("group", "depth", "photo")] == ["other", "other", "photo"]
    document.gone.add("other")
    with pytest.raises(RefusedError, match="picture layer “Other” was deleted"):
        document.unplaced("group")


@pytest.mark.parametrize("outputs", ["result", f"result {GROUP}"])
def test_a_result_that_a_mask_limits_stands_for_its_picture(outputs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    document = Document(entry(operation="haze", picture="other", outputs=outputs))
    found = "result" if outputs == "result" else "group"
    monkeypatch.setattr(document, "below", lambda _: [found])
    assert document.photo_below("photo", "Text") == found
    document.masked = {"result"}
    assert document.photo_below("photo", "Text") == "other"
    document.gone.add("other")
    assert document.photo_below("photo", "Text") == found


def test_a_placed_layer_is_found_again_and_replaced_by_itself_alone() -> None:
    one = entry(operation="place")
    one = replace(one, inputs={**one.inputs, "layer": Link(id="other", name="Text")})
    document = Document(one)
    assert (document.layer(one), document.layer(entry())) == ("other", None)
    assert to_replace([one], OPERATIONS["place"], "other", lambda _: True) is one
    assert to_replace([one], OPERATIONS["place"], "photo", lambda _: True) is None
    document.gone = {"other"}
    with pytest.raises(RefusedError, match="the layer “Text”, which it places, was deleted"):
        document.layer(one)
