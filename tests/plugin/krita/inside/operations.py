"""The operations on a plain document: menu, layers, undo, Update, saving and opening."""

import array
from pathlib import Path

import person
from dioptre.dioptre_link.editing.state import Phase
from dioptre.document import record_of
from krita import Krita
from qt import QApplication, QLabel, QToolButton
from rig import (
    BLUR,
    OUT,
    add_depth,
    child,
    close,
    docker,
    expect,
    expect_close,
    expect_in,
    finish,
    names,
    next_end,
    nodes_of,
    photo,
    pixels,
    redo,
    settle,
    soon,
    top,
    trigger,
    undo,
    until,
)

import dioptre
from dioptre import jobs, updating

MENU = [
    "Portrait blur…",
    "Lens blur…",
    "Select subject…",
    "Select by depth…",
    "White balance…",
    "Super-resolution…",
    "Haze…",
    "Light…",
    "Motion blur…",
    "Place at depth…",
    "Depth map…",
    "Repair depth in selection…",
    "Film…",
    "Recipe",
    "Super-resolution of the whole document…",
    "",
    "Edit…",
    "Edit depth",
    "Update",
    "Export with depth…",
    "",
    "Show the docker",
    "Cancel all jobs",
]


def last_run():
    return jobs.job_manager().runs[-1]


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
    expect("order", found[0], MENU)
    yield from person.opened("dioptre_portrait")
    yield from person.click(person.widget(QToolButton, "dioptre_look"))
    yield from soon("no document", lambda: "No document" in person.widget(QLabel, "dioptre_words").text(), True)


def check_depth_from_the_menu():
    document, node = yield from photo()
    before = pixels(node)
    yield from next_end(jobs.job_manager(), person.made("dioptre_depth"))
    depth = top(document)
    expect("layers", names(document.rootNode())[-2:], ["Photo", "Depth"])
    expect("space", (depth.colorModel(), depth.colorDepth()), ("GRAYA", "F32"))
    values = array.array("f", pixels(depth))
    expect("range", min(values[::2]) >= 0.0 and 0.5 < max(values[::2]) <= 1.0, True)
    expect("opaque", set(values[1::2]), {1.0})
    expect("source", pixels(node), before)
    depth.remove()  # A script may remove the layer, because it belongs to this document.
    yield from settle(document)
    expect("removed", names(document.rootNode())[-1], "Photo")


def check_film_makes_an_animated_document():
    document, node = yield from photo()
    before = pixels(node)
    known = len(Krita.instance().documents())
    yield from person.opened("dioptre_film")
    shown = docker().session
    yield from until(lambda: shown.state.shown and shown.state.shown.selection, "the preview and its mask")
    yield from person.click(person.widget(QToolButton, "dioptre_view_invented"))
    person.screenshot("krita-film.png")
    depth = yield from add_depth(document)
    yield from finish(dioptre.start("film", document=document, node=node, depth=depth, seconds=0.5, fps=8))
    documents = Krita.instance().documents()
    expect("one more document", len(documents), known + 1)
    film = documents[-1]
    (layer,) = film.topLevelNodes()
    expect_in("called after the photo", " - Film", film.name())
    expect("the layer, too", layer.name(), film.name())
    expect("animated", (film.framesPerSecond(), film.fullClipRangeEndTime(), layer.animated()), (8, 3, True))
    expect("frames", [layer.hasKeyframeAtTime(time) for time in range(5)], [True] * 4 + [False])
    expect("source", pixels(node), before)
    yield from until(lambda: "is a film" in shown.state.message, "no preview of a film of the film")
    yield from close(film)
    document.setActiveNode(node)
    yield from until(lambda: shown.state.phase is Phase.READY, "the preview of the photo")


def check_export_writes_a_jpeg_with_depth():
    document, node = yield from photo()
    file, before = Path(OUT) / "exported.jpg", pixels(node)

    def begin():
        person.choose("dioptre_export_depth")
        yield from person.answer_with(file)

    trigger("dioptre_export_depth")
    shown = [one for one in QApplication.topLevelWidgets() if one.objectName() == "dioptre_message"]
    expect("refused", ["needs a depth layer" in one.text() for one in shown if one.isVisible()], [True])
    shown[-1].close()
    yield from add_depth(document)
    document.setActiveNode(node)
    yield from next_end(jobs.job_manager(), begin())
    expect("GDepth", b"GDepth:Data" in file.read_bytes(), True)
    expect("source", pixels(node), before)


def check_portrait_undo_redo():
    document, node = yield from photo()
    trigger("add_new_paint_layer")  # This is the undo step before the one of the result.
    yield from settle(document)
    document.setActiveNode(node)
    yield from settle(document)
    before, was = pixels(node), names(document.rootNode())
    group = yield from next_end(jobs.job_manager(), person.made("dioptre_portrait"))
    expect("group", group.name(), "Portrait blur")
    expect("layers", names(document.rootNode()), [*was[:-1], "Portrait blur", was[-1]])
    expect("top", names(group)[-1], "Result")
    expect_in("pieces", "Depth", names(group))
    expect("visible", [one.name() for one in group.childNodes() if one.visible()], ["Result"])
    expect("changed", pixels(child(group, "Result")) != before, True)
    expect("source", pixels(node), before)
    yield from undo(document)
    yield from soon("after undo", lambda: names(document.rootNode()), was)
    yield from redo(document)
    yield from soon("after redo", lambda: names(document.rootNode()), [*was[:-1], "Portrait blur", was[-1]])
    yield from undo(document)
    yield from soon("after another undo", lambda: names(document.rootNode()), was)
    yield from undo(document)
    yield from soon("no step in between", lambda: names(document.rootNode()), was[:-1])


