"""Layers of every kind and position: the results, and refusals with a message."""

import array

import person
from dioptre.dioptre_link.catalogue import operation
from dioptre.dioptre_link.errors import DioptreError
from krita import Krita, Selection
from qt import QCheckBox, QPushButton
from rig import (
    BLUR,
    HEIGHT,
    OUT,
    SRGB,
    WIDTH,
    Failed,
    add_depth,
    add_layer,
    child,
    expect,
    expect_in,
    finish,
    names,
    new_document,
    next_end,
    packed,
    photo,
    pixels,
    redo,
    sample,
    settle,
    soon,
    toggle_visibility,
    top,
    undo,
    until,
)

from dioptre import jobs, updating


def blur(document, node, **options):
    run = jobs.job_manager().start(operation("lens_blur"), {**BLUR, **options}, document, node)
    return (yield from finish(run))


def refused(words, begin):
    try:
        begin()
    except DioptreError as error:
        expect_in("refusal", words, f"{error.message} {error.hint}")
    else:
        raise Failed(f"not refused: {words}")


def check_places():
    """Partly and entirely outside the canvas, in a group, invisible, locked, and while another layer is active."""
    for rect in ((-7, 5, WIDTH, HEIGHT), (40, -20, WIDTH, HEIGHT)):
        document, node = yield from photo(rect=rect)
        yield from add_depth(document, rect)
        group = yield from blur(document, node)
        expect("bounds", child(group, "Result").bounds().getRect(), rect)
        expect("whole", len(set(pixels(child(group, "Result"), rect)[3::4])), 1)
    document = yield from new_document()
    parent = document.createGroupLayer("parent")
    document.rootNode().addChildNode(parent, None)
    node = yield from add_layer(document, packed(sample(), "RGBA", "U8"), parent=parent)
    depth = yield from add_depth(document)
    yield from toggle_visibility(document, node)
    node.setLocked(True)
    document.setActiveNode(depth)
    yield from settle(document)
    group = yield from blur(document, node)
    expect("beside its source", names(parent), ["Photo", "Lens blur"])
    expect("still hidden", node.visible(), False)
    parent.setLocked(True)
    refused("is locked", lambda: jobs.job_manager().start(operation("depth"), {}, document, node))
    parent.setLocked(False)
    whole = yield from blur(document, parent)
    expect("of a group", whole.parentNode().name(), document.rootNode().name())


def check_selection():
    document, node = yield from photo()
    yield from add_depth(document)
    selection = Selection()
    selection.select(10, 8, 40, 30, 255)
    document.setSelection(selection)
    yield from settle(document)
    before = bytes(document.pixelData(0, 0, WIDTH, HEIGHT))
    group = yield from blur(document, node)
    (mask,) = child(group, "Result").childNodes()
    expect("mask", mask.type(), "transparencymask")
    expect("selected", bytes(mask.pixelData(0, 0, WIDTH, HEIGHT)).count(255), 40 * 30)
    expect("uncut", set(pixels(child(group, "Result"))[3::4]), {255})
    after = bytes(document.pixelData(0, 0, WIDTH, HEIGHT))
    inside = {(x, y) for x in range(10, 50) for y in range(8, 38)}
    outside = [
        (x, y)
        for y in range(HEIGHT)
        for x in range(WIDTH)
        if (x, y) not in inside and before[4 * (y * WIDTH + x)] != after[4 * (y * WIDTH + x)]
    ]
    expect("changed outside", outside, [])
    expect("changed inside", before != after, True)
    far = Selection()
    far.select(500, 500, 10, 10, 255)
    document.setSelection(far)
    yield from settle(document)
    refused("outside", lambda: jobs.job_manager().start(operation("depth"), {}, document, node))


