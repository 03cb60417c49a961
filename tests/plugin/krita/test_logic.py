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
    names = ("raster", "steps", "spaces", "recipe", "sources", "link", "layers", "keeper")
    names += ("jobs", "updating", "enlarge", "targets", "depth_editing", "editing_runs")
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
    raster = plugin.raster.Raster
    data = {
        "result": raster.of(bytes((1, 2, 3, 255)) * (width * height), 4 * width),
        "depth": raster.of(grey, 8 * width),
    }
    return plugin.link.Outcome(
        layers=tuple(
            plugin.link.Made(
                name=one.title(),
                role=role(one),
                visible=one == "result",
                width=width,
                height=height,
                raster=data[one],
            )
            for one in roles
        ),
        values={"focal_disparity": 0.5},
    )


def made(
    plugin: types.SimpleNamespace,
    name: str,
    document: Document,
    node: Node,
    *,
    said: list[str] | None = None,
    **of: Any,
) -> Node:
    """What a run makes of its outcome; said: gets its messages."""
    described = plugin.operations.operation(name)
    source = read(plugin, described, document, node)
    keeper = plugin.keeper.Keeper(None)
    steps = plugin.jobs.make_layers(described, described.check({}), source, outcome(plugin, **of), keeper)
    top: Node
    top, messages = plugin.steps.finish(steps)
    if said is not None:
        said.extend(messages)
    return top


def read(plugin: types.SimpleNamespace, described: Any, *given: Any) -> Any:
    """What a run has read of its inputs."""
    return plugin.steps.finish(plugin.sources.find(described, *given).read())


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
    assert "No document" in refused(plugin, "depth", None, None)
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
    source = read(plugin, plugin.operations.operation("depth"), document, mask)
    assert source.picture.node == node.uniqueId().toString()
    assert not source.plain
    assert "has masks" in refused(plugin, "super_resolution", document, node)


@pytest.mark.parametrize(("alpha", "plain"), [(255, True), (254, False)])
def test_only_an_opaque_source_is_plain(
    plugin: types.SimpleNamespace, document: Document, alpha: int, plain: bool
) -> None:
    node = photo(document, alpha=alpha)
    assert read(plugin, plugin.operations.operation("depth"), document, node).plain is plain
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
    (entry,) = plugin.recipe.of(document).load()
    assert entry.operation == "portrait"
    assert set(entry.outputs) == {"result", "depth", "group"}
    assert plugin.recipe.concerns(document, entry, depth)
    assert plugin.recipe.concerns(document, entry, node)
    assert not plugin.recipe.concerns(document, entry, above)
    second = made(plugin, "portrait", document, node)
    assert document.rootNode().childNodes() == [node, group, second, above]
    assert Krita.instance().documents() == [document]  # none that conversions were made in is left


def test_another_operation_on_the_source_does_not_hide_an_earlier_result(
    plugin: types.SimpleNamespace, document: Document
) -> None:
    node = photo(document)
    depth = made(plugin, "depth", document, node, roles=("depth",))
    blur = made(plugin, "portrait", document, node)
    said: list[str] = []
    balanced = made(plugin, "white_balance", document, node, roles=("result",), said=said)
    assert document.rootNode().childNodes() == [node, depth, balanced, blur]
    assert "“Portrait blur”, which hides it" in said[0]
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
    assert "Trim to Current Layer" in said[0]


def test_the_depth_of_a_result_is_that_behind_it(plugin: types.SimpleNamespace, document: Document) -> None:
    group = made(plugin, "portrait", document, photo(document))
    entries = plugin.recipe.of(document).load()
    for node in (group, group.childNodes()[-1]):
        assert plugin.recipe.depth_of(document, entries, node) is group.childNodes()[0]


