"""Layers other than plain paint layers: animated, vector, clone, file, fill, filter; and large canvases."""

import os

from dioptre.dioptre_link.catalogue import operation
from documents import blur, refused
from krita import InfoObject, Krita, Selection
from rig import (
    BLUR,
    HEIGHT,
    OUT,
    WIDTH,
    add_depth,
    add_layer,
    child,
    expect,
    finish,
    names,
    new_document,
    packed,
    photo,
    pixels,
    sample,
    settle,
    soon,
    trigger,
    undo,
)

from dioptre import document as spaces
from dioptre import enlarge, jobs, updating

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="96pt" height="64pt" viewBox="0 0 96 64">'
    '<rect x="10" y="10" width="40" height="40" fill="#c04020"/>'
    '<circle cx="26" cy="28" r="9" fill="#ffee40"/></svg>'
)


def shown(node):
    return bytes(node.projectionPixelData(0, 0, WIDTH, HEIGHT))


def everything():
    selection = Selection()
    selection.select(0, 0, WIDTH, HEIGHT, 255)
    return selection


def added(document, node, above=None):
    document.rootNode().addChildNode(node, above)
    yield from settle(document, 6)
    document.setActiveNode(node)
    yield from settle(document, 3)
    return node


def check_vector_layer():
    document, _ = yield from photo()
    yield from add_depth(document)
    vector = yield from added(document, document.createVectorLayer("Shapes"))
    vector.addShapesFromSvg(SVG)
    yield from settle(document, 6)
    rect = vector.bounds().getRect()
    expect("something is shown", rect[2] > 10 and rect[3] > 10, True)
    before = shown(vector)
    group = yield from blur(document, vector)
    expect("beside its source", names(document.rootNode())[-2:], ["Shapes", "Lens blur"])
    result = child(group, "Result")
    expect("type", (result.type(), result.colorModel()), ("paintlayer", "RGBA"))
    expect("blurred", pixels(result) != before, True)
    expect("source", shown(vector), before)
    yield from undo(document)
    yield from soon("undone", lambda: names(document.rootNode())[-1], "Shapes")


def check_fill_and_clone_and_filter_layers():
    document, node = yield from photo()
    yield from add_depth(document)
    settings = InfoObject()
    settings.setProperty(
        "color", '<!DOCTYPE color><color channeldepth="U8"><sRGB r="0.2" g="0.6" b="0.3"/></color>'
    )
    fill = yield from added(document, document.createFillLayer("Fill", "color", settings, everything()))
    group = yield from blur(document, fill)
    expect("fill", names(group), ["Result"])
    clone = yield from added(document, document.createCloneLayer("Clone", node))
    group = yield from blur(document, clone)
    direct = yield from blur(document, node)
    expect("a clone is what it shows", pixels(child(group, "Result")), pixels(child(direct, "Result")))
    filtered = document.createFilterLayer("Filter", Krita.instance().filter("invert"), everything())
    yield from added(document, filtered)
    refused("filter layer", lambda: jobs.job_manager().start(operation("depth"), {}, document, filtered))


def check_update_spares_what_a_clone_shows():
    document, node = yield from photo()
    yield from add_depth(document)
    group = yield from blur(document, node)
    yield from added(document, document.createCloneLayer("Clone", child(group, "Result")))
    refused("clone layer “Clone”", lambda: updating.start(jobs.job_manager(), document, group))


def check_file_layer():
    path = OUT / "shown.png"
    source, node = yield from photo()
    Krita.instance().setBatchmode(True)  # This avoids a dialog.
    node.save(str(path), 72, 72, InfoObject())
    Krita.instance().setBatchmode(False)
    source.setModified(False)
    document = yield from new_document()
    yield from add_depth(document)
    layer = yield from added(document, document.createFileLayer("File", str(path), "None"))
    for _ in range(100):  # Krita reads the file when it is idle.
        if layer.bounds().width() == WIDTH:
            break
        yield
    group = yield from blur(document, layer)
    expect("size", child(group, "Result").bounds().getRect(), (0, 0, WIDTH, HEIGHT))
    expect("the source's own", (path.exists(), layer.type()), (True, "filelayer"))


