"""The plug-in's logic, tested with a fake Krita: refusals, layers, the record and colour spaces."""

from __future__ import annotations

import array
import types
from collections.abc import Iterator
from dataclasses import replace

import pytest

from .fake_krita import Document, Krita, Node, Selection
from .logic import HEIGHT, SRGB, WIDTH, made, names, outcome, photo, read, refused


def test_spaces_the_worker_takes(plugin: types.SimpleNamespace) -> None:
    wire = plugin.document.wire_format
    space = plugin.document.Space
    assert (wire(space("RGBA", "U8", SRGB)).order, wire(space("RGBA", "U16", SRGB)).order) == ("bgr", "bgr")
    floats = wire(space("RGBA", "F32", "sRGB-elle-V2-g10.icc"))
    assert (floats.dtype, floats.order, floats.encoding) == ("f32", "rgb", "linear")
    assert wire(space("GRAYA", "U16", "Gray-D50-elle-V2-g10.icc")).channels == 2
    for other in (("RGBA", "U8", "ClayRGB-elle-V2-g22.icc"), ("CMYKA", "U8", "x"), ("LABA", "F32", "x")):
        assert wire(space(*other)) is None
    assert wire(plugin.document.EXCHANGE) is not None
    assert wire(plugin.document.DEPTH).encoding == "srgb"