def test_the_active_layer_stays_active_when_layers_are_swapped(
    plugin: types.SimpleNamespace, document: Document
) -> None:
    group = made(plugin, "portrait", document, photo(document))
    old = group.childNodes()[-1]
    old.addChildNode(document.createTransparencyMask("first"), None)
    old.addChildNode(document.createTransparencyMask("mine"), old.childNodes()[0])
    for name in ("mine", "Result", "Portrait blur"):
        old = group.childNodes()[-1]
        document.setActiveNode({"mine": old.childNodes()[-1], "Result": old}.get(name, group))
        active = plugin.layers.Active(document)
        new = old.duplicate()
        plugin.layers.swap(document, old, new)
        document.setActiveNode(group.childNodes()[0])
        active.restore([(old, new)])
        assert document.activeNode().name() == name
        assert document.activeNode() in (group, new, *new.childNodes())


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
    keeper.hidden(document, node, group)
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
    source = read(plugin, described, document, node)
    keeper, late = plugin.keeper.Keeper(None), outcome(plugin, roles=("depth",))
    node.remove()
    with pytest.raises(plugin.errors.DioptreError, match="deleted"):
        plugin.steps.finish(plugin.jobs.make_layers(described, {}, source, late, keeper))
    document.close()
    with pytest.raises(plugin.errors.DioptreError, match="closed"):
        plugin.steps.finish(plugin.jobs.make_layers(described, {}, source, late, keeper))
    Krita.instance()._documents.append(document)