def check_animated_layer_gives_its_current_frame():
    document, node = yield from photo()
    yield from add_depth(document)
    first = pixels(node)
    node.enableAnimation()
    document.setActiveNode(node)
    document.setCurrentTime(5)
    yield from settle(document, 6)
    trigger("add_blank_frame")
    yield from settle(document, 6)
    second = first[::-1][3:] + first[-3:]
    node.setPixelData(second, 0, 0, WIDTH, HEIGHT)
    yield from settle(document, 3)
    expect("animated", node.animated(), True)
    frames = {}
    for when in (0, 5):
        document.setCurrentTime(when)
        yield from settle(document, 10)
        frames[when] = pixels(node)
        group = yield from blur(document, node)
        frames[f"blurred {when}"] = pixels(child(group, "Result"))
        expect("a still result", child(group, "Result").animated(), False)
        yield from undo(document)
    expect("two frames", frames[0] != frames[5], True)
    for when in (0, 5):
        still = yield from new_document()
        still_node = yield from add_layer(still, frames[when])
        yield from add_depth(still)
        group = yield from blur(still, still_node)
        expect(f"frame {when}", frames[f"blurred {when}"] == pixels(child(group, "Result")), True)
    refused("is animated", lambda: enlarge.start(jobs.job_manager(), document, {"scale": 2.0}))


def check_huge_canvas():
    """A small photo on a large canvas takes only as much work as the photo."""
    document = yield from new_document(12000, 6000)
    rect = (9000, 5000, WIDTH, HEIGHT)
    node = yield from add_layer(document, packed(sample(), "RGBA", "U8"), rect=rect)
    yield from add_depth(document, rect)
    group = yield from blur(document, node)
    expect("place", child(group, "Result").bounds().getRect(), rect)
    wide = document.createNode("Wide", "paintlayer")
    for x in (0, 262200):
        wide.setPixelData(b"\xff" * 4, x, 0, 1, 1)
    yield from added(document, wide)
    refused("is wider or taller than", lambda: jobs.job_manager().start(operation("depth"), {}, document, wide))


def check_group_with_layers_of_all_kinds():
    document = yield from new_document()
    parent = document.createGroupLayer("Mixed")
    document.rootNode().addChildNode(parent, None)
    yield from add_layer(document, packed(sample(), "RGBA", "U8"), "In it", parent=parent)
    vector = document.createVectorLayer("Shapes")
    parent.addChildNode(vector, None)
    vector.addShapesFromSvg(SVG)
    yield from settle(document, 6)
    yield from add_depth(document)
    group = yield from blur(document, parent)
    expect("above the group", names(document.rootNode())[-3:-1], ["Mixed", "Lens blur"])
    expect("its content is untouched", names(parent), ["In it", "Shapes"])
    yield from finish(updating.start(jobs.job_manager(), document, group))


def check_cmyk_in_strips():
    """Krita's colour engine is slow with a large picture, so the event loop must get many turns meanwhile."""
    width, height = 900, 704
    document = yield from new_document(width, height, "CMYKA", "U8", "Chemical proof")
    data = os.urandom(5 * width * 16) * (height // 16)
    node = yield from add_layer(document, data, rect=(0, 0, width, height))
    yield from add_depth(document, (0, 0, WIDTH, HEIGHT))
    turns, usual = 0, spaces.CONVERTED_PX
    spaces.CONVERTED_PX = 1 << 15  # Use smaller strips, as if the picture were four times as large.
    run = jobs.job_manager().start(operation("lens_blur"), BLUR, document, node)
    while run.ticket is None and not run.done:
        turns += 1
        yield
    spaces.CONVERTED_PX = usual
    expect("turns while it was read", turns > 3, True)
    group = yield from finish(run)
    expect("layers", (names(group), child(group, "Result").colorModel()), (["Result"], "CMYKA"))
