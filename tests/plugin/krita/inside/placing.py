"""Layers placed at a depth, by script and from the docker with real clicks: masks, moving, undo, refusals."""

import array

import person
from dioptre.dioptre_link.catalogue import OPERATIONS
from dioptre.dioptre_link.errors import RefusedError
from dioptre.document import record_of
from kinds import SVG
from person import click, opened, widget
from photo_preview import at, changing, open_photo, ready, state
from qt import QLabel, QPushButton
from rig import (
    HEIGHT,
    WIDTH,
    Ending,
    add_depth,
    add_layer,
    child,
    docker,
    expect,
    expect_close,
    expect_in,
    names,
    next_end,
    photo,
    pixels,
    redo,
    settle,
    soon,
    toggle_visibility,
    top,
    trigger,
    undo,
    until,
)

import dioptre
from dioptre import jobs, updating

BETWEEN = {"layer_depth": 0.5, "grain": 0.0, "blur_radius": 0.0}
FAR, NEAR = 20, HEIGHT - 6  # Rows in the farther and in the nearer part of the depth layer.
RED = {"U8": bytes((0, 0, 255, 255)), "U16": array.array("H", (0, 0, 65535, 65535)).tobytes()}


def red(document, rect=(10, 8, 60, 40), name="Red"):
    return (yield from add_layer(document, RED[document.colorDepth()] * (rect[2] * rect[3]), name, rect))


def scene(**kind):
    document, node = yield from photo(**kind)
    depth = yield from add_depth(document)
    yield from settle(document)  # Krita composites without the depth, which has just been hidden.
    before = shown(document)
    layer = yield from red(document)
    return document, node, depth, layer, before


def shown(document):
    return bytes(document.pixelData(0, 0, WIDTH, HEIGHT))


def rows(values, first, last):
    size = len(values) // HEIGHT
    return values[first * size : last * size]


def pixel(values, x, y):
    size = len(values) // (WIDTH * HEIGHT)
    return values[size * (y * WIDTH + x) :][:size]


def placed(document, layer, depth, **options):
    group = dioptre.run("place", document=document, node=layer, depth=depth, **{**BETWEEN, **options})
    yield from settle(document)
    return group


def check_the_near_covers_the_layer_and_the_far_does_not():
    for kind in ({}, {"depth": "U16"}):
        document, _node, depth, layer, before = yield from scene(**kind)
        group = yield from placed(document, layer, depth)
        after = shown(document)
        expect("far", pixel(after, 40, FAR), RED[document.colorDepth()])
        expect_close("near", rows(after, NEAR, HEIGHT), rows(before, NEAR, HEIGHT))
        expect("beside", pixel(after, 5, FAR), pixel(before, 5, FAR))
        expect("layers", names(group), ["Contact shadow", "Placed layer"])
        expect("masks", names(child(group, "Placed layer")), ["Nearer things"])
        kept = layer.visible(), pixel(pixels(layer), 40, FAR)
        expect("the layer is kept", kept, (False, RED[document.colorDepth()]))
        expect("order", names(document.rootNode())[-3:], ["Depth", "Red", "Place at depth"])


def check_an_effect_after_placing_takes_the_photo():
    """Krita selects what was placed; a blur then is one of the photo, below what was placed."""
    document, node, depth, layer, _before = yield from scene()
    group = yield from placed(document, layer, depth)
    for chosen in (group, child(group, "Placed layer"), node):
        found = updating.find_target(OPERATIONS["lens_blur"], document, chosen)
        expect("picture", found.picture.uniqueId(), node.uniqueId())
    blurred = dioptre.run("lens_blur", document=document, node=group, focal_disparity=0.9, max_radius=3.0)
    yield from settle(document)
    expect("order", names(document.rootNode())[-1], group.name())
    expect("size", blurred.bounds(), node.bounds())
    expect("the layer stays", pixel(shown(document), 40, FAR), RED["U8"])


