"""The docker, driven with real clicks; leaves screenshots in OUT."""

import array
import os
import subprocess

from dioptre.dioptre_link.operations import operation
from dioptre.picture_view import VIEWS
from krita import Krita, Selection
from rig import (
    OUT,
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
    top,
    trigger,
    until,
)

from dioptre import jobs, updating

try:
    from PyQt5.QtCore import QPoint, Qt
    from PyQt5.QtGui import QImage
    from PyQt5.QtWidgets import (
        QApplication,
        QCheckBox,
        QComboBox,
        QLabel,
        QListWidget,
        QPushButton,
        QSlider,
        QToolButton,
        QWidget,
    )
except ImportError:
    from PyQt6.QtCore import QPoint, Qt
    from PyQt6.QtGui import QImage
    from PyQt6.QtWidgets import (
        QApplication,
        QCheckBox,
        QComboBox,
        QLabel,
        QListWidget,
        QPushButton,
        QSlider,
        QToolButton,
        QWidget,
    )

PHOTO_PX = 256
WHOLE = (0, 0, PHOTO_PX, PHOTO_PX)
DOCKER_PX, LAYERS_PX = 640, 200  # high
NARROW_PX = 300


def docker():
    return next(one for one in Krita.instance().activeWindow().dockers() if one.objectName() == "dioptre_docker")


def widget(kind, name):
    found = docker().findChild(kind, name)
    if found is None:
        raise LookupError(name)
    return found


def click(target, x=0.5, y=0.5):
    """Move the pointer there and press its button, as a hand would; scroll to it first where it is hidden."""
    around = target.parentWidget()
    while around is not None and not hasattr(around, "ensureWidgetVisible"):
        around = around.parentWidget()
    if around is not None:
        around.ensureWidgetVisible(target)
        for _ in range(4):
            yield
    where = target.mapToGlobal(QPoint(round(target.width() * x), round(target.height() * y)))
    subprocess.run(["xdotool", "mousemove", str(where.x()), str(where.y()), "click", "1"], check=True)
    for _ in range(4):
        yield


def make_room():
    """Hide the dockers that would leave ours a strip."""
    window = Krita.instance().activeWindow()
    for one in window.dockers():
        if one.objectName() not in ("dioptre_docker", "KisLayerBox"):
            one.hide()
    window.qwindow().showMaximized()
    sizes = [DOCKER_PX, LAYERS_PX]
    layers = next(one for one in window.dockers() if one.objectName() == "KisLayerBox")
    window.qwindow().resizeDocks([docker(), layers], [420, 420], Qt.Orientation.Horizontal)
    window.qwindow().resizeDocks([docker(), layers], sizes, Qt.Orientation.Vertical)


def screenshot(name):
    for _ in range(6):
        yield
    subprocess.run(["scrot", "-o", str(OUT / name)], check=True)


def open_photo():
    photo = QImage(os.environ.get("PHOTO", "/examples/astronaut.jpg"))
    photo = photo.scaled(PHOTO_PX, PHOTO_PX).convertToFormat(QImage.Format.Format_ARGB32)
    data = photo.constBits().asstring(photo.sizeInBytes())
    document = yield from new_document(photo.width(), photo.height())
    node = yield from add_layer(document, data, rect=(0, 0, photo.width(), photo.height()))
    return document, node


def check_panel_with_clicks():
    document, _node = yield from open_photo()
    trigger("dioptre_panel")
    make_room()
    yield from settle(document, 10)
    view = widget(QWidget, "dioptre_preview")
    yield from click(widget(QPushButton, "dioptre_look"))
    yield from until(lambda: docker()._view._images.get("after"), "the first preview")
    yield from screenshot("krita-panel.png")
    left, top_px, width, height = view.place()
    yield from click(view, (left + 0.3 * width) / view.width(), (top_px + 0.75 * height) / view.height())
    yield from until(lambda: jobs.desk().points, "the click")
    point = jobs.desk().points["portrait"][1]
    expect("point", abs(point[0] - 77) < 4 and abs(point[1] - 192) < 4, True)
    ticket = docker()._ticket
    yield from until(lambda: docker()._ticket is ticket and not docker()._thread._current, "the second preview")
    for name, shown in (("depth", "krita-depth.png"), ("focus", "krita-focus.png")):
        yield from click(widget(QToolButton, f"dioptre_view_{name}"))
        yield from screenshot(shown)
    yield from click(widget(QToolButton, "dioptre_view_after"))
    yield from next_end(jobs.desk(), click(widget(QPushButton, "dioptre_make")))
    expect("group", top(document).name(), "Portrait blur")
    expect("pieces", names(top(document))[-1], "Result")
    history = widget(QListWidget, "dioptre_history")
    expect("history", history.count(), 1)
    expect_in("history", "Portrait blur", history.item(0).text())
    yield from screenshot("krita-result.png")


