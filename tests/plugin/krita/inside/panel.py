"""The docker, driven with real clicks; leaves screenshots in OUT."""

import array
import os

import person
from dioptre.dioptre_link.editing import views
from dioptre.dioptre_link.editing.state import Phase
from dioptre.dioptre_link.operations import OPERATIONS, operation
from krita import Krita, Selection
from person import click, docker, opened, widget
from rig import (
    Ending,
    add_layer,
    child,
    expect,
    expect_in,
    finish,
    names,
    new_document,
    next_end,
    pixels,
    settle,
    soon,
    top,
    trigger,
    until,
)

from dioptre import jobs, recipe, updating

try:
    from PyQt5.QtCore import QPoint
    from PyQt5.QtGui import QImage
    from PyQt5.QtWidgets import (
        QApplication,
        QCheckBox,
        QComboBox,
        QDoubleSpinBox,
        QLabel,
        QListWidget,
        QPushButton,
        QScrollArea,
        QSlider,
        QToolButton,
        QWidget,
    )
except ImportError:
    from PyQt6.QtCore import QPoint
    from PyQt6.QtGui import QImage
    from PyQt6.QtWidgets import (
        QApplication,
        QCheckBox,
        QComboBox,
        QDoubleSpinBox,
        QLabel,
        QListWidget,
        QPushButton,
        QScrollArea,
        QSlider,
        QToolButton,
        QWidget,
    )

PHOTO_PX = 256
WHOLE = (0, 0, PHOTO_PX, PHOTO_PX)
NARROW_PX = 300


def state():
    return docker().session.state


def ready():
    """Until the preview shows what the options say."""
    yield from until(lambda: state().phase in (Phase.READY, Phase.FAILED), "the preview")
    expect("preview", (state().phase, state().message if state().phase is Phase.FAILED else ""), (Phase.READY, ""))
    for _ in range(3):
        yield


def changing(act):
    """Go through `act`, which asks for another preview, and wait for it."""
    shown = state().shown
    yield from act
    yield from until(lambda: state().shown is not shown and not state().busy, "another preview")
    yield from ready()


def at(x, y):
    """Shares of the preview's widget for those of the picture in it."""
    canvas = widget(QWidget, "dioptre_preview")
    left, upper, width, height = canvas.place()
    return canvas, (left + x * width) / canvas.width(), (upper + y * height) / canvas.height()


def open_photo():
    photo = QImage(os.environ.get("PHOTO", "/examples/astronaut.jpg"))
    photo = photo.scaled(PHOTO_PX, PHOTO_PX).convertToFormat(QImage.Format.Format_ARGB32)
    data = photo.constBits().asstring(photo.sizeInBytes())
    document = yield from new_document(photo.width(), photo.height())
    node = yield from add_layer(document, data, rect=(0, 0, photo.width(), photo.height()))
    return document, node


def check_the_menu_opens_the_docker_and_a_click_focuses():
    document, _node = yield from open_photo()
    yield from person.maximize()
    yield from person.choose_in_menu("Filter", "Dioptre", "Portrait blur…")
    yield from until(docker().isVisible, "the docker")
    expect("nothing is made yet", jobs.desk().runs, [])
    yield from until(lambda: state().phase is not Phase.EMPTY, "the preview to begin")
    person.screenshot("krita-waiting.png")
    yield from ready()
    expect("room", docker().height() > 500 and docker().width() >= NARROW_PX, True)
    person.screenshot("krita-panel.png")
    yield from changing(click(*at(0.3, 0.75)))
    point = state().point
    expect(f"point {point}", abs(point[0] - 77) < 4 and abs(point[1] - 192) < 4, True)
    for name in ("depth", "focus", "split"):
        yield from click(widget(QToolButton, f"dioptre_view_{name}"))
        expect("view", state().view, name)
        person.screenshot(f"krita-{name}.png")
    yield from click(widget(QToolButton, "dioptre_view_after"))
    yield from next_end(jobs.desk(), click(widget(QPushButton, "dioptre_make")))
    expect("group", top(document).name(), "Portrait blur")
    expect("focus", tuple(recipe.of(document).load()[0].options["focus"]), point)
    results = widget(QListWidget, "dioptre_history")
    expect("results", [results.item(0).text(), results.item(0).icon().isNull()], ["Portrait blur", False])
    person.screenshot("krita-result.png")