def check_layers_beyond_the_canvas():
    document, _node, depth, layer, _ = yield from scene()
    yield from toggle_visibility(document, layer)  # It is large enough to count as a picture.
    large = yield from red(document, (-90, -70, 300, 200), "Large")
    group = yield from placed(document, large, depth)
    bounds = child(group, "Placed layer").bounds()
    expect("size", (bounds.x(), bounds.y(), bounds.width(), bounds.height()), (0, 0, WIDTH, HEIGHT))
    expect("all over", pixel(pixels(child(group, "Placed layer")), 0, 0), RED["U8"])
    corner = yield from red(document, (-10, -10, 20, 20), "Corner")
    group = yield from placed(document, corner, depth)
    seen = pixels(child(group, "Placed layer"))
    expect("inside and beside", [pixel(seen, *place)[3] for place in ((9, 9), (10, 9), (9, 10))], [255, 0, 0])


def check_text_is_placed_again_after_it_was_moved():
    """A vector layer, such as text, is read as it looks, also while it is hidden, and Update takes its changes."""
    document, _node = yield from photo()
    depth = yield from add_depth(document)
    vector = document.createVectorLayer("Shapes")
    document.rootNode().addChildNode(vector, None)
    vector.addShapesFromSvg(SVG)
    yield from settle(document, 20)
    group = yield from placed(document, vector, depth)
    first = pixels(child(group, "Placed layer"))
    expect("drawn", any(first[3::4]), True)
    dioptre.update(document=document, node=vector)
    yield from settle(document)
    expect_close("the same while hidden", pixels(child(group, "Placed layer")), first)
    yield from toggle_visibility(document, vector)
    for shape in vector.shapes():
        place = shape.position()
        place.setX(place.x() + 12)
        shape.setPosition(place)
        shape.update()
    yield from settle(document, 20)
    dioptre.update(document=document, node=vector)
    yield from settle(document)
    second = pixels(child(group, "Placed layer"))
    expect("moved", second != first and any(second[3::4]), True)
    expect("hidden again", vector.visible(), False)


def check_update_keeps_a_painted_mask():
    document, _node, depth, layer, before = yield from scene()
    group = yield from placed(document, layer, depth)

    def mask():
        return child(child(group, "Placed layer"), "Nearer things")

    def update():
        shown_before = shown(document)
        layer.move(layer.position().x() + 4, layer.position().y())
        run = updating.start(jobs.job_manager(), document, group)
        ending = Ending(run)
        yield from until(lambda: ending.over, "the update")
        expect("error", ending.error, None)
        yield from settle(document)
        expect("the layer follows", shown(document) != shown_before, True)
        return " ".join(map(str, ending.messages))

    made = pixels(mask())
    expect_in("words", "Updated", (yield from update()))
    expect("unpainted", pixels(mask()), made)
    mask().setPixelData(bytes([200]) * (WIDTH * 10), 0, FAR, WIDTH, 10)
    painted = pixels(mask())
    expect("painted", painted != made, True)
    for _ in range(2):
        expect_in("words", "You painted on the mask of “Placed layer”", (yield from update()))
        expect("painted", pixels(mask()), painted)
        under = pixel(before, 40, FAR + 5)
        wanted = [a + (b - a) * 200 / 255 for a, b in zip(under[:3], RED["U8"], strict=False)]
        seen = pixel(shown(document), 40, FAR + 5)
        close = max(abs(a - b) for a, b in zip(seen, wanted, strict=False)) <= 2
        expect(f"the canvas has the painted mask: {[*seen]}, {wanted}", close, True)