def choose(name):
    box = widget(QComboBox, "dioptre_operation")
    box.setCurrentIndex([described.name for described in docker()._operations].index(name))
    yield
    yield


def preview():
    """Press the button, and wait for the answer."""
    before = docker()._ticket
    yield from click(widget(QPushButton, "dioptre_look"))
    yield from until(lambda: docker()._ticket is not before, "a preview to begin")
    yield from answer()


def answer():
    yield from until(lambda: docker()._thread._current is None and docker()._thread._queue.empty(), "the preview")
    for _ in range(3):
        yield


def check_a_click_on_the_subject_does_not_look_for_it_again():
    yield from open_photo()
    trigger("dioptre_panel")
    make_room()
    yield from choose("portrait")
    yield from preview()
    known = docker()._previews._subjects
    expect("subjects", list(known), [None])
    (subject,) = known.values()
    view = widget(QWidget, "dioptre_preview")
    left, top_px, width, height = view.place()
    yield from click(view, (left + 0.42 * width) / view.width(), (top_px + 0.3 * height) / view.height())
    yield from until(lambda: len(docker()._previews._subjects) == 2, "the preview of the click")
    expect("the same subject", set(docker()._previews._subjects.values()) == {subject}, True)
    yield from click(view, (left + 0.95 * width) / view.width(), (top_px + 0.1 * height) / view.height())
    yield from until(lambda: len(docker()._previews._subjects) == 3, "the preview of the other click")
    expect("another subject", len({one.name for one in docker()._previews._subjects.values()}), 2)
    docker()._options["portrait"].set_point(None)
    jobs.desk().points.clear()


def check_a_slider_that_keeps_moving_is_shown():
    yield from open_photo()
    trigger("dioptre_panel")
    make_room()
    yield from choose("portrait")
    yield from preview()
    made = []

    def note(_ticket, shown):
        made.append(shown.request.options["f_number"])

    docker()._thread.done.connect(note)
    slider = widget(QWidget, "dioptre_option_f_number").findChild(QSlider)
    for turn in range(500):
        if len(made) >= 3:
            break
        slider.setValue(100 + turn % 60 * 10)
        yield
    expect("previews while it moved", len(set(made)) >= 3, True)
    yield from until(lambda: made[-1] == docker()._options["portrait"].values()["f_number"], "the last one")
    docker()._thread.done.disconnect(note)


def check_white_balance_by_a_click_on_something_grey():
    document, node = yield from open_photo()
    trigger("dioptre_panel")
    make_room()
    yield from choose("white_balance")
    yield from preview()
    buttons = [name for name in VIEWS if widget(QToolButton, f"dioptre_view_{name}").isVisible()]
    expect("views", buttons, ["after", "before"])
    jobs.desk().options["white_balance"] = {"temperature": 3000.0}
    view = widget(QWidget, "dioptre_preview")
    left, top_px, width, height = view.place()
    yield from click(view, (left + 0.7 * width) / view.width(), (top_px + 0.12 * height) / view.height())
    yield from answer()
    expect("the click counts", jobs.desk().options["white_balance"], {})
    point = jobs.desk().points["white_balance"][1]
    yield from screenshot("krita-white-balance.png")
    group = yield from next_end(jobs.desk(), click(widget(QPushButton, "dioptre_make")))
    result = child(group, "Result")
    x, y = (round(value) for value in point)
    mean = [sum(pixels(result, (x - 2, y - 2, 5, 5))[at::4]) / 25 for at in range(3)]
    expect(f"grey at the point: {mean}", max(mean) - min(mean) < 6, True)
    jobs.desk().points.clear()
    document.setModified(False)
    expect("source", node.visible(), True)


