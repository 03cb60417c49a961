"""The operations on a plain document: menu, layers, undo, Update, saving and opening."""

import array

from krita import Krita
from rig import (
    BLUR,
    OUT,
    add_depth,
    child,
    expect,
    expect_in,
    finish,
    names,
    photo,
    pixels,
    redo,
    settle,
    top,
    trigger,
    undo,
    until,
)

import dioptre
from dioptre import jobs, recipe, updating


def last_run():
    return jobs.desk().runs[-1]


def check_menu():
    bar = Krita.instance().activeWindow().qwindow().menuBar()
    found = [
        [one.text() for one in entry.menu().actions()]
        for menu in bar.actions()
        if menu.menu() and menu.menu().objectName() == "Filter"
        for entry in menu.menu().actions()
        if entry.text() == "Dioptre" and entry.menu()
    ]
    expect("number of Dioptre's menus", len(found), 1)
    for name in ("Portrait blur", "Depth from this picture", "Lens blur from depth", "Super-resolution", "Update"):
        expect_in("menu", name, found[0])
    yield


def check_depth_from_the_menu():
    document, node = yield from photo()
    before = pixels(node)
    trigger("dioptre_depth")
    yield from finish(last_run())
    depth = top(document)
    expect("layers", names(document.rootNode())[-2:], ["Photo", "Depth"])
    expect("space", (depth.colorModel(), depth.colorDepth()), ("GRAYA", "F32"))
    values = array.array("f", pixels(depth))
    expect("range", min(values[::2]) >= 0.0 and 0.5 < max(values[::2]) <= 1.0, True)
    expect("opaque", set(values[1::2]), {1.0})
    expect("source", pixels(node), before)
    depth.remove()  # as a script may: it belongs to this document
    yield from settle(document)
    expect("removed", names(document.rootNode())[-1], "Photo")


def check_portrait_undo_redo():
    document, node = yield from photo()
    before, was = pixels(node), names(document.rootNode())
    trigger("dioptre_portrait")
    group = yield from finish(last_run())
    expect("group", group.name(), "Portrait blur")
    expect("layers", names(document.rootNode()), [*was, "Portrait blur"])
    expect("top", names(group)[-1], "Result")
    expect_in("pieces", "Depth", names(group))
    expect("visible", [one.name() for one in group.childNodes() if one.visible()], ["Result"])
    expect("changed", pixels(child(group, "Result")) != before, True)
    expect("source", pixels(node), before)
    yield from undo(document)
    expect("after undo", names(document.rootNode()), was)
    yield from redo(document)
    expect("after redo", names(document.rootNode()), [*was, "Portrait blur"])


def check_update_after_painting_and_saving():
    document, node = yield from photo()
    yield from add_depth(document)
    group = yield from finish(dioptre.start("lens_blur", node=node, **BLUR))
    first = pixels(child(group, "Result"))
    depth = document.nodeByName("Depth")
    depth.setPixelData(array.array("f", [0.85, 1.0] * (96 * 20)).tobytes(), 0, 0, 96, 20)
    document.setActiveNode(child(group, "Result"))
    yield from settle(document)
    trigger("dioptre_update")
    yield from finish(last_run())
    second = pixels(child(group, "Result"))
    expect("changed by painting", second != first, True)
    expect("in place", names(group), ["Result"])
    shown = bytes(document.pixelData(0, 0, 96, 64))
    expect("shown", shown, second)

    path = str(OUT / "saved.kra")
    expect("saved", document.saveAs(path), True)
    document.setModified(False)
    document.close()
    yield
    again = Krita.instance().openDocument(path)
    Krita.instance().activeWindow().addView(again)
    yield from settle(again)
    entry = recipe.load(again)[0]
    expect("operation", entry.operation, "lens_blur")
    result = child(again.nodeByName("Lens blur from depth"), "Result")
    expect("kept", pixels(result), second)
    again.nodeByName("Depth").setPixelData(array.array("f", [0.1, 1.0] * (96 * 20)).tobytes(), 0, 0, 96, 20)
    again.setActiveNode(again.nodeByName("Depth"))
    yield from settle(again)
    trigger("dioptre_update")
    yield from finish(last_run())
    expect("changed again", pixels(result) != second, True)


def check_update_of_a_portrait_uses_the_painted_depth():
    document, node = yield from photo()
    group = yield from finish(dioptre.start("portrait", node=node, f_number=1.0))
    first = pixels(child(group, "Result"))
    depth = child(group, "Depth")
    painted = array.array("f", [1.0, 1.0] * (96 * 64)).tobytes()
    depth.setPixelData(painted, 0, 0, 96, 64)
    yield from finish(updating.start(jobs.desk(), document, group))
    expect("depth stays", pixels(depth), painted)
    expect("all in one plane is sharp", pixels(child(group, "Result")) != first, True)


def check_script_in_a_few_lines():
    document, node = yield from photo()
    depth = dioptre.run("depth")
    expect("node", depth.name(), "Depth")
    yield from settle(document)
    document.setActiveNode(node)
    yield from settle(document)
    group = dioptre.run("lens_blur", **BLUR)
    expect("group", names(group), ["Result"])
    before = pixels(child(group, "Result"))
    depth.setPixelData(array.array("f", [0.2, 1.0] * (96 * 64)).tobytes(), 0, 0, 96, 64)
    dioptre.update(node=group)
    expect("updated", pixels(child(group, "Result")) != before, True)
    yield from until(lambda: True, "the end")
