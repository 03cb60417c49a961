"""The user's view: the canvas on the screen and the file saved with the File menu show the result."""

import zipfile

import person
from dioptre.dioptre_link.catalogue import operation
from krita import Krita, Selection
from qt import QImage, QPushButton
from rig import (
    HEIGHT,
    OUT,
    SRGB,
    WIDTH,
    Failed,
    add_depth,
    child,
    close,
    expect,
    finish,
    next_end,
    photo,
    redo,
    settle,
    soon,
    toggle_visibility,
    trigger,
    undo,
    until,
)

from dioptre import jobs, updating

GREY = "Gray-D50-elle-V2-srgbtrc.icc"
KINDS = [("RGBA", depth, SRGB) for depth in ("U8", "U16", "F16", "F32")]
KINDS += [("GRAYA", "U8", GREY), ("GRAYA", "U16", GREY), ("CMYKA", "U8", "Chemical proof")]
SHARP = {"f_number": 0.7}  # This blur is strong enough to be visible on any screen.
CHANGED = 1.0  # Smallest mean difference, in 8-bit values, that counts as a visible change.
BRUSH = 0.1  # Maximum mean difference that the brush's outline, which stays on the canvas, can cause.
ROUNDED = 2  # Maximum rounding error of an 8-bit canvas or file, in code values.
OUTLINE = 0.1  # Maximum mean difference of equal pictures, one with the brush's outline; a sharp photo has 3.


def expect_changed(what, one, other):
    if person.apart(one, other)[1] < CHANGED:
        raise Failed(f"{what}: nothing changed: {person.apart(one, other)}")


def expect_same(what, one, other, most=ROUNDED):
    if person.apart(one, other)[0] > most:
        raise Failed(f"{what}: {person.apart(one, other)} apart")


def expect_shows_the_same(what, one, other):
    """Expect the same picture in two windows, up to a shift by a pixel and the brush's outline."""
    width, height = one.width() - 2, one.height() - 2
    middle = other.copy(1, 1, width, height)
    means = [person.apart(one.copy(x, y, width, height), middle)[1] for x in range(3) for y in range(3)]
    if min(means) > OUTLINE:
        raise Failed(f"{what}: {min(means)} apart on average")


def picture_of(node):
    """Return an opaque layer's own 8-bit pixels as an image."""
    x, y, width, height = node.bounds().getRect()
    data = bytes(node.pixelData(x, y, width, height))
    return QImage(data, width, height, 4 * width, QImage.Format.Format_RGB32).copy()


def reopened(path):
    """Return the canvas of a saved file, opened in a separate window and closed again."""
    shown = yield from person.open_file(path)
    trigger("zoom_to_100pct")
    canvas = yield from person.canvas_picture("reopened.png")
    yield from close(shown)
    return canvas


def portrait_from_the_menu():
    yield from person.choose_in_menu("Filter", "Dioptre", "Portrait blur…")
    yield from person.click(person.widget(QPushButton, "dioptre_make"))


def check_portrait_of_a_photo():
    """After real clicks in the menu, the canvas, the exported file and the KRA's merged image show the result."""
    document = yield from person.open_file("/examples/astronaut.jpg")
    yield from person.opened("dioptre_panel")  # Otherwise the canvas would change its size.
    trigger("zoom_to_100pct")
    before = yield from person.canvas_picture("canvas-before.png")
    group = yield from next_end(jobs.job_manager(), portrait_from_the_menu())
    after = yield from person.canvas_picture("canvas-after.png")
    expect_changed("canvas", before, after)
    result = picture_of(child(group, "Result"))
    expect_changed("result", result, "/examples/astronaut.jpg")
    saved = yield from person.export("portrait.png")
    expect_same("saved PNG", saved, result, 0)
    layered = yield from person.export("portrait.kra")
    with zipfile.ZipFile(layered) as kra:
        (OUT / "merged.png").write_bytes(kra.read("mergedimage.png"))
    expect_same("merged image of the KRA", OUT / "merged.png", result, 0)
    as_jpeg = yield from person.export("portrait.jpg")
    expect_changed("saved JPEG", as_jpeg, "/examples/astronaut.jpg")
    yield from undo(document)
    undone = yield from person.canvas_picture("canvas-undone.png")
    expect_same("canvas after undo", undone, before, 0)
    yield from redo(document)
    redone = yield from person.canvas_picture("canvas-redone.png")
    expect_same("canvas after redo", redone, after, 0)
    document.setModified(False)
    expect_shows_the_same("canvas of the saved file", (yield from reopened(saved)), after)


