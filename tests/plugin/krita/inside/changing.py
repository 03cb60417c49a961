"""Changing results from the docker: repaired depth, Edit, Edit depth and Update; jobs and their cancellation."""

import array
import subprocess

import person
from dioptre.dioptre_link.catalogue import operation
from dioptre.document import record_of
from krita import Krita, Selection
from person import click, docker, is_shown, on_screen, opened, widget
from photo_preview import PHOTO_PX, WHOLE, open_photo, ready, state
from qt import QCheckBox, QLabel, QPushButton, QToolButton
from rig import (
    SHOWN,
    Ending,
    add_layer,
    child,
    expect,
    expect_close,
    expect_in,
    fail,
    finish,
    names,
    new_document,
    next_end,
    pixels,
    redo,
    settle,
    soon,
    trigger,
    undo,
    until,
)

import dioptre
from dioptre import jobs, updating

OLD = "/inside/version-0.1.0.kra"
LONG_PX = 1024  # Side of a picture whose processing takes longer than a person's click.


def check_repair_of_depth():
    """The repaired layer replaces the depth layer in one undo step, and Update uses it."""
    document, node = yield from open_photo()
    depth = yield from finish(jobs.job_manager().start(operation("depth"), {}, document, node))
    blur = {"focal_disparity": 0.9, "max_radius": 4.0}
    group = yield from finish(jobs.job_manager().start(operation("lens_blur"), blur, document, node))
    first = pixels(child(group, "Result"), WHOLE)
    before = array.array("f", pixels(depth, WHOLE))[::2]
    selection = Selection()
    selection.select(20, 20, 100, 80, 255)
    document.setSelection(selection)
    document.setActiveNode(node)
    yield from settle(document)
    yield from opened("dioptre_repair_depth")
    yield from ready()
    expect("views", [state().shown.depth is None, state().shown.depth_before is None], [False, False])
    docker().session.change_all({"mode": "shift"})
    docker().session.change_all({"amount": 0.3})
    yield from ready()
    person.screenshot("krita-repair.png")
    new = yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    expect("in its place", names(document.rootNode()).count("Depth"), 1)
    after = array.array("f", pixels(new, WHOLE))[::2]
    changed = [at for at, (a, b) in enumerate(zip(before, after, strict=True)) if abs(a - b) > 1e-6]
    inside = all(20 <= at % PHOTO_PX < 120 and 20 <= at // PHOTO_PX < 100 for at in changed)
    expect("changed inside alone", (len(changed) > 1000, inside), (True, True))
    yield from finish(updating.start(jobs.job_manager(), document, group))
    expect("the blur follows", pixels(child(group, "Result"), WHOLE) != first, True)
    yield from undo(document)
    yield from until(
        lambda: "Result" in names(group) and pixels(child(group, "Result"), WHOLE) == first, "the blur"
    )
    yield from undo(document)
    yield from until(
        lambda: (
            (node := document.nodeByName("Depth")) is not None
            and array.array("f", pixels(node, WHOLE))[::2] == before
        ),
        "the depth as it was",
    )
    expect("undone", pixels(child(group, "Result"), WHOLE) == first, True)


def check_editing_a_result_in_place():
    """The options are restored, the result is replaced in one undo step, and its name, mask and opacity stay."""
    document, node = yield from open_photo()
    group = yield from finish(jobs.job_manager().start(operation("portrait"), {"f_number": 1.4}, document, node))
    was = names(document.rootNode())
    result = child(group, "Result")
    result.setName("Mine")
    result.setOpacity(200)
    result.addChildNode(document.createTransparencyMask("mask"), None)
    first = pixels(child(group, "Mine"), WHOLE)
    yield from settle(document, 10)  # Krita 5.2 activates a new mask after a delay.
    document.setActiveNode(child(group, "Mine"))
    yield from soon("active before", lambda: document.activeNode().name(), "Mine")
    yield from opened("dioptre_edit")
    expect("options", (state().operation.name, state().options["f_number"]), ("portrait", 1.4))
    yield from ready()
    docker().session.change_all({"f_number": 8.0})
    button = widget(QPushButton, "dioptre_make")
    expect("button", button.text(), "Replace the result")
    yield from next_end(jobs.job_manager(), click(button))
    expect("no other group", names(document.rootNode()), was)
    second = pixels(child(group, "Mine"), WHOLE)
    expect("changed", second != first, True)
    kept = child(group, "Mine")
    expect("kept", (names(kept), kept.opacity(), kept.visible()), (["mask"], 200, True))
    yield from soon("active", lambda: document.activeNode().name(), "Mine")
    (entry,) = record_of(document).load()
    expect("recorded", entry.options["f_number"], 8.0)
    yield from undo(document)
    yield from until(lambda: "Mine" in names(group) and pixels(child(group, "Mine"), WHOLE) == first, "the undo")
    yield from soon("recorded", lambda: record_of(document).load()[0].options["f_number"], 1.4)
    yield from settle(document, 10)
    yield from click(widget(QCheckBox, "dioptre_adds"), 0.04)
    yield from until(lambda: docker().session.store.state.adds, "the tick")
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    expect("another group where asked for", names(document.rootNode()).count("Portrait blur"), 2)


def check_undoing_everything_leads_back_to_the_photo():
    """After all is undone, the photo is active and gets a new result; a new selection asks for a new one, too."""
    document, node = yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    make = widget(QPushButton, "dioptre_make")
    group = yield from next_end(jobs.job_manager(), click(make))
    first = pixels(child(group, "Result"), WHOLE)
    yield from soon("replaces", make.text, "Replace the result")
    before = record_of(document).load()[0].options["f_number"]
    docker().session.change_all({"f_number": 8.0})
    yield from ready()
    yield from next_end(jobs.job_manager(), click(make))
    yield from undo(document)
    yield from soon("all steps", lambda: record_of(document).load()[0].options["f_number"], before)
    expect("the first result", pixels(child(group, "Result"), WHOLE) == first, True)
    yield from settle(document, 10)
    yield from undo(document)
    yield from soon("no result", lambda: names(document.rootNode()).count("Portrait blur"), 0)
    yield from soon("the photo", lambda: (one := document.activeNode()) and one.name(), node.name())
    yield from soon("a new one", make.text, "Create layers")
    expect_in("title", "New result", person.widget(QLabel, "dioptre_title").text())
    yield from redo(document)
    yield from soon("its group again", lambda: names(document.rootNode()).count("Portrait blur"), 1)
    yield from soon("its settings", make.text, "Replace the result")
    selection = Selection()
    selection.select(0, 0, PHOTO_PX // 2, PHOTO_PX, 255)
    document.setSelection(selection)
    yield from soon("a new result", make.text, "Create layers")
    expect("the switch", widget(QCheckBox, "dioptre_adds").isChecked(), True)
    document.setSelection(None)
    yield from soon("no selection", make.text, "Replace the result")
    document.setModified(False)


def check_a_range_of_depth_is_a_mask():
    """The mask limits what is shown, follows the range at Edit, and comes back with an undo."""
    document, node = yield from open_photo()
    yield from finish(jobs.job_manager().start(operation("depth"), {}, document, node))
    before = bytes(document.pixelData(*WHOLE))
    hazy = {"density": 0.9, "range_nearest": 0.5}
    group = yield from finish(jobs.job_manager().start(operation("haze"), hazy, document, node))
    result = child(group, "Result")
    expect("mask", names(result), ["Range of depth"])
    values = bytes(child(result, "Range of depth").pixelData(*WHOLE))
    expect("some and not all", {0, 255} <= set(values), True)
    outside = [at for at, value in enumerate(values) if value == 0]
    changed = [at for at, value in enumerate(values) if value == 255]

    def differing(places):
        now = bytes(document.pixelData(*WHOLE))
        return sum(now[4 * at : 4 * at + 3] != before[4 * at : 4 * at + 3] for at in places)

    yield from until(lambda: differing(changed) > len(changed) / 2, "the haze")
    expect("outside", differing(outside), 0)
    (entry,) = [one for one in record_of(document).load() if one.operation == "haze"]
    whole = {**entry.options, "range_nearest": 1.0}
    yield from finish(updating.start_edit(jobs.job_manager(), document, entry, whole))
    expect("no range", set(bytes(child(child(group, "Result"), "Range of depth").pixelData(*WHOLE))), {255})
    yield from until(lambda: differing(outside) > len(outside) / 20, "haze everywhere")
    yield from undo(document)
    yield from until(lambda: record_of(document).load()[-1].options["range_nearest"] == 0.5, "the undo")
    yield from settle(document, 10)
    expect("undone", bytes(child(child(group, "Result"), "Range of depth").pixelData(*WHOLE)) == values, True)


def check_a_document_of_version_0_1_0():
    """The document was saved by version 0.1.0 with a portrait, a depth layer, a lens blur and a white balance."""
    document = yield from person.open_file(OLD)
    document.setBatchmode(True)
    groups = {node.name(): node for node in document.rootNode().childNodes() if node.type() == "grouplayer"}
    expect("groups", sorted(groups), ["Lens blur", "Portrait blur", "White balance"])
    rect = (0, 0, document.width(), document.height())
    before = {name: pixels(child(group, "Result"), rect) for name, group in groups.items()}
    white = groups["White balance"]
    yield from finish(updating.start(jobs.job_manager(), document, white))
    expect_close("white balance", pixels(child(white, "Result"), rect), before["White balance"])
    near = array.array("f", [1.0, 1.0] * (rect[2] * 20)).tobytes()
    for name, parent in (("Lens blur", document.rootNode()), ("Portrait blur", groups["Portrait blur"])):
        child(parent, "Depth").setPixelData(near, 0, 0, rect[2], 20)
        yield from finish(updating.start(jobs.job_manager(), document, child(parent, "Depth")))
        expect(f"{name} follows the depth", pixels(child(groups[name], "Result"), rect) != before[name], True)
    result = child(groups["Portrait blur"], "Result")
    yield from settle(document, 10)
    document.setActiveNode(result)
    yield from soon("active before", lambda: document.activeNode().uniqueId(), result.uniqueId())
    yield from opened("dioptre_edit")
    options = state().options
    expect("options", [options[name] for name in ("f_number", "blades", "focus")], [1.4, 6, (60.0, 50.0)])
    yield from ready()
    was, first = names(document.rootNode()), pixels(result, rect)
    docker().session.change_all({"f_number": 8.0})
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    expect("no other group", names(document.rootNode()), was)
    expect("edited", pixels(child(groups["Portrait blur"], "Result"), rect) != first, True)


def check_editing_depth():
    """Edit depth shows the depth over the photo and activates it; Update shows the result again."""
    document, node = yield from open_photo()
    yield from opened("dioptre_panel")
    group = yield from finish(jobs.job_manager().start(operation("portrait"), {"f_number": 1.0}, document, node))
    before = yield from person.canvas_picture("edit-depth-before.png")
    trigger("dioptre_edit_depth")
    yield from soon("active", lambda: document.activeNode().name(), "Depth")
    seen = {one.name(): one.visible() for one in group.childNodes()}
    expect("visible", (seen["Depth"], seen["Result"]), (True, False))
    yield from soon("over the photo", lambda: over_photo(document, child(group, "Depth"), node), True)
    yield from settle(document, SHOWN)
    during = yield from person.canvas_picture("edit-depth-during.png")
    expect("the canvas shows the depth", person.apart(before, during)[1] > 5, True)
    grey = array.array("f", pixels(child(group, "Depth"), WHOLE))[::2]
    warmth = [(grey[at], warmth_at(during, at)) for at in range(PHOTO_PX // 2, PHOTO_PX**2, 7 * PHOTO_PX + 5)]
    coldest, warmest = min(warmth)[1], max(warmth)[1]
    expect(f"near is warm, far is cold: {warmest} {coldest}", warmest - coldest > 60, True)
    near = array.array("f", [1.0, 1.0] * (PHOTO_PX * 60)).tobytes()
    child(group, "Depth").setPixelData(near, 0, 0, PHOTO_PX, 60)
    run = updating.start(jobs.job_manager(), document, document.activeNode())
    ending = Ending(run)
    yield from finish(run)
    yield from until(lambda: ending.over, "the end")
    expect_in("words", "Updated “Portrait blur”", " ".join(ending.messages))
    seen = {one.name(): one.visible() for one in group.childNodes()}
    expect("visible again", (seen["Depth"], seen["Result"]), (False, True))
    expect("opaque again", child(group, "Depth").opacity(), 255)
    shown = bytes(document.pixelData(*WHOLE))
    expect_close("the result alone", shown, pixels(child(group, "Result"), WHOLE))
    after = yield from person.canvas_picture("edit-depth-after.png")
    expect("the canvas shows a result", person.apart(after, during)[1] > 5, True)
    expect("the painting counts", person.apart(after, before)[1] > 0.05, True)
    document.setActiveNode(child(group, "Result"))
    yield from opened("dioptre_edit")
    yield from ready()
    depth = state().shown.depth
    expect(f"the preview has what was painted: {depth.at(0.5, 0.1)}", depth.at(0.5, 0.1) > 250, True)
    trigger("dioptre_edit_depth")
    yield from soon("active again", lambda: document.activeNode().name(), "Depth")
    far = array.array("f", [0.0, 1.0] * (PHOTO_PX * 60)).tobytes()
    child(group, "Depth").setPixelData(far, 0, PHOTO_PX - 60, PHOTO_PX, 60)
    trigger("dioptre_update")
    yield from until(
        lambda: state().shown is not None and state().shown.depth not in (None, depth), "the new depth"
    )


def check_messages_and_switches_go_with_their_document():
    """What a run said is gone after an undo and in another document, where no switches for painting are."""
    document, _ = yield from open_photo()
    words, size = docker().findChild(QLabel, "dioptre_words"), f"{4 * PHOTO_PX} × {4 * PHOTO_PX}"
    yield from opened("dioptre_super_resolution")
    yield from ready()
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    yield from ready()
    expect_in("its size", size, words.text())
    yield from undo(document)
    yield from soon("nothing of what is undone", lambda: size in words.text(), False)
    yield from opened("dioptre_portrait")
    yield from ready()
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    said = words.text()
    expect("said", bool(said), True)
    trigger("dioptre_edit_depth")
    yield from soon("the switches", lambda: is_shown(QCheckBox, "dioptre_after_stroke"), True)
    other, _ = yield from open_photo()
    yield from soon("no switches", lambda: is_shown(QCheckBox, "dioptre_after_stroke"), False)
    yield from ready()
    yield from soon("nothing of the other document", lambda: said in words.text(), False)
    person.show_tab(document)
    yield from soon("the switches again", lambda: is_shown(QCheckBox, "dioptre_after_stroke"), True)
    for each in (document, other):
        each.setModified(False)


def warmth_at(picture, place):
    """Return how much redder than blue the canvas is at a pixel of the photo, given by its number."""
    x, y = on_screen(place % PHOTO_PX / PHOTO_PX, place // PHOTO_PX / PHOTO_PX)
    corner = person.canvas().topLeft()
    colour = picture.pixelColor(round(x) - corner.x(), round(y) - corner.y())
    return colour.red() - colour.blue()


def check_each_stroke_updates_the_result():
    """With the switch, a stroke with Krita's own brush changes the result below it, and the next stroke follows."""
    document, node = yield from open_photo()
    yield from opened("dioptre_panel")
    group = yield from finish(jobs.job_manager().start(operation("portrait"), {"f_number": 1.0}, document, node))
    trigger("dioptre_edit_depth")
    yield from soon("active", lambda: document.activeNode().name(), "Depth")
    yield from until(lambda: is_shown(QCheckBox, "dioptre_after_stroke"), "the switch")
    switch = widget(QCheckBox, "dioptre_after_stroke")
    yield from click(switch, 0.05)
    yield from soon("switched on", switch.isChecked, True)
    trigger("KritaShape/KisToolBrush")
    depths, results = ([pixels(child(group, name), WHOLE)] for name in ("Depth", "Result"))
    yield from soon("Update alone", lambda: is_shown(QPushButton, "dioptre_make"), False)
    person.screenshot("krita-edit-depth.png")
    expect_in("how to paint", "white is near", widget(QLabel, "dioptre_words").text())
    for height in (0.1, 0.9):
        yield from settle(document, SHOWN)
        yield from next_end(jobs.job_manager(), brushed((0.1, height), (0.5, height), (0.9, height)))
        result = child(group, "Result")
        results.append(pixels(result, WHOLE))
        depths.append(pixels(child(group, "Depth"), WHOLE))
        expect("changed", len(set(results)), len(results))
        expect("shown, the depth below", (result.visible(), child(group, "Depth").visible()), (True, True))
        expect("active", document.activeNode().name(), "Depth")
        shown = bytes(document.pixelData(*WHOLE))
        expect_close("the result", shown, results[-1])
    yield from settle(document, 3 * SHOWN)
    expect("no more runs", jobs.job_manager().runs, [])
    yield from undo(document)
    yield from soon("the result undone", lambda: pixels(child(group, "Result"), WHOLE) == results[1], True)
    yield from soon("the stroke undone", lambda: pixels(child(group, "Depth"), WHOLE) == depths[1], True)
    yield from settle(document, 3 * SHOWN)
    expect("no update undoes the undo", pixels(child(group, "Result"), WHOLE) == results[1], True)
    expect("no further undo", pixels(child(group, "Depth"), WHOLE) == depths[1], True)
    expect("active after the undo", document.activeNode().name(), "Depth")
    expect("still painting", is_shown(QPushButton, "dioptre_make"), False)
    for _ in range(2):
        yield from redo(document)
    yield from soon("all again", lambda: pixels(child(group, "Result"), WHOLE) == results[2], True)
    expect("painted", pixels(child(group, "Depth"), WHOLE) == depths[2], True)
    yield from settle(document, 3 * SHOWN)
    expect("active after the redo", document.activeNode().name(), "Depth")
    yield from undo(document)
    yield from soon("undone again", lambda: pixels(child(group, "Depth"), WHOLE) == depths[1], True)
    yield from settle(document, 3 * SHOWN)
    yield from next_end(jobs.job_manager(), brushed((0.1, 0.5), (0.5, 0.5), (0.9, 0.5)))
    expect("the next stroke", pixels(child(group, "Depth"), WHOLE) in depths, False)
    expect("its result", pixels(child(group, "Result"), WHOLE) in results, False)
    computing = []

    def follow(run):
        run.progressed.connect(
            lambda _, phase: phase == "Creating layers" or run in computing or computing.append(run)
        )

    jobs.job_manager().started.connect(follow)
    yield from brushed((0.1, 0.3), (0.5, 0.3), (0.9, 0.3))
    yield from until(lambda: jobs.job_manager().runs, "the update of the stroke")
    yield from click(widget(QPushButton, "dioptre_update_button"))
    yield from until(lambda: not jobs.job_manager().runs, "the end of both")
    jobs.job_manager().started.disconnect(follow)
    expect("computed once", [one.paints for one in computing], [True])
    expect("the last stroke counts", pixels(child(group, "Result"), WHOLE) in results, False)
    yield from soon("it says so", lambda: "Up to date" in widget(QLabel, "dioptre_words").text(), True)
    yield from soon("the end", lambda: child(group, "Depth").visible(), False)
    yield from soon("no switch", switch.isVisible, False)
    yield from soon("the other buttons", lambda: is_shown(QPushButton, "dioptre_make"), True)
    before = pixels(child(group, "Result"), WHOLE)
    yield from next_end(jobs.job_manager(), brushed_at_once((0.1, 0.7), (0.5, 0.7), (0.9, 0.7)))
    expect("still ticked", switch.isChecked(), True)
    painted = pixels(child(group, "Depth"), WHOLE)
    yield from undo(document)
    yield from soon("taken back", lambda: pixels(child(group, "Depth"), WHOLE) == painted, False)
    yield from settle(document, 3 * SHOWN)
    yield from redo(document)
    yield from soon("the stroke alone", lambda: pixels(child(group, "Depth"), WHOLE) == painted, True)
    yield from settle(document, 3 * SHOWN)
    expect("the result of before", pixels(child(group, "Result"), WHOLE) == before, True)
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_update_button")))
    yield from soon("updated", lambda: pixels(child(group, "Result"), WHOLE) == before, False)
    document.setModified(False)


def check_strokes_snap_to_the_edges_of_the_photo():
    """A stroke over the edge between orange and blue draws back to it; undo brings it back as it was painted."""
    side = PHOTO_PX
    document = yield from new_document(side, side)
    row = bytes((40, 130, 230, 255)) * (side // 2) + bytes((200, 90, 40, 255)) * (side // 2)
    node = yield from add_layer(document, row * side, rect=WHOLE)
    yield from opened("dioptre_panel")
    depth = yield from finish(jobs.job_manager().start(operation("depth"), {}, document, node))
    depth.setPixelData(array.array("f", [0.75, 1.0] * (side * side)).tobytes(), *WHOLE)
    group = yield from finish(dioptre.start("lens_blur", node=node, depth=depth, focal_disparity=0.5))
    document.setActiveNode(group)
    yield from settle(document)
    trigger("dioptre_edit_depth")
    yield from soon("active", lambda: document.activeNode().uniqueId(), depth.uniqueId())
    for name, on in (("dioptre_snaps", True), ("dioptre_after_stroke", False)):
        yield from until(lambda name=name: is_shown(QCheckBox, name), "the switch")
        switch = widget(QCheckBox, name)
        if switch.isChecked() != on:
            yield from click(switch, 0.05)
            yield from soon("switched", switch.isChecked, on)
    trigger("KritaShape/KisToolBrush")
    Krita.instance().activeWindow().activeView().setBrushSize(40)
    yield from settle(document, SHOWN)
    yield from next_end(jobs.job_manager(), brushed((0.45, 0.2), (0.45, 0.5), (0.45, 0.8)))
    yield from soon("still active", lambda: document.activeNode().name(), depth.name())
    expect("snapped", across(document.activeNode()), (True, False))
    yield from settle(document, 3 * SHOWN)
    expect("no more runs", jobs.job_manager().runs, [])
    yield from undo(document)
    yield from soon("as it was painted", lambda: across(document.nodeByName(depth.name())), (True, True))
    yield from settle(document, 3 * SHOWN)
    expect("nothing undoes the undo", across(document.nodeByName(depth.name())), (True, True))
    yield from until(lambda: is_shown(QCheckBox, "dioptre_snaps"), "the switch after the undo")
    yield from click(widget(QCheckBox, "dioptre_snaps"), 0.05)
    document.setModified(False)


def across(depth):
    """Return whether the depth is painted on the left and on the right of the photo's edge, in the middle row."""
    grey = array.array("f", pixels(depth, (0, PHOTO_PX // 2, PHOTO_PX, 1)))[::2]
    return grey[PHOTO_PX // 2 - 8] < 0.4, grey[PHOTO_PX // 2 + 5] < 0.4


def brushed(*places):
    """Draw a stroke on the canvas through places of the document, given as fractions of its sides.

    A pause before the end, with the button down, must start no run.
    """
    person.hold([on_screen(*place) for place in places])
    for _ in range(3 * SHOWN):
        yield
    expect("no run yet", jobs.job_manager().runs, [])
    person.release()


def brushed_at_once(*places):
    """Draw a stroke right after Edit depth, before the docker's next look at the depth layer."""
    trigger("dioptre_edit_depth")
    person.drag([on_screen(*place) for place in places])
    yield


def over_photo(document, depth, photo):
    """Return whether the image shows the depth at 60 % over the photo."""
    grey = array.array("f", pixels(depth, WHOLE))[::2]
    below, seen = pixels(photo, WHOLE), bytes(document.pixelData(*WHOLE))
    wanted = (0.6 * 255 * grey[at // 4] + 0.4 * value for at, value in enumerate(below))
    return all(at % 4 == 3 or abs(seen[at] - value) <= 2 for at, value in enumerate(wanted))


def check_painted_depth_without_a_result():
    """Update refuses it and shows the depth as it is."""
    document, node = yield from open_photo()
    depth = yield from finish(jobs.job_manager().start(operation("depth"), {}, document, node))
    document.setActiveNode(depth)
    yield from soon("active", lambda: document.activeNode().uniqueId(), depth.uniqueId())
    trigger("dioptre_edit_depth")
    yield from soon("over the photo", lambda: over_photo(document, depth, node), True)
    during = yield from person.canvas_picture("depth-alone-during.png")
    near = array.array("f", [1.0, 1.0] * (PHOTO_PX * 60)).tobytes()
    depth.setPixelData(near, 0, 0, PHOTO_PX, 60)
    painted = pixels(depth, WHOLE)
    error = yield from fail(updating.start(jobs.job_manager(), document, depth))
    expect_in("words", "You painted on the depth layer, but no result uses it", str(error.message))
    expect("depth", (depth.visible(), depth.opacity(), pixels(depth, WHOLE) == painted), (True, 255, True))
    yield from soon("as it is", lambda: shows_alone(document, depth), True)
    after = yield from person.canvas_picture("depth-alone-after.png")
    expect("the canvas", person.apart(during, after)[1] > 5, True)


def check_a_click_takes_the_depth_under_the_pointer():
    """A click with a brush, Ctrl and Alt takes the value of the layer, not of the canvas with the photo."""
    document, node = yield from open_photo()
    depth = yield from finish(jobs.job_manager().start(operation("depth"), {}, document, node))
    grey = array.array("f", [0.25, 1.0] * (PHOTO_PX * PHOTO_PX)).tobytes()
    depth.setPixelData(grey, *WHOLE)
    document.setActiveNode(depth)
    yield from soon("active", lambda: document.activeNode().uniqueId(), depth.uniqueId())
    trigger("dioptre_edit_depth")
    yield from soon("over the photo", lambda: over_photo(document, depth, node), True)
    trigger("KritaShape/KisToolBrush")
    yield from settle(document)
    place, view = person.canvas(), Krita.instance().activeWindow().activeView()
    middle = place.x() + place.width() // 2, place.y() + place.height() // 2
    for command in (("mousemove", *map(str, middle)), ("keydown", "ctrl", "keydown", "alt"), ("click", "1")):
        subprocess.run(["xdotool", *command], check=True)
        yield from settle(document, 10)
    subprocess.run(["xdotool", "keyup", "alt", "keyup", "ctrl"], check=True)
    yield from settle(document, 10)
    picked = view.foregroundColor()
    expect(f"{picked.colorModel()} {picked.components()}", abs(picked.components()[0] - 0.25) < 0.01, True)


def shows_alone(document, depth):
    grey = array.array("f", pixels(depth, WHOLE))[::2]
    seen = bytes(document.pixelData(*WHOLE))
    return all(at % 4 == 3 or abs(value - 255 * grey[at // 4]) <= 2 for at, value in enumerate(seen))


def check_each_job_has_its_own_cancel():
    document, node = yield from open_photo(LONG_PX)
    yield from opened("dioptre_panel")
    endings = [
        Ending(jobs.job_manager().start(operation("super_resolution"), {"scale": 4}, document, node))
        for _ in range(3)
    ]
    for _ in range(3):
        yield
    person.screenshot("krita-jobs.png")
    lines = [one for one in docker().findChildren(QToolButton, "dioptre_job_cancel") if one.isVisible()]
    expect("lines", len(lines), 3)
    yield from click(lines[0])
    yield from until(lambda: endings[0].over, "the first one's end")
    expect("the first alone", [one.over for one in endings[1:]], [False, False])
    yield from click(widget(QPushButton, "dioptre_stop_all"))
    yield from until(lambda: all(one.over for one in endings), "the ends")
    expect("how they ended", [one.error.code for one in endings], ["cancelled"] * 3)
    expect("nothing made", names(document.rootNode())[-1], "Photo")