def check_a_depth_layer_keeps_its_metres():
    """A lens blur uses the metres of its depth layer's record, which a metric network would have written."""
    document, node = yield from photo()
    yield from next_end(jobs.job_manager(), person.made("dioptre_depth"))
    lens = {"lens_mm": 50.0, "f_number": 2.0, "focal_disparity": 0.5}
    yield from finish(dioptre.start("lens_blur", node=node, **lens))
    record = record_of(document)
    expect("without metres", record.load()[-1].values["metres_are_assumed"], True)
    metres = {"depth_range_per_m": [0.1, 0.9], "focal_length_equivalent_mm": 28.0}
    record.put(record.load()[0], values=metres)
    group = yield from finish(dioptre.start("lens_blur", node=node, **lens))
    wanted = {"metres_are_assumed": False, "focus_distance_m": 2.0, "depth_range_per_m": [0.1, 0.9]}
    for when in ("with a depth layer", "after Update"):
        values = record.load()[-1].values
        expect(when, {name: values.get(name) for name in wanted}, wanted)
        document.nodeByName("Depth").setPixelData(array.array("f", [0.7, 1.0] * 81).tobytes(), 0, 0, 9, 9)
        yield from finish(updating.start(jobs.job_manager(), document, group))
    document.setModified(False)


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
    expect("active", document.activeNode().name(), "Result")
    expect("in place", names(group), ["Result"])
    shown = bytes(document.pixelData(0, 0, 96, 64))
    expect("shown", shown, second)

    path = str(OUT / "saved.kra")
    expect("saved", document.saveAs(path), True)
    yield from close(document)
    again = Krita.instance().openDocument(path)
    Krita.instance().activeWindow().addView(again)
    yield from settle(again)
    entry = record_of(again).load()[0]
    expect("operation", entry.operation, "lens_blur")
    group = again.nodeByName("Lens blur")
    expect("kept", pixels(child(group, "Result")), second)
    again.nodeByName("Depth").setPixelData(array.array("f", [0.1, 1.0] * (96 * 20)).tobytes(), 0, 0, 96, 20)
    again.setActiveNode(again.nodeByName("Depth"))
    yield from settle(again)
    trigger("dioptre_update")
    yield from finish(last_run())
    expect("changed again", pixels(child(group, "Result")) != second, True)


def check_update_is_one_undo_step():
    """Update swaps layers one by one, but undoing or redoing one of these steps affects all of them."""
    document, node = yield from photo()
    group = yield from finish(dioptre.start("portrait", node=node, f_number=1.0))
    trigger("add_new_paint_layer")  # This is the undo step before the one of Update.
    yield from settle(document)
    was = names(document.rootNode())
    child(group, "Result").setOpacity(200)
    mask = document.createTransparencyMask("mine")
    child(group, "Result").addChildNode(mask, None)

    def state():
        """Return the ids of the group's nodes, which Update replaces, and the pixels of each node."""
        nodes = [one.uniqueId().toString() for one in group.childNodes()]
        return nodes, {name: pixels(child(group, name)) for name in names(group)}

    (old, first), painted = state(), array.array("f", [1.0, 1.0] * (96 * 64)).tobytes()
    child(group, "Depth").setPixelData(painted, 0, 0, 96, 64)
    yield from finish(updating.start(jobs.job_manager(), document, group))
    new, second = state()
    expect("layers", list(second), list(first))
    expect("changed", second["Result"] != first["Result"], True)
    result = child(group, "Result")
    expect("kept", (names(result), result.opacity()), (["mine"], 200))
    again = yield from finish(updating.start(jobs.job_manager(), document, group))
    expect("the same group", again.uniqueId() == group.uniqueId(), True)
    third = pixels(child(group, "Result"))

    def step(action, nodes, wanted):
        """Undo or redo, and wait until the plug-in has performed the last of its delayed swaps."""
        yield from {"undo": undo, "redo": redo}[action](document)
        yield from until(
            lambda: [one.uniqueId().toString() for one in nodes_of(group)] == nodes, f"the layers after {action}"
        )
        yield from settle(document, 10)
        expect(f"layers after {action}", names(group), list(first))
        expect(f"result after {action}", pixels(child(group, "Result")) == wanted["Result"], True)

    for action, nodes, wanted in (("undo", new, second), ("undo", old, first), ("redo", new, second)):
        yield from step(action, nodes, wanted)
        expect("painted", pixels(child(group, "Depth")), painted)
    yield from finish(updating.start(jobs.job_manager(), document, group))
    expect_close("updated again", pixels(child(group, "Result")), third)
    yield from step("undo", new, second)
    yield from step("undo", old, first)
    expect("layers", names(document.rootNode()), was)
    yield from undo(document)
    yield from soon("the mask undone", lambda: names(child(group, "Result")), [])
    yield from undo(document)
    yield from soon(
        "no step in between", lambda: names(document.rootNode()), ["Background", "Photo", "Portrait blur"]
    )


def check_update_of_a_portrait_uses_the_painted_depth():
    document, node = yield from photo()
    group = yield from finish(dioptre.start("portrait", node=node, f_number=1.0))
    first = pixels(child(group, "Result"))
    depth = child(group, "Depth")
    painted = array.array("f", [1.0, 1.0] * (96 * 64)).tobytes()
    depth.setPixelData(painted, 0, 0, 96, 64)
    yield from finish(updating.start(jobs.job_manager(), document, group))
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