def check_enlarging_shows_the_same_place_before_and_after():
    yield from open_photo()
    trigger("dioptre_panel")
    make_room()
    yield from choose("super_resolution")
    yield from preview()
    images, part = docker()._view._images, docker()._view._part
    expect("part", (round(part[2] * 256), round(part[3] * 256)), (128, 85))
    expect("before", (images["before"].width(), images["before"].height()), (128, 85))
    expect("after", (images["after"].width(), images["after"].height()), (512, 340))
    yield from click(widget(QToolButton, "dioptre_view_place"))
    yield from screenshot("krita-place.png")
    view = widget(QWidget, "dioptre_preview")
    left, top_px, width, height = view.place()
    yield from click(view, (left + 0.3 * width) / view.width(), (top_px + 0.25 * height) / view.height())
    yield from answer()
    moved = docker()._view._part
    expect("moved", abs(moved[0] + moved[2] / 2 - 0.3) < 0.03 and abs(moved[1] + moved[3] / 2 - 0.25) < 0.03, True)
    for name in ("before", "after"):
        yield from click(widget(QToolButton, f"dioptre_view_{name}"))
        yield from screenshot(f"krita-enlarge-{name}.png")


def check_repair_of_depth():
    """The repaired layer takes the place of the depth layer; Update uses it; one undo step."""
    document, node = yield from open_photo()
    trigger("dioptre_panel")
    make_room()
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
    yield from choose("repair_depth")
    yield from preview()
    expect("views", [docker()._view._images.get(name) is None for name in ("depth", "old_depth")], [False, False])
    row = docker()._options["repair_depth"]
    row.set_values({**row.values(), "mode": "shift", "amount": 0.3})
    docker()._changed()
    yield from answer()
    yield from screenshot("krita-repair.png")
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


def check_narrow_docker():
    """At 300 pixels nothing is cut off, with all options, for every operation."""
    yield from open_photo()
    trigger("dioptre_panel")
    make_room()
    panel = docker()
    panel.setFloating(True)
    panel.resize(NARROW_PX, 820)
    panel.move(40, 40)
    for _ in range(6):
        yield
    for box in panel.findChildren(QCheckBox):
        if box.text() == "All options":
            box.setChecked(True)
    wide = []
    for described in panel._operations:
        yield from choose(described.name)
        for _ in range(4):
            yield
        inside = panel.widget().widget()
        if inside.minimumSizeHint().width() > panel.widget().viewport().width():
            wide.append((described.name, inside.minimumSizeHint().width(), panel.widget().viewport().width()))
        yield from screenshot(f"krita-narrow-{described.name}.png")
    panel.setFloating(False)
    expect("wider than the docker", wide, [])


def check_menu_picture():
    document, _ = yield from open_photo()
    bar = Krita.instance().activeWindow().qwindow().menuBar()
    for entry in bar.actions():
        if entry.menu() and entry.menu().objectName() == "Filter":
            entry.menu().popup(bar.mapToGlobal(QPoint(320, bar.height())))
            for _ in range(4):
                yield
            sub = next(one for one in entry.menu().actions() if one.text() == "Dioptre")
            entry.menu().setActiveAction(sub)
            sub.menu().popup(entry.menu().mapToGlobal(QPoint(entry.menu().width(), entry.menu().height() - 220)))
            yield from screenshot("krita-menu.png")
            sub.menu().close()
            entry.menu().close()
    yield from settle(document)


def check_refusal_opens_a_window_that_stops_nothing():
    document, _ = yield from open_photo()
    trigger("dioptre_lens_blur")
    yield from settle(document)
    box = next((one for one in QApplication.topLevelWidgets() if one.objectName() == "dioptre_message"), None)
    expect("window", box is not None and box.isVisible() and not box.isModal(), True)
    expect_in("words", "needs a depth layer", box.text())
    box.close()
    yield
    expect("runs", jobs.desk().runs, [])
    expect("words", bool(widget(QLabel, "dioptre_words")), True)
