"""The plug-in's logic against a fake Krita: refusals, layers, the record, Update's plans, colour spaces."""

from __future__ import annotations

import array
import importlib
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from . import fake_krita
from .fake_krita import Document, Krita, Node, Selection

SRGB = "sRGB-elle-V2-srgbtrc.icc"
WIDTH, HEIGHT = 6, 4
PACKAGE = "dioptre_in_krita"


@pytest.fixture(scope="module")
def plugin(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[types.SimpleNamespace]:
    """The plug-in's modules, as installed, without its registration in Krita."""
    folder = tmp_path_factory.mktemp("pykrita") / PACKAGE
    from ...editors.host import install_plugin

    install_plugin(checkout / "plugin/krita/dioptre", folder)
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[PACKAGE] = package
    names = ("spaces", "recipe", "sources", "link", "layers", "keeper", "jobs", "updating", "enlarge")
    with fake_krita.installed():
        loaded = {name: importlib.import_module(f"{PACKAGE}.{name}") for name in names}
        for name in ("operations", "errors"):
            loaded[name] = importlib.import_module(f"{PACKAGE}.dioptre_link.{name}")
        yield types.SimpleNamespace(**loaded)
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def document() -> Iterator[Document]:
    made = Krita.instance().createDocument(WIDTH, HEIGHT, "", "RGBA", "U8", SRGB, 72.0)
    yield made
    Krita.instance()._documents.clear()


def photo(document: Document, *, alpha: int = 255, rect: tuple[int, int, int, int] = (0, 0, WIDTH, HEIGHT)) -> Node:
    node = document.createNode("Photo", "paintlayer")
    node.setPixelData(bytes((10, 20, 30, alpha)) * (rect[2] * rect[3]), *rect)
    document.rootNode().addChildNode(node, None)
    return node


def refused(plugin: types.SimpleNamespace, name: str, *given: Any, **options: Any) -> str:
    with pytest.raises(plugin.errors.DioptreError) as caught:
        plugin.sources.find(plugin.operations.operation(name), *given, **options)
    return str(caught.value.message)


def outcome(plugin: types.SimpleNamespace, *, roles: tuple[str, ...] = ("result", "depth"), scale: int = 1) -> Any:
    role = plugin.operations.Role
    width, height = WIDTH * scale, HEIGHT * scale
    grey = plugin.link.with_alpha(array.array("f", [0.25] * (width * height)).tobytes())
    data = {"result": bytes((1, 2, 3, 255)) * (width * height), "depth": grey}
    return plugin.link.Outcome(
        layers=tuple(
            plugin.link.Made(
                name=one.title(),
                role=role(one),
                visible=one == "result",
                width=width,
                height=height,
                data=data[one],
            )
            for one in roles
        ),
        values={"focal_disparity": 0.5},
    )


def made(plugin: types.SimpleNamespace, name: str, document: Document, node: Node, **of: Any) -> Node:
    """What a run makes of its outcome."""
    described = plugin.operations.operation(name)
    source = plugin.sources.find(described, document, node)
    steps = plugin.jobs.make_layers(described, described.check({}), source, outcome(plugin, **of))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            top: Node = end.value[0]
            return top


def names(node: Node) -> list[str]:
    return [child.name() for child in node.childNodes()]


def test_spaces_the_worker_takes(plugin: types.SimpleNamespace) -> None:
    wire = plugin.spaces.wire_format
    space = plugin.spaces.Space
    assert (wire(space("RGBA", "U8", SRGB)).order, wire(space("RGBA", "U16", SRGB)).order) == ("bgr", "bgr")
    floats = wire(space("RGBA", "F32", "sRGB-elle-V2-g10.icc"))
    assert (floats.dtype, floats.order, floats.encoding) == ("f32", "rgb", "linear")
    assert wire(space("GRAYA", "U16", "Gray-D50-elle-V2-g10.icc")).channels == 2
    for other in (("RGBA", "U8", "ClayRGB-elle-V2-g22.icc"), ("CMYKA", "U8", "x"), ("LABA", "F32", "x")):
        assert wire(space(*other)) is None
    assert wire(plugin.spaces.EXCHANGE) is not None
    assert wire(plugin.spaces.DEPTH).encoding == "srgb"


def test_refusals_in_words(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    assert "no document" in refused(plugin, "depth", None, None)
    assert "No layer" in refused(plugin, "depth", document, None)
    assert "needs a depth layer" in refused(plugin, "lens_blur", document, node)
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
    document.setSelection(Selection(0, 0, 3, 3))
    assert "whole layer" in refused(plugin, "super_resolution", document, node)


def test_a_mask_stands_for_its_layer(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    mask = document.createTransparencyMask("mask")
    node.addChildNode(mask, None)
    source = plugin.sources.find(plugin.operations.operation("depth"), document, mask)
    assert source.picture.node == node.uniqueId().toString()
    assert not source.plain
    assert "has masks" in refused(plugin, "super_resolution", document, node)


@pytest.mark.parametrize(("alpha", "plain"), [(255, True), (254, False)])
def test_only_an_opaque_source_is_plain(
    plugin: types.SimpleNamespace, document: Document, alpha: int, plain: bool
) -> None:
    node = photo(document, alpha=alpha)
    source = plugin.sources.find(plugin.operations.operation("depth"), document, node)
    assert source.plain is plain
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
    (entry,) = plugin.recipe.load(document)
    assert entry.operation == "portrait"
    assert set(entry.outputs) == {"result", "depth", "group"}
    assert entry.concerns(depth)
    assert entry.concerns(node)
    assert not entry.concerns(above)
    second = made(plugin, "portrait", document, node)
    assert document.rootNode().childNodes() == [node, group, second, above]
    assert Krita.instance().documents() == [document]  # none that conversions were made in is left


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
    assert (names(copy), names(result)) == (["mine"], ["mine", "Selection"])


def test_keeper_follows_undo_and_redo(plugin: types.SimpleNamespace, document: Document) -> None:
    node, group = photo(document), document.createGroupLayer("group")
    document.rootNode().addChildNode(group, node)
    keeper = plugin.keeper.Keeper(None)
    keeper.watch(document, node, group)
    node.setVisible(False)
    keeper.look()
    assert not node.visible()
    group.remove()
    keeper.look()
    assert node.visible()
    document.rootNode().addChildNode(group, node)
    keeper.look()
    assert not node.visible()


def test_what_is_gone_when_the_result_comes(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    described = plugin.operations.operation("depth")
    source = plugin.sources.find(described, document, node)
    node.remove()
    with pytest.raises(plugin.errors.DioptreError, match="deleted"):
        list(plugin.jobs.make_layers(described, {}, source, outcome(plugin, roles=("depth",))))
    document.close()
    with pytest.raises(plugin.errors.DioptreError, match="closed"):
        list(plugin.jobs.make_layers(described, {}, source, outcome(plugin, roles=("depth",))))
    Krita.instance()._documents.append(document)


def test_update_plans(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    with pytest.raises(plugin.errors.DioptreError, match="not made anything"):
        plugin.updating.plan(document, node)
    group = made(plugin, "portrait", document, node)
    depth = group.childNodes()[0]
    ((_, source),) = plugin.updating.plan(document, group)
    assert source.depth is None  # not painted on: made again
    depth.setPixelData(array.array("f", [0.5, 1.0] * (WIDTH * HEIGHT)).tobytes(), 0, 0, WIDTH, HEIGHT)
    ((entry, source),) = plugin.updating.plan(document, depth)
    assert source.depth is not None
    assert source.depth.node == depth.uniqueId().toString()
    painted = depth.pixelData(0, 0, WIDTH, HEIGHT)
    list(plugin.updating.apply([(entry, source)], [outcome(plugin)]))
    assert depth.pixelData(0, 0, WIDTH, HEIGHT) == painted
    stranger = photo(document)
    with pytest.raises(plugin.errors.DioptreError, match="was not made by"):
        plugin.updating.plan(document, stranger)
    group.childNodes()[-1].setLocked(True)
    with pytest.raises(plugin.errors.DioptreError, match="locked"):
        plugin.updating.plan(document, group)
    group.childNodes()[-1].setLocked(False)
    node.remove()
    with pytest.raises(plugin.errors.DioptreError, match="is gone"):
        plugin.updating.plan(document, group)


def test_painted_depth_alone_is_not_made_again(plugin: types.SimpleNamespace, document: Document) -> None:
    depth = made(plugin, "depth", document, photo(document), roles=("depth",))
    depth.setPixelData(array.array("f", [0.5, 1.0] * (WIDTH * HEIGHT)).tobytes(), 0, 0, WIDTH, HEIGHT)
    with pytest.raises(plugin.errors.DioptreError, match="painted on"):
        plugin.updating.plan(document, depth)


def test_record_is_ascii_survives_and_is_checked(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    made(plugin, "depth", document, node, roles=("depth",))
    (entry,) = plugin.recipe.load(document)
    named = replace(entry.inputs["picture"], name="Größe")
    plugin.recipe.put(document, entry, inputs={"picture": named})
    assert document.annotation("dioptre").isascii()
    assert plugin.recipe.load(document)[0].inputs["picture"] == named
    document.setAnnotation("dioptre", "", b"{")
    with pytest.raises(plugin.errors.DioptreError, match="damaged"):
        plugin.recipe.load(document)
    assert plugin.recipe.readable(document) == []
    document.setAnnotation("dioptre", "", b'{"version": 99, "results": []}')
    with pytest.raises(plugin.errors.DioptreError, match="newer"):
        plugin.recipe.load(document)


def test_grey_and_alpha(plugin: types.SimpleNamespace) -> None:
    both = array.array("f", plugin.link.with_alpha(array.array("f", [0.25, 0.5]).tobytes()))
    assert list(both) == [0.25, 1.0, 0.5, 1.0]


def test_wrong_lengths_are_not_swallowed(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    with pytest.raises(ValueError, match="takes"):
        plugin.spaces.write(node, plugin.spaces.Rect(0, 0, 2, 2), b"short")