def check_nothing_hidden_takes_part():
    """Neither what a closed docker held nor a point of an earlier document."""
    yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    yield from changing(click(*at(0.3, 0.75)))
    slider = widget(QWidget, "dioptre_option_f_number").findChild(QSlider)
    slider.setFocus()
    person.keys("Home")
    yield from soon("the f-number", lambda: state().options["f_number"], 0.7)
    second, node = yield from open_photo()
    yield from soon("the other layer is read", lambda: docker().session._source.document == second, True)
    yield from ready()
    expect("no point of the other document", (state().point, state().options["f_number"]), (None, 0.7))
    docker().close()
    yield from until(lambda: not docker().isVisible(), "the docker closed")
    yield from opened("dioptre_portrait")
    expect("options", state().options, operation("portrait").defaults())
    yield from ready()


def check_the_wheel_changes_no_value():
    yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    yield from click(widget(QCheckBox, "dioptre_more"))
    before = dict(state().options)
    area = widget(QWidget, "dioptre_option_f_number").parentWidget()
    while not isinstance(area, QScrollArea):
        area = area.parentWidget()
    for kind in (QSlider, QDoubleSpinBox, QComboBox):
        area.verticalScrollBar().setValue(0)
        docker().widget().setFocus()
        for control in docker().findChildren(kind):
            if control.isVisible() and control.isEnabled() and area.isAncestorOf(control):
                break
        yield from click(control, button="5")
        expect(f"options after the wheel over {kind.__name__}", state().options, before)
    expect("scrolled", area.verticalScrollBar().value() > 0, True)
    slider = widget(QWidget, "dioptre_option_f_number").findChild(QSlider)
    slider.setFocus()
    yield from click(slider, button="4")
    expect("with the focus it changes", state().options != before, True)


def check_the_preview_zooms():
    yield from open_photo()
    yield from opened("dioptre_white_balance")
    yield from ready()
    canvas = widget(QWidget, "dioptre_preview")
    before = canvas.place()
    yield from click(*at(0.8, 0.8), button="4")
    after = canvas.place()
    expect("larger", after[2] > before[2], True)
    corner = [(after[side] + 0.8 * after[side + 2]) - (before[side] + 0.8 * before[side + 2]) for side in (0, 1)]
    expect(f"about the pointer: {corner}", max(map(abs, corner)) < 3, True)
    person.screenshot("krita-zoom.png")
    for _ in range(3):
        yield from click(*at(0.5, 0.5), button="5")
    expect("whole again", canvas.place(), before)


def check_a_slider_that_keeps_moving_is_shown():
    yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    shown = []
    stop = docker().session.store.observe(lambda _, panel: shown.append(panel.state.shown))
    slider = widget(QWidget, "dioptre_option_f_number").findChild(QSlider)
    for turn in range(500):
        if len({id(one) for one in shown}) >= 4:
            break
        slider.setValue(100 + turn % 60 * 10)
        yield
    expect("previews while it moved", len({id(one) for one in shown}) >= 4, True)
    yield from ready()
    stop()


def check_white_balance_by_a_click_on_something_grey():
    document, node = yield from open_photo()
    yield from opened("dioptre_white_balance")
    yield from ready()
    buttons = [name for name in views.VIEWS if docker().findChild(QToolButton, f"dioptre_view_{name}").isVisible()]
    expect("views", buttons, ["after", "before", "split"])
    docker().session.change("temperature", 3000.0)
    yield from changing(click(*at(0.7, 0.12)))
    expect("the click counts", state().options["temperature"], None)
    point = state().point
    person.screenshot("krita-white-balance.png")
    group = yield from next_end(jobs.desk(), click(widget(QPushButton, "dioptre_make")))
    x, y = (round(value) for value in point)
    mean = [sum(pixels(child(group, "Result"), (x - 2, y - 2, 5, 5))[at::4]) / 25 for at in range(3)]
    expect(f"grey at the point: {mean}", max(mean) - min(mean) < 6, True)
    expect("source", node.visible(), True)
    document.setModified(False)