def check_documents_of_every_kind():
    """Several layers in a group, in every depth and model."""
    small = QImage("/examples/astronaut.jpg").scaled(WIDTH, HEIGHT)
    small.save(str(OUT / "small.png"))
    for kind in KINDS:
        document = yield from person.open_file(OUT / "small.png")
        if kind != KINDS[0]:
            expect(f"{kind}: converted", document.setColorSpace(*kind), True)
            yield from settle(document)
        ending = "jpg" if kind[0] == "CMYKA" else "png"
        before = yield from person.canvas_picture("kind-before.png")
        sharp = QImage(str((yield from person.export(f"kind-before.{ending}"))))
        run = jobs.job_manager().start(operation("portrait"), SHARP, document, document.activeNode())
        group = yield from finish(run)
        expect(f"{kind}: layers", len(group.childNodes()) > 1, True)
        expect_changed(f"{kind}: canvas", (yield from person.canvas_picture("kind-after.png")), before)
        expect_changed(f"{kind}: file", (yield from person.export(f"kind.{ending}")), sharp)
        yield from close(document)


def everything():
    selection = Selection()
    selection.select(0, 0, WIDTH, HEIGHT, 255)
    return selection


def check_under_a_filter_layer():
    document, node = yield from photo()
    group = yield from finish(jobs.job_manager().start(operation("portrait"), SHARP, document, node))
    alone = yield from person.export("alone.png")
    yield from undo(document)
    yield from until(lambda: document.nodeByName("Portrait blur") is None, "the undo")
    filtered = document.createFilterLayer("Filter", Krita.instance().filter("invert"), everything())
    document.rootNode().addChildNode(filtered, node)
    yield from settle(document)
    group = yield from finish(jobs.job_manager().start(operation("portrait"), SHARP, document, node))
    expect("below the filter", document.rootNode().childNodes()[-1].name(), "Filter")
    inverted = QImage(str((yield from person.export("filtered.png"))))
    inverted.invertPixels()
    expect_same("the result, inverted", inverted, alone)
    expect("several layers", len(group.childNodes()) > 1, True)


def check_recipe_and_update():
    document, node = yield from photo()
    document.setActiveNode(node)
    yield from settle(document)
    sharp = QImage(str((yield from person.export("sharp.png"))))
    yield from person.choose_in_menu("Filter", "Dioptre", "Recipe", "Product on a table")
    yield from until(lambda: person.is_shown(QPushButton, "dioptre_make"), "the docker")
    group = yield from next_end(jobs.job_manager(), person.click(person.widget(QPushButton, "dioptre_make")))
    first = QImage(str((yield from person.export("recipe.png"))))
    expect_changed("recipe", first, sharp)
    expect_same("result", first, picture_of(child(group, "Result")), 0)
    child(group, "Depth").setPixelData(b"\0\0\0\0\0\0\x80\x3f" * (WIDTH * HEIGHT), 0, 0, WIDTH, HEIGHT)
    before = yield from person.canvas_picture("update-before.png")
    yield from finish(updating.start(jobs.job_manager(), document, group))
    updated = QImage(str((yield from person.export("updated.png"))))
    expect_same("updated result", updated, picture_of(child(group, "Result")), 0)
    expect("canvas", (yield from person.canvas_picture("update-after.png")) != before, True)


