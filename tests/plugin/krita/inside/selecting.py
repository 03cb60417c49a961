"""Selections: from the docker with real clicks, and by script into every kind of mask."""

import array

import person
from brushing import painted
from person import click, docker, opened, widget
from photo_preview import PHOTO_PX, at, changing, open_photo, ready, state
from qt import QPushButton, QToolButton
from rig import (
    HEIGHT,
    WIDTH,
    add_depth,
    disparity,
    expect,
    names,
    next_end,
    photo,
    pixels,
    settle,
    soon,
    trigger,
    until,
)

import dioptre
from dioptre import jobs

LEVEL = {"depth_level": 0.5, "depth_range": 0.0, "depth_feather": 0.0, "picture_edges": False}
WHOLE = (0, 0, WIDTH, HEIGHT)


def wanted():
    near = array.array("f", disparity())[::2]
    return bytes(255 if value >= 0.5 else 0 for value in near)


EDGE = wanted().index(255) // WIDTH  # The first selected row of pixels.
SEEN = 30  # Minimum difference, in 8-bit values, of the selection's dashes from the picture.


def value(document, x, y):
    return document.selection().pixelData(x, y, 1, 1)[0][0]


def check_the_subject_is_selected_from_the_docker():
    document, _node = yield from open_photo()
    yield from person.maximize()
    yield from person.choose_in_menu("Filter", "Dioptre", "Select subject…")
    yield from until(lambda: docker().isVisible() and state().operation.name == "select_subject", "the docker")
    yield from ready()
    person.screenshot("krita-select.png")
    expect("the face is red", state().shown.selection.at(0.44, 0.2) > 240, True)
    yield from changing(click(*at(0.12, 0.5)))  # This point is on the flag.
    expect("added", len(state().options["subject"]), 1)
    person.screenshot("krita-select-added.png")
    yield from changing(person.holding("shift", click(*at(0.12, 0.7))))
    yield from changing(person.holding("ctrl", click(*at(0.75, 0.8))))  # This point is on the helmet.
    expect("by keys", [len(state().options[name]) for name in ("subject", "not_subject")], [2, 1])
    yield from changing(painted((0.1, 0.02), (0.9, 0.98)))
    box = [round(side / PHOTO_PX, 1) for side in state().options["box"]]
    expect("a drag draws a box", box, [0.1, 0.0, 0.9, 1.0])
    yield from click(widget(QToolButton, "dioptre_view_cut_out"))
    yield from soon("view", lambda: state().view, "cut_out")
    person.screenshot("krita-select-cut-out.png")
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    yield from settle(document)
    person.screenshot("krita-selected.png")
    expect("face", value(document, 112, 52) > 240, True)
    expect("corner", value(document, 250, 4) < 10, True)
    expect("layers", names(document.rootNode()), ["Background", "Photo"])


def check_painted_parts_are_selected_and_left_out():
    document, _node = yield from open_photo()
    yield from person.maximize()
    yield from opened("dioptre_select_subject")
    yield from ready()
    yield from click(widget(QToolButton, "dioptre_tool_keep"))
    yield from changing(painted((0.1, 0.3), (0.12, 0.5)))  # On the flag.
    yield from click(widget(QToolButton, "dioptre_tool_let"))
    yield from changing(painted((0.65, 0.75), (0.8, 0.8)))  # On the helmet.
    expect("strokes", [stroke["keep"] for stroke in state().options["subject_strokes"]], [True, False])
    person.screenshot("krita-select-painted.png")
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    yield from settle(document)
    expect("flag", value(document, 28, 110) > 240, True)
    expect("helmet", value(document, 186, 198) < 10, True)
    expect("face", value(document, 112, 52) > 240, True)


def depth_photo():
    document, node = yield from photo()
    yield from add_depth(document)
    document.setActiveNode(node)
    yield from settle(document)
    return document, node


def columns(before, row):
    """Count the picture's columns that have changed on the canvas within two pixels of a row, at 100% zoom."""
    now = person.screenshot("krita-outline.png").copy(person.canvas())
    place = ((now.width() - WIDTH) // 2, (now.height() - HEIGHT) // 2 + row - 2, WIDTH, 5)
    values = zip(person.values(before.copy(*place)), person.values(now.copy(*place)), strict=True)
    return len({at % (3 * WIDTH) // 3 for at, (was, is_now) in enumerate(values) if abs(was - is_now) > SEEN})


def check_a_selection_by_depth():
    document, node = yield from depth_photo()
    yield from person.maximize()
    trigger("zoom_to_100pct")
    canvas = yield from person.canvas_picture("krita-no-outline.png")
    before = pixels(node)
    dioptre.run("select_depth", node=node, **LEVEL)
    yield from soon("the outline is on the canvas", lambda: columns(canvas, EDGE) > WIDTH // 2, True)
    yield from settle(document)
    expect("outside of it", columns(canvas, EDGE - 12), 0)
    expect("inside of it there are its sides alone", columns(canvas, EDGE + 12) <= 4, True)
    expect("selection", bytes(document.selection().pixelData(*WHOLE)), wanted())
    expect("pixels", pixels(node), before)


def check_masks_of_both_kinds():
    document, node = yield from depth_photo()
    for kind, of in (("channel", "selectionmask"), ("mask", "transparencymask")):
        mask = dioptre.run("select_depth", node=node, result=kind, **LEVEL)
        yield from settle(document)
        expect("kind", mask.type(), of)
        expect("values", bytes(mask.selection().pixelData(*WHOLE)), wanted())
    seen = bytes(node.projectionPixelData(*WHOLE))
    expect("hidden by the mask", bytes(255 if alpha else 0 for alpha in seen[3::4]), wanted())


def check_a_cut_out_hides_its_picture():
    document, node = yield from depth_photo()
    node.setOpacity(128)
    node.addChildNode(document.createTransparencyMask("Mask"), None)
    cut = dioptre.run("select_depth", node=node, result="layer", **LEVEL)
    yield from settle(document)
    expect("hidden", (node.visible(), cut.visible(), cut.name()), (False, True, "Cut-out"))
    expect("looks alike", (cut.opacity(), [mask.name() for mask in cut.childNodes()]), (128, ["Mask"]))
    expect("alpha", pixels(cut)[3::4], wanted())