def test_update_plans(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    with pytest.raises(plugin.errors.DioptreError, match="no Dioptre results"):
        plugin.updating.plan(document, node)
    group = made(plugin, "portrait", document, node)
    depth = group.childNodes()[0]
    (task,) = tasks(plugin, document, group)
    assert not task.painted  # made again
    depth.setPixelData(array.array("f", [0.5, 1.0] * (WIDTH * HEIGHT)).tobytes(), 0, 0, WIDTH, HEIGHT)
    (task,) = tasks(plugin, document, depth)
    assert task.painted
    task = plugin.updating._with_depth(task)
    assert task.source.depth.node == depth.uniqueId().toString()
    painted = depth.pixelData(0, 0, WIDTH, HEIGHT)
    keeper = plugin.keeper.Keeper(None)
    plugin.steps.finish(plugin.updating.apply([(task, outcome(plugin))], keeper))
    assert group.childNodes()[0] is depth
    assert depth.pixelData(0, 0, WIDTH, HEIGHT) == painted
    assert names(group) == ["Depth", "Result"]
    stranger = photo(document)
    with pytest.raises(plugin.errors.DioptreError, match="does not belong"):
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
    (task,) = tasks(plugin, document, depth)
    with pytest.raises(plugin.errors.DioptreError, match="painted on"):
        plugin.updating.work([task], None, None, None)


def tasks(plugin: types.SimpleNamespace, document: Document, node: Node) -> Any:
    """The results that an Update of `node` would make again, with their inputs read."""
    return plugin.steps.finish(plugin.updating.read(plugin.updating.plan(document, node)))


def test_new_layers_are_versions_of_the_old_ones(plugin: types.SimpleNamespace, document: Document) -> None:
    """After Update, and after it was undone, the record finds the layer that is there."""
    group = made(plugin, "portrait", document, photo(document))
    old_depth, old = group.childNodes()
    (entry,) = plugin.recipe.of(document).load()
    for _ in range(2):
        keeper = plugin.keeper.Keeper(None)
        (task,) = tasks(plugin, document, group)
        assert not task.painted
        plugin.steps.finish(plugin.updating.apply([(task, outcome(plugin))], keeper))
    depth, result = group.childNodes()
    assert old.parentNode() is None
    assert (result.name(), result.uniqueId() == old.uniqueId()) == ("Result", False)
    assert plugin.recipe.node_id(document, result) == plugin.recipe.own_id(old)
    assert plugin.recipe.find(document, entry.outputs["result"]) is result
    assert plugin.recipe.concerns(document, entry, depth)
    for new, before in ((result, old), (depth, old_depth)):
        group.addChildNode(before, new)
        new.remove()
    assert plugin.recipe.find(document, entry.outputs["result"]) is old
    assert not tasks(plugin, document, group)[0].painted


def test_keeper_finishes_the_undo_of_an_update(
    plugin: types.SimpleNamespace, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = document.createGroupLayer("group")
    document.rootNode().addChildNode(group, None)
    pairs = [(photo(document), photo(document)) for _ in range(2)]
    undone: list[str] = []
    steps = [step for old, new in pairs for step in ((new, True), (old, False))]  # as Update takes them

    def undo(name: str) -> types.SimpleNamespace:
        node, added = steps[-1 - len(undone)] if name == "edit_undo" else steps[len(undone)]
        node.remove() if added == (name == "edit_undo") else document.rootNode().addChildNode(node, None)
        undone.append(name)
        return types.SimpleNamespace(trigger=lambda: None)

    for old, new in pairs:
        old.remove()
        assert new.parentNode() is not None
    krita = Krita.instance()
    monkeypatch.setattr(krita, "activeDocument", lambda: document, raising=False)
    monkeypatch.setattr(krita, "action", undo, raising=False)
    keeper = plugin.keeper.Keeper(None)
    keeper.swapped(document, pairs)
    keeper.look()
    assert undone == []
    undo("edit_undo")  # by hand
    for _ in range(6):
        keeper.look()
    assert undone == ["edit_undo"] * 4
    assert [(old.parentNode() is not None, new.parentNode() is not None) for old, new in pairs] == [
        (True, False)
    ] * 2


def test_keeper_waits_for_krita_and_asks_a_few_times(
    plugin: types.SimpleNamespace, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An undo is lost while Krita is at work; one that does not come at all is not asked for for ever."""
    old, new = photo(document), photo(document)
    old.remove()
    asked: list[str] = []
    krita = Krita.instance()
    monkeypatch.setattr(krita, "activeDocument", lambda: document, raising=False)
    action = types.SimpleNamespace(trigger=lambda: asked.append("step"))
    monkeypatch.setattr(krita, "action", lambda name: action if name == "edit_undo" else None, raising=False)
    keeper = plugin.keeper.Keeper(None)
    keeper.swapped(document, [(old, new)])
    keeper.look()
    document.rootNode().addChildNode(old, None)  # half of an undo
    monkeypatch.setattr(document, "tryBarrierLock", lambda: False)
    keeper.look()
    assert asked == []
    monkeypatch.setattr(document, "tryBarrierLock", lambda: True)
    keeper.look()
    assert asked == ["step"]
    for _ in range(100):
        keeper.look()
    assert asked == ["step"] * plugin.keeper.ASKED


def test_what_the_docker_works_on(plugin: types.SimpleNamespace, document: Document) -> None:
    """A result of the operation stands for its picture and is replaced; of another one it is the picture."""
    node = photo(document)
    portrait, balance = (plugin.operations.operation(name) for name in ("portrait", "white_balance"))
    target = plugin.targets.find_target(portrait, document, node)
    assert (target.picture, target.entry, target.replaced) == (node, None, "")
    group = made(plugin, "portrait", document, node)
    (entry,) = plugin.recipe.of(document).load()
    for active in (node, group, *group.childNodes()):
        target = plugin.targets.find_target(portrait, document, active)
        assert (target.picture, target.entry, target.replaced) == (node, entry, "Portrait blur")
    target = plugin.targets.find_target(balance, document, group)
    assert (target.picture, target.entry) == (group, None)
    group.remove()
    assert plugin.targets.find_target(portrait, document, node).entry is None
    with pytest.raises(plugin.errors.DioptreError, match="does not belong"):
        plugin.targets.find_edited(document, node)
    for given in ((None, None), (document, None)):
        with pytest.raises(plugin.errors.DioptreError):
            plugin.targets.find_target(portrait, *given)


def test_edit_makes_a_result_again_with_other_options(plugin: types.SimpleNamespace, document: Document) -> None:
    group = made(plugin, "portrait", document, photo(document))
    result = group.childNodes()[-1]
    result.setOpacity(99)
    target, entry = plugin.targets.find_edited(document, result)
    changed = replace(entry, options=entry.described.check({"f_number": 8.0}))
    (task,) = plugin.steps.finish(plugin.updating.read([plugin.updating.plan_of(document, changed)]))
    keeper = plugin.keeper.Keeper(None)
    plugin.steps.finish(plugin.updating.apply([(task, outcome(plugin))], keeper, said="Replaced."))
    (entry,) = plugin.recipe.of(document).load()
    assert entry.options["f_number"] == 8.0
    assert names(group) == ["Depth", "Result"]
    new = group.childNodes()[-1]
    assert (new is result, new.opacity()) == (False, 99)
    assert target.picture is document.rootNode().childNodes()[0]


def test_a_recipe_of_several_steps_cannot_be_edited(plugin: types.SimpleNamespace, document: Document) -> None:
    group = made(plugin, "portrait", document, photo(document))
    (entry,) = plugin.recipe.of(document).load()
    steps = [{"operation": name, "options": {}} for name in ("white_balance", "portrait")]
    plugin.recipe.of(document).put(entry, operation="recipe", options={"title": "Mine", "steps": steps})
    with pytest.raises(plugin.errors.DioptreError, match="“Mine” comes from a recipe"):
        plugin.targets.find_edited(document, group)


def test_edit_depth_and_update_change_places_of_depth_and_result(
    plugin: types.SimpleNamespace, document: Document
) -> None:
    group = made(plugin, "portrait", document, photo(document))
    depth, result = group.childNodes()
    plugin.depth_editing.begin(document, group)
    assert (depth.visible(), result.visible(), document.activeNode()) == (True, False, depth)
    assert document.refreshed > 0
    said = plugin.steps.finish(
        plugin.updating.apply([(tasks(plugin, document, depth)[0], outcome(plugin))], plugin.keeper.Keeper(None))
    )[1]
    depth, result = group.childNodes()
    assert (depth.visible(), result.visible(), document.activeNode()) == (False, True, group)
    assert said == ("Updated “Portrait blur”.",)
    with pytest.raises(plugin.errors.DioptreError, match="does not belong"):
        plugin.depth_editing.begin(document, photo(document))
    balanced = made(plugin, "white_balance", document, photo(document), roles=("result",))
    with pytest.raises(plugin.errors.DioptreError, match="no depth layer"):
        plugin.depth_editing.begin(document, balanced)


def test_a_new_group_is_composited(plugin: types.SimpleNamespace, document: Document) -> None:
    """Krita shows several layers in a new group only then."""
    made(plugin, "portrait", document, photo(document))
    assert document.refreshed == 1


def test_record_is_ascii_survives_and_is_checked(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    made(plugin, "depth", document, node, roles=("depth",))
    (entry,) = plugin.recipe.of(document).load()
    named = replace(entry.inputs["picture"], name="Größe")
    plugin.recipe.of(document).put(entry, inputs={"picture": named})
    assert document.annotation("dioptre").isascii()
    assert plugin.recipe.of(document).load()[0].inputs["picture"] == named
    document.setAnnotation("dioptre", "", b"{")
    with pytest.raises(plugin.errors.DioptreError, match="damaged"):
        plugin.recipe.of(document).load()
    assert plugin.recipe.of(document).readable() == []
    document.setAnnotation("dioptre", "", b'{"version": 99, "results": []}')
    with pytest.raises(plugin.errors.DioptreError, match="newer"):
        plugin.recipe.of(document).load()


def test_grey_and_alpha(plugin: types.SimpleNamespace) -> None:
    both = array.array("f", plugin.link.with_alpha(array.array("f", [0.25, 0.5]).tobytes()))
    assert list(both) == [0.25, 1.0, 0.5, 1.0]


def test_wrong_lengths_are_not_swallowed(plugin: types.SimpleNamespace, document: Document) -> None:
    node = photo(document)
    with pytest.raises(ValueError, match="takes"):
        plugin.spaces.write(node, plugin.spaces.Rect(0, 0, 2, 2), b"short")