def check_painting_on_depth():
    """The depth is shown, painted on and hidden again; no trace of it is left on the canvas or in the file."""
    document, node = yield from photo(256, 256)
    trigger("zoom_to_100pct")
    group = yield from finish(jobs.job_manager().start(operation("portrait"), SHARP, document, node))
    shown = yield from person.canvas_picture("depth-hidden.png")
    depth = child(group, "Depth")
    yield from toggle_visibility(document, depth)
    was = bytes(depth.pixelData(0, 0, 256, 256))
    document.setActiveNode(depth)
    yield from soon("active", lambda: document.activeNode().name(), "Depth")
    trigger("KritaShape/KisToolBrush")
    middle = person.canvas().center()
    person.drag([(middle.x() + 8 * step - 60, middle.y() + 3 * step - 20) for step in range(16)])
    yield from until(lambda: bytes(depth.pixelData(0, 0, 256, 256)) != was, "the stroke")
    yield from settle(document)
    yield from toggle_visibility(document, depth)
    left = person.apart((yield from person.canvas_picture("depth-painted.png")), shown)[1]
    expect(f"canvas: {left} apart in the mean", left < BRUSH, True)
    saved = yield from person.export("depth-painted.png")
    expect_same("file", saved, picture_of(child(group, "Result")), 0)


def check_a_stroke_across_the_edge_of_the_canvas():
    """The stroke enlarges the layer with transparency, which must not be blurred into the picture."""
    document, node = yield from photo(256, 256)
    trigger("zoom_to_100pct")
    sharp = QImage(str((yield from person.export("edge-before.png"))))
    trigger("KritaShape/KisToolBrush")
    middle = person.canvas().center()
    person.drag([(middle.x() + 8 * step - 60, middle.y() - 128) for step in range(16)])
    yield from until(lambda: node.bounds().y() < 0, "the stroke")
    yield from settle(document)
    for name in ("portrait", "lens_blur"):
        group = yield from finish(jobs.job_manager().start(operation(name), SHARP, document, node))
        expect("result", child(group, "Result").bounds().getRect(), (0, 0, 256, 256))
        expect("source", node.visible(), True)
        saved = QImage(str((yield from person.export(f"edge-{name}.png"))))
        expect(f"alpha after {name}", alphas(saved, 256), [255])
        expect_changed(name, saved, sharp)
    yield from person.canvas_picture("edge.png")


def check_redo_with_a_transparency_mask():
    """The canvas must hide the source again, whose translucent pixels would otherwise show through twice."""
    document, node = yield from photo()
    yield from add_depth(document)
    mask = document.createTransparencyMask("mine")
    node.addChildNode(mask, None)
    mask.setPixelData(bytes(60 for _ in range(WIDTH * HEIGHT)), 0, 0, WIDTH, HEIGHT)
    background = document.rootNode().childNodes()[0]
    if background.visible() and background.name() == "Background":
        yield from toggle_visibility(document, background)
    options = {"focal_disparity": 0.85, "max_radius": 6.0}
    yield from finish(jobs.job_manager().start(operation("lens_blur"), options, document, node))
    first = alphas(str((yield from person.export("masked.png"))))
    yield from undo(document)
    yield from until(node.visible, "the source after undo")
    yield from settle(document, 6)
    expect("alpha after undo", alphas(str((yield from person.export("masked.png")))), first)
    yield from redo(document)
    yield from until(lambda: not node.visible(), "the source hidden after redo")
    yield from settle(document, 6)
    expect("alpha after redo", alphas(str((yield from person.export("masked.png")))), first)


def alphas(path, side=0):
    """Return the distinct alpha values of a square picture with this side.

    If `side` is 0, the picture has the default size, and pixels near its edges are left out.
    """
    image, near = QImage(path).convertToFormat(QImage.Format.Format_ARGB32), 0 if side else 8
    width, height = (side, side) if side else (WIDTH, HEIGHT)
    places = ((x, y) for y in range(near, height - near) for x in range(near, width - near))
    return sorted({image.pixelColor(*place).alpha() for place in places})