def check_a_selection_leaves_a_translucent_layer_as_translucent():
    """The picture below the limited result must not show through it, which would make both more opaque."""
    document, node = yield from photo(alpha=True)
    yield from toggle_visibility(document, document.rootNode().childNodes()[0])
    selection = Selection()
    selection.select(0, 0, WIDTH, HEIGHT // 2, 255)
    document.setSelection(selection)
    yield from settle(document)
    before = bytes(document.pixelData(0, 0, WIDTH, HEIGHT))[3::4]
    expect("translucent", min(before) < 128, True)
    yield from finish(jobs.job_manager().start(operation("white_balance"), {"temperature": 3000.0}, document, node))
    after = bytes(document.pixelData(0, 0, WIDTH, HEIGHT))[3::4]
    expect("alpha", max(abs(a - b) for a, b in zip(before, after, strict=True)) <= 1, True)


def check_source_that_is_not_plain():
    """The group takes the source's place, mode, opacity and masks; undo shows the source, redo hides it again."""
    document, node = yield from photo(alpha=True)
    yield from add_depth(document)
    node.setOpacity(200)
    node.setBlendingMode("multiply")
    mask = document.createTransparencyMask("mine")
    node.addChildNode(mask, None)
    mask.setPixelData(bytes(128 for _ in range(WIDTH * HEIGHT)), 0, 0, WIDTH, HEIGHT)
    yield from settle(document)
    group = yield from blur(document, node)
    expect("mode", (group.blendingMode(), group.opacity()), ("multiply", 200))
    expect("masks", names(child(group, "Result")), ["mine"])
    expect("hidden", node.visible(), False)
    yield from undo(document)
    yield from until(node.visible, "the source after undo")
    expect("layers", "Lens blur" in names(document.rootNode()), False)
    yield from redo(document)
    yield from until(lambda: not node.visible(), "the source hidden after redo")
    yield from settle(document)
    expect("layers", top(document).name() != "Photo", True)


def check_the_opened_files_own_depth_is_used():
    """Depth goes from 1 m (left) to 4 m (right); a KRA file uses the depth of the photo next to it."""
    opened = Krita.instance().openDocument(str(OUT / "phone.jpg"))
    Krita.instance().activeWindow().addView(opened)
    yield from settle(opened, 6)
    ends = {}
    for name in ("embedded", "auto", "estimate", "kra"):
        if name == "kra":
            opened.setBatchmode(True)
            expect("saved", opened.saveAs(str(OUT / "phone.kra")), True)
            yield from settle(opened, 6)
        options = {"depth_source": "auto" if name == "kra" else name, "refine": False}
        node = opened.rootNode().childNodes()[0]
        depth = yield from finish(jobs.job_manager().start(operation("depth"), options, opened, node))
        row = array.array("f", pixels(depth, (0, 16, 48, 1)))[::2]
        ends[name] = (round(row[2], 3), round(row[45], 3))
        depth.remove()
        yield from settle(opened)
    expect("the same from each", (ends["auto"], ends["kra"]), (ends["embedded"],) * 2)
    expect(f"from near to far {ends}", ends["auto"][0] > 0.9 and ends["auto"][1] < 0.1, True)
    expect(f"estimated {ends}", ends["estimate"] != ends["auto"], True)


def check_refusals():
    document, node = yield from photo()
    start = jobs.job_manager().start
    refused("needs a depth layer", lambda: start(operation("repair_depth"), {}, document, node))
    refused("out of range", lambda: start(operation("portrait"), {"f_number": 0.1}, document, node))
    refused("no Dioptre results", lambda: updating.start(jobs.job_manager(), document, node))
    empty = document.createNode("empty", "paintlayer")
    document.rootNode().addChildNode(empty, None)
    refused("is empty", lambda: start(operation("depth"), {}, document, empty))
    refused("No document", lambda: start(operation("depth"), {}, None, None))
    refused("No layer", lambda: start(operation("depth"), {}, document, None))
    yield


def check_updates_say_what_is_gone():
    document, node = yield from photo()
    depth = yield from add_depth(document)
    group = yield from blur(document, node)
    child(group, "Result").setLocked(True)
    refused("is locked", lambda: updating.start(jobs.job_manager(), document, group))
    child(group, "Result").setLocked(False)
    depth.remove()
    yield from settle(document)
    refused("was deleted", lambda: updating.start(jobs.job_manager(), document, group))


def check_super_resolution_of_a_layer():
    document, node = yield from photo(48, 32)
    group = yield from finish(jobs.job_manager().start(operation("super_resolution"), {"scale": 2}, document, node))
    expect("size", child(group, "Result").bounds().getRect(), (0, 0, 96, 64))
    yield from undo(document)
    yield from soon("undone", lambda: names(document.rootNode())[-1], "Photo")
    yield from redo(document)


def check_super_resolution_of_the_document():
    document, node = yield from photo(48, 32)
    parent = document.createGroupLayer("parent")
    document.rootNode().addChildNode(parent, None)
    other = yield from add_layer(document, packed(sample(20, 10), "RGBA", "U8"), "Other", (30, -2, 20, 10), parent)
    other.setBlendingMode("multiply")
    other.setOpacity(100)
    mask = document.createTransparencyMask("mine")
    other.addChildNode(mask, None)
    mask.setPixelData(bytes(255 for _ in range(100)), 30, 0, 10, 10)
    vector = document.createVectorLayer("Shapes")
    document.rootNode().addChildNode(vector, None)
    vector.addShapesFromSvg('<svg width="30pt" height="20pt"><rect x="4" y="6" width="20" height="10"/></svg>')
    selection = Selection()
    selection.select(5, 6, 20, 10, 255)
    document.setSelection(selection)
    document.setHorizontalGuides([10.0])
    yield from settle(document, 20)
    shape = vector.bounds().getRect()
    yield from person.opened("dioptre_super_resolution_document")
    expect("nothing runs before the scale is chosen", jobs.job_manager().runs, [])
    expect("tick", person.widget(QCheckBox, "dioptre_whole").isChecked(), True)
    person.docker().session.change_all({"scale": 2.0})
    yield from next_end(jobs.job_manager(), person.click(person.widget(QPushButton, "dioptre_make")))
    yield from settle(document)
    made = Krita.instance().activeDocument()
    expect("size", (made.width(), made.height(), made.resolution()), (96, 64, 144))
    expect("no file, but a name", (made.fileName(), made.name()), ("", "check ×2"))
    expect("layers", names(made.rootNode()), names(document.rootNode()))
    enlarged = made.nodeByName("Other")
    expect("place", enlarged.bounds().getRect(), (60, -4, 40, 20))
    expect("mode", (enlarged.blendingMode(), enlarged.opacity()), ("multiply", 100))
    expect("masks", names(enlarged), ["mine"])
    kept = made.selection()
    expect("selection", (kept.x(), kept.y(), kept.width(), kept.height()), (10, 12, 40, 20))
    expect("guides", [round(one, 3) for one in made.horizontalGuides()], [20.0])
    shapes = made.nodeByName("Shapes")
    yield from until(
        lambda: max(abs(a - 2 * b) for a, b in zip(shapes.bounds().getRect(), shape, strict=True)) <= 2, "shapes"
    )
    expect("photo", made.nodeByName("Photo").bounds().getRect(), (0, 0, 96, 64))
    expect(
        "the first is untouched",
        (document.width(), pixels(node, (0, 0, 48, 32))),
        (48, packed(sample(48, 32), "RGBA", "U8")),
    )


def check_depth_stays_exact_in_8_bits():
    """An unpainted depth layer gives the same result as in a float document."""
    results = []
    for depth, profile in (("U8", SRGB), ("F32", SRGB)):
        document, node = yield from photo(depth=depth, profile=profile)
        layer = yield from finish(jobs.job_manager().start(operation("depth"), {}, document, node))
        results.append(array.array("f", pixels(layer))[::2])
    apart = [abs(a - b) for a, b in zip(*results, strict=True)]
    far = sum(one > 0.05 for one in apart)  # Pixels where a depth step moves to the next pixel.
    expect(
        f"close: {far} of {len(apart)} differ, {sum(apart) / len(apart):.5f} in the mean",
        far < 0.02 * len(apart),
        True,
    )
    expect("finer than 8 bits", len(set(results[0])) > 300, True)