def check_enlarging_shows_the_same_place_before_and_after():
    yield from open_photo()
    yield from opened("dioptre_super_resolution")
    yield from ready()
    shown = state().shown
    expect("part", (round(shown.part[2] * 256), round(shown.part[3] * 256)), (256, 170))
    sizes = [(image.width, image.height) for image in (shown.before, shown.after)]
    expect("before and after", sizes, [(256, 170), (512, 340)])
    yield from click(widget(QToolButton, "dioptre_view_place"))
    person.screenshot("krita-place.png")
    yield from changing(click(*at(0.3, 0.8)))
    moved = state().shown.part
    expect(f"moved {moved}", moved[1] > shown.part[1], True)


def check_repair_of_depth():
    """The repaired layer takes the place of the depth layer; Update uses it; one undo step."""
    document, node = yield from open_photo()
    depth = yield from finish(jobs.desk().start(operation("depth"), {}, document, node))
    blur = {"focal_disparity": 0.9, "max_radius": 4.0}
    group = yield from finish(jobs.desk().start(operation("lens_blur"), blur, document, node))
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
    docker().session.change("mode", "shift")
    docker().session.change("amount", 0.3)
    yield from ready()
    person.screenshot("krita-repair.png")
    new = yield from next_end(jobs.desk(), click(widget(QPushButton, "dioptre_make")))
    expect("in its place", names(document.rootNode()).count("Depth"), 1)
    after = array.array("f", pixels(new, WHOLE))[::2]
    changed = [at for at, (a, b) in enumerate(zip(before, after, strict=True)) if abs(a - b) > 1e-6]
    inside = all(20 <= at % PHOTO_PX < 120 and 20 <= at // PHOTO_PX < 100 for at in changed)
    expect("changed inside alone", (len(changed) > 1000, inside), (True, True))
    yield from finish(updating.start(jobs.desk(), document, group))
    expect("the blur follows", pixels(child(group, "Result"), WHOLE) != first, True)
    trigger("edit_undo")
    yield from until(
        lambda: "Result" in names(group) and pixels(child(group, "Result"), WHOLE) == first, "the blur"
    )
    yield from settle(document, 10)
    trigger("edit_undo")
    yield from until(
        lambda: (
            (node := document.nodeByName("Depth")) is not None
            and array.array("f", pixels(node, WHOLE))[::2] == before
        ),
        "the depth as it was",
    )
    expect("undone", pixels(child(group, "Result"), WHOLE) == first, True)


def check_editing_a_result_in_place():
    """Its options come back, it is replaced in one undo step, and its name, mask and opacity stay."""
    document, node = yield from open_photo()
    group = yield from finish(jobs.desk().start(operation("portrait"), {"f_number": 1.4}, document, node))
    was = names(document.rootNode())
    result = child(group, "Result")
    result.setName("Mine")
    result.setOpacity(200)
    result.addChildNode(document.createTransparencyMask("mask"), None)
    first = pixels(child(group, "Mine"), WHOLE)
    document.setActiveNode(child(group, "Mine"))
    yield from settle(document)
    yield from opened("dioptre_edit")
    expect("options", (state().operation.name, state().options["f_number"]), ("portrait", 1.4))
    yield from ready()
    docker().session.change("f_number", 8.0)
    button = widget(QPushButton, "dioptre_make")
    expect("button", button.text(), "Replace the result")
    yield from next_end(jobs.desk(), click(button))
    expect("no other group", names(document.rootNode()), was)
    second = pixels(child(group, "Mine"), WHOLE)
    expect("changed", second != first, True)
    kept = child(group, "Mine")
    expect("kept", (names(kept), kept.opacity(), kept.visible()), (["mask"], 200, True))
    yield from soon("active", lambda: document.activeNode().name(), "Mine")
    (entry,) = recipe.of(document).load()
    expect("recorded", entry.options["f_number"], 8.0)
    trigger("edit_undo")
    yield from until(lambda: "Mine" in names(group) and pixels(child(group, "Mine"), WHOLE) == first, "the undo")
    yield from settle(document, 10)
    yield from click(widget(QCheckBox, "dioptre_adds"))
    yield from next_end(jobs.desk(), click(widget(QPushButton, "dioptre_make")))
    expect("another group where asked for", names(document.rootNode()).count("Portrait blur"), 2)


def check_editing_depth():
    """Edit depth shows the depth alone and makes it active; Update shows the result again."""
    document, node = yield from open_photo()
    group = yield from finish(jobs.desk().start(operation("portrait"), {"f_number": 1.0}, document, node))
    before = yield from person.canvas_picture("edit-depth-before.png")
    trigger("dioptre_edit_depth")
    yield from soon("active", lambda: document.activeNode().name(), "Depth")
    seen = {one.name(): one.visible() for one in group.childNodes()}
    expect("visible", (seen["Depth"], seen["Result"]), (True, False))
    during = yield from person.canvas_picture("edit-depth-during.png")
    expect("the canvas shows the depth", person.apart(before, during)[1] > 5, True)
    near = array.array("f", [1.0, 1.0] * (PHOTO_PX * 60)).tobytes()
    child(group, "Depth").setPixelData(near, 0, 0, PHOTO_PX, 60)
    run = updating.start(jobs.desk(), document, document.activeNode())
    ending = Ending(run)
    yield from finish(run)
    yield from until(lambda: ending.over, "the end")
    expect_in("words", "Updated “Portrait blur”", " ".join(ending.messages))
    seen = {one.name(): one.visible() for one in group.childNodes()}
    expect("visible again", (seen["Depth"], seen["Result"]), (False, True))
    after = yield from person.canvas_picture("edit-depth-after.png")
    expect("the canvas shows a result", person.apart(after, during)[1] > 5, True)
    expect("the painting counts", person.apart(after, before)[1] > 0.05, True)


def check_each_job_has_its_own_cancel():
    document, node = yield from open_photo()
    yield from opened("dioptre_panel")
    endings = [Ending(jobs.desk().start(operation("portrait"), {}, document, node)) for _ in range(3)]
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


def check_narrow_docker():
    """At 300 pixels nothing is cut off, with all options, for every operation."""
    yield from open_photo()
    yield from opened("dioptre_panel")
    panel = docker()
    panel.setFloating(True)
    panel.resize(NARROW_PX, 720)
    panel.move(40, 40)
    for _ in range(6):
        yield
    wide = []
    for name in OPERATIONS:
        trigger(f"dioptre_{name}")
        panel.session.show_more(True)
        for _ in range(8):
            yield
        for area in (panel.findChild(QScrollArea),):
            inside = area.widget()
            if inside.minimumSizeHint().width() > area.viewport().width():
                wide.append((name, inside.minimumSizeHint().width(), area.viewport().width()))
        if panel.width() > NARROW_PX:
            wide.append((name, panel.width()))
        button = widget(QPushButton, "dioptre_make")
        lowest = button.mapTo(panel, QPoint(0, button.height())).y()
        expect("the button is in sight", lowest <= panel.height(), True)
        person.screenshot(f"krita-narrow-{name}.png")
    panel.setFloating(False)
    expect("wider than the docker", wide, [])


def check_recipes_are_listed():
    document, _ = yield from open_photo()
    yield from opened("dioptre_panel")
    box = widget(QComboBox, "dioptre_operation")
    texts = [box.itemText(place) for place in range(box.count())]
    expect_in("recipes", "Recipe: Product on a table", texts)
    box.setFocus()
    box.setCurrentIndex(texts.index("Recipe: Product on a table"))
    box.activated.emit(box.currentIndex())
    yield
    person.screenshot("krita-recipe.png")
    group = yield from next_end(jobs.desk(), click(widget(QPushButton, "dioptre_make")))
    expect("group", group.name(), "Product on a table")
    document.setModified(False)


def check_menu_picture():
    document, _ = yield from open_photo()
    yield from person.maximize()
    yield from person.choose_in_menu("Filter", "Dioptre")
    person.screenshot("krita-menu.png")
    person.keys("Escape", "Escape", "Escape")
    yield from settle(document, 6)


def check_equal_refusals_show_once():
    """In a window that stops nothing; the docker says its own in words."""
    document, _ = yield from open_photo()
    for _ in range(3):
        trigger("dioptre_edit")
        yield from settle(document)
    shown = [one for one in QApplication.topLevelWidgets() if one.objectName() == "dioptre_message"]
    boxes = [one for one in shown if one.isVisible()]
    expect("windows", [(one.isModal(), "no Dioptre results" in one.text()) for one in boxes], [(False, True)])
    boxes[0].close()
    yield from opened("dioptre_lens_blur")
    expect_in("words", "needs a depth layer", widget(QLabel, "dioptre_words").text())
    expect("runs", jobs.desk().runs, [])