def test_refusals_in_words(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    assert "No document" in refused(plugin, "depth", None, None)
    assert "No layer" in refused(plugin, "depth", document, None)
    assert "needs a depth layer" in refused(plugin, "repair_depth", document, node)
    assert "same layer" in refused(plugin, "lens_blur", document, node, node)
    empty = document.createNode("empty", "paintlayer")
    document.rootNode().addChildNode(empty, None)
    assert "is empty" in refused(plugin, "depth", document, empty)
    group = document.createGroupLayer("group")
    document.rootNode().addChildNode(group, None)
    inner = document.createNode("inner", "paintlayer")
    group.addChildNode(inner, None)
    group.setLocked(True)
    assert "group" in refused(plugin, "depth", document, inner)
    document.setSelection(Selection(100, 100, 3, 3))
    assert "outside" in refused(plugin, "depth", document, node)
    document.setSelection(None)
    grey = Node("Grey", "paintlayer", ("GRAYA", "U8", "Gray-D50-elle-V2-srgbtrc.icc"))
    grey.setPixelData(bytes((9, 255)) * (WIDTH * HEIGHT), 0, 0, WIDTH, HEIGHT)
    document.rootNode().addChildNode(grey, None)
    assert "no colour cast" in refused(plugin, "white_balance", document, grey)
    document.setSelection(Selection(0, 0, 3, 3))
    assert "whole layer" in refused(plugin, "super_resolution", document, node)


def test_a_mask_stands_for_its_layer(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    mask = document.createTransparencyMask("mask")
    node.addChildNode(mask, None)
    source = read(plugin, plugin.catalogue.operation("depth"), document, mask)
    assert source.picture.node == node.uniqueId().toString()
    assert not source.plain
    assert "has masks" in refused(plugin, "super_resolution", document, node)


@pytest.mark.parametrize(("alpha", "plain"), [(255, True), (254, False)])
def test_only_an_opaque_source_is_plain(
    plugin: types.SimpleNamespace, document: Document, alpha: int, plain: bool
) -> None:
    node = photo(document, alpha=alpha)
    assert read(plugin, plugin.catalogue.operation("depth"), document, node).plain is plain
    made(plugin, "portrait", document, node)
    assert node.visible() is plain


def test_group_above_its_source_and_record(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document, rect=(-2, 3, WIDTH, HEIGHT))
    above = photo(document)
    group = made(plugin, "portrait", document, node)
    assert document.rootNode().childNodes() == [node, group, above]
    assert names(group) == ["Depth", "Result"]
    depth, result = group.childNodes()
    assert (depth.colorModel(), depth.colorDepth(), depth.visible()) == ("GRAYA", "F32", False)
    assert (result.bounds().x(), result.bounds().y()) == (-2, 3)
    (entry,) = plugin.document.record_of(document).load()
    assert entry.operation == "portrait"
    assert set(entry.outputs) == {"result", "depth", "group"}
    assert plugin.document.record_of(document).concerns(entry, depth)
    assert plugin.document.record_of(document).concerns(entry, node)
    assert not plugin.document.record_of(document).concerns(entry, above)
    second = made(plugin, "portrait", document, node)
    assert document.rootNode().childNodes() == [node, group, second, above]
    assert Krita.instance().documents() == [document]  # No document used for conversions remains.


def test_another_operation_on_the_source_does_not_hide_an_earlier_result(
    plugin: types.SimpleNamespace, document: Document
) -> None:
    node = photo(document)
    depth = made(plugin, "depth", document, node, roles=("depth",))
    blur = made(plugin, "portrait", document, node)
    said: list[str] = []
    balanced = made(plugin, "white_balance", document, node, roles=("result",), said=said)
    assert document.rootNode().childNodes() == [node, depth, balanced, blur]
    assert "“Portrait blur” hides the result" in said[0]
    second = made(plugin, "portrait", document, node, said=said)
    assert document.rootNode().childNodes() == [node, depth, balanced, blur, second]
    assert said[1:] == []
    blur.setVisible(False)
    second.setVisible(False)
    made(plugin, "white_balance", document, node, roles=("result",), said=said)
    assert said[1:] == []


def test_an_enlarged_layer_says_that_the_canvas_is_smaller(
    plugin: types.SimpleNamespace, document: Document
) -> None:
    said: list[str] = []
    made(plugin, "super_resolution", document, photo(document), roles=("result",), scale=2, said=said)
    assert "12 × 8 pixels" in said[0]
    assert "Trim to Current Layer" in said[1]
    document._size = 12, 8
    made(plugin, "super_resolution", document, photo(document), roles=("result",), scale=2, said=said)
    assert said[2:] == said[:1]


def test_the_depth_of_a_result_is_that_behind_it(plugin: types.SimpleNamespace, document: Document) -> None:
    group = made(plugin, "portrait", document, photo(document))
    entries = plugin.document.record_of(document).load()
    for node in (group, group.childNodes()[-1]):
        assert plugin.document.depth_of(document, entries, node) is group.childNodes()[0]


def test_selection_becomes_a_mask_and_cuts_nothing(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    document.setSelection(Selection(1, 1, 2, 2))
    result = made(plugin, "portrait", document, node).childNodes()[-1]
    (mask,) = result.childNodes()
    assert mask.pixelData(0, 0, WIDTH, HEIGHT).count(255) == 4
    assert set(result.pixelData(0, 0, WIDTH, HEIGHT)[3::4]) == {255}
    assert node.visible()


def test_taking_the_place_of_a_source(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    node.setOpacity(99)
    node.setBlendingMode("multiply")
    node.addChildNode(document.createTransparencyMask("mine"), None)
    document.setSelection(Selection(1, 1, 2, 2))
    group = made(plugin, "portrait", document, node)
    assert (group.opacity(), group.blendingMode(), node.visible()) == (99, "multiply", False)
    assert names(group) == ["Photo", "Depth", "Result"]
    copy, _, result = group.childNodes()
    assert (names(copy), names(result)) == (["mine", "Selection"], ["mine", "Selection"])
    covers, shows = (node.childNodes()[-1].pixelData(0, 0, WIDTH, HEIGHT) for node in (result, copy))
    assert covers == bytes(255 - value for value in shows)


def test_a_new_group_is_composited(plugin: types.SimpleNamespace, document: Document) -> None:
    """Krita shows several layers in a new group only after a refresh."""
    made(plugin, "portrait", document, photo(document))
    assert document.refreshed == 1


def test_record_is_ascii_survives_and_is_checked(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    made(plugin, "depth", document, node, roles=("depth",))
    (entry,) = plugin.document.record_of(document).load()
    named = replace(entry.inputs["picture"], name="Größe")
    plugin.document.record_of(document).put(entry, inputs={"picture": named})
    assert document.annotation("dioptre").isascii()
    assert plugin.document.record_of(document).load()[0].inputs["picture"] == named
    document.setAnnotation("dioptre", "", b"{")
    assert plugin.document.record_of(document).load() == []
    document.setAnnotation("dioptre", "", b'{"version": 99, "results": []}')
    with pytest.raises(plugin.errors.DioptreError, match="newer"):
        plugin.document.record_of(document).load()


def test_grey_and_alpha(plugin: types.SimpleNamespace) -> None:
    both = array.array("f", plugin.transfer.with_alpha(array.array("f", [0.25, 0.5]).tobytes()))
    assert list(both) == [0.25, 1.0, 0.5, 1.0]


def test_wrong_lengths_are_not_swallowed(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    with pytest.raises(ValueError, match="takes"):
        plugin.document.write(node, plugin.document.Rect(0, 0, 2, 2), b"short")


def test_scripts_learn_which_parts_of_an_old_recipe_are_ignored(
    plugin: types.SimpleNamespace, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    manager = types.SimpleNamespace(undo_sync=plugin.undo_sync.UndoSync(None))
    monkeypatch.setattr(plugin.jobs, "job_manager", lambda: manager)
    monkeypatch.setattr(plugin.scripting, "say", said.append)
    monkeypatch.setattr(plugin.scripting, "compute", lambda *_: outcome(plugin, roles=("result",), scale=2))
    options = {"scale": 2.0, "undo_sharpening": True}
    steps = [{"operation": "super_resolution", "options": options}]
    node = photo(document)
    plugin.scripting.follow({"version": 2, "steps": steps}, document=document, node=node)
    assert said == ["The option undo_sharpening no longer exists and is ignored."]
    del options["undo_sharpening"]
    plugin.scripting.follow({"version": 2, "steps": steps}, document=document, node=node)
    assert len(said) == 1


@pytest.mark.parametrize("what", ["start", "stop", "turn"])
def test_what_krita_does_in_the_middle_of_a_step(plugin: types.SimpleNamespace, what: str) -> None:
    """Krita may process events inside a call: the user chooses another operation, or the timer fires again."""
    stepper, ended, closed = plugin.jobs.Stepper(), [], []

    def first() -> Iterator[None]:
        try:
            {
                "start": lambda: stepper.start(second(), ended.append, ended.append),
                "stop": stepper.stop,
                "turn": stepper._turn,
            }[what]()
            yield
            ended.append("went on")
        finally:
            closed.append("first")

    def second() -> Iterator[None]:
        yield
        ended.append("second")

    stepper.start(first(), lambda _: ended.append("done"), ended.append)
    for _ in range(3):
        stepper._turn()
    assert closed == ["first"]
    assert ended == {"start": ["second", None], "stop": [], "turn": ["went on", "done"]}[what]
    assert not stepper.busy