def check_masks_opacity_and_a_selection():
    document, _node, depth, layer, before = yield from scene()
    mask = document.createTransparencyMask("Mine")
    layer.addChildNode(mask, None)
    mask.setPixelData(bytes(255 if x < 40 else 0 for _ in range(HEIGHT) for x in range(WIDTH)), 0, 0, WIDTH, HEIGHT)
    for _ in range(2):  # A script's change of a mask is not composited.
        yield from toggle_visibility(document, mask)
    layer.setOpacity(128)
    yield from settle(document, 20)
    trigger("select_all")
    yield from settle(document)
    group = yield from placed(document, layer, depth)
    after = shown(document)
    expect("opacity", group.opacity(), 128)
    half = [(a + b) // 2 for a, b in zip(pixel(before, 30, FAR)[:3], RED["U8"], strict=False)]
    seen = list(pixel(after, 30, FAR)[:3])
    expect(f"half of it: {seen}, {half}", max(abs(a - b) for a, b in zip(seen, half, strict=True)) <= 2, True)
    expect("masked", pixel(after, 50, FAR), pixel(before, 50, FAR))
    expect("its mask stays", names(layer), ["Mine"])


def check_a_layer_over_a_result_that_a_mask_limits_is_placed_in_its_photo():
    document, node = yield from photo()
    yield from add_depth(document)
    for options, picture in (({"range_farthest": 0.5}, "Photo"), ({}, "Haze")):
        document.setActiveNode(node)
        haze = dioptre.run("haze", document=document, node=node, **options)
        yield from settle(document)
        layer = yield from red(document)
        dioptre.run("place", document=document, node=layer, **BETWEEN)
        yield from settle(document)
        expect(f"{haze.name()} {options}", record_of(document).load()[-1].inputs["picture"].name, picture)
        for each in (*document.topLevelNodes()[-1:], layer, haze):
            each.remove()
        yield from settle(document)


def check_what_cannot_be_placed_is_refused():
    document, node = yield from photo()
    for each in nodes_below(document, node):
        each.remove()
    yield from settle(document)
    refused(document, node, "no photo below the layer “Photo”")
    layer = yield from red(document)
    depth = yield from add_depth(document)
    group = yield from placed(document, layer, depth)
    layer.remove()
    yield from settle(document)
    try:
        dioptre.update(document=document, node=group)
    except RefusedError as error:
        expect_in("words", "the layer “Red”, which it places, was deleted", str(error.message))
    else:
        expect("refused", False, True)


def nodes_below(document, node):
    return [one for one in document.topLevelNodes() if one.uniqueId() != node.uniqueId()]


def refused(document, node, words):
    try:
        dioptre.run("place", document=document, node=node)
    except RefusedError as error:
        expect_in("words", words, str(error.message))
    else:
        expect("refused", False, True)


def check_a_click_in_the_preview_places_the_layer():
    """The docker: preview, a click behind the subject, OK, undo and redo in one step, Edit with a shadow."""
    document, node = yield from open_photo()
    bounds = node.bounds()
    before = bytes(document.pixelData(0, 0, bounds.width(), bounds.height()))
    size = bounds.width() // 2, bounds.height() // 2
    rect = (bounds.width() // 4, bounds.height() // 8, *size)
    layer = yield from add_layer(document, RED["U8"] * (size[0] * size[1]), "Red", rect)
    yield from person.maximize()
    yield from person.choose_in_menu("Filter", "Dioptre", "Place at depth…")
    yield from until(lambda: docker().isVisible() and state().operation.name == "place", "the docker")
    yield from ready()
    person.screenshot("krita-place.png")
    behind = state().decided["layer_depth"]
    words = widget(QLabel, "dioptre_words")
    expect_in("hint", "Click a place to give the layer its depth.", words.text())
    yield from changing(click(*at(0.9, 0.9)))
    expect_in("hint", "The layer has the depth of the ring.", words.text())
    expect("the click chooses the depth", state().options["stands_at"] is not None, True)
    expect(f"nearer than {behind}", state().decided["layer_depth"] != behind, True)
    person.screenshot("krita-place-near.png")
    yield from changing(click(*at(0.05, 0.3)))
    person.screenshot("krita-place-far.png")
    group = yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    person.screenshot("krita-placed.png")
    after = bytes(document.pixelData(0, 0, bounds.width(), bounds.height()))
    expect("changed", after != before, True)
    expect("hidden", layer.visible(), False)
    yield from undo(document)
    yield from soon("shown again", layer.visible, True)
    expect("undone", names(document.rootNode())[-1], "Red")
    yield from redo(document)
    yield from soon("hidden again", layer.visible, False)
    expect("redone", top(document).name(), group.name())
    yield from soon("and active", lambda: document.activeNode().name(), group.name())
    yield from opened("dioptre_edit")
    yield from ready()
    docker().session.change_all({"shadow": 0.9})
    yield from ready()
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    expect("one result", [name for name in names(document.rootNode()) if name == group.name()], [group.name()])
    person.screenshot("krita-placed-edited.png")
