"""The docker, driven with real clicks; leaves screenshots in OUT."""

import os
import subprocess

from krita import Krita
from rig import (
    OUT,
    add_layer,
    expect,
    expect_in,
    finish,
    names,
    new_document,
    settle,
    top,
    trigger,
    until,
)

from dioptre import jobs

try:
    from PyQt5.QtCore import QPoint, Qt
    from PyQt5.QtGui import QImage
    from PyQt5.QtWidgets import QApplication, QLabel, QListWidget, QPushButton, QToolButton, QWidget
except ImportError:
    from PyQt6.QtCore import QPoint, Qt
    from PyQt6.QtGui import QImage
    from PyQt6.QtWidgets import QApplication, QLabel, QListWidget, QPushButton, QToolButton, QWidget

PHOTO_PX = 256
DOCKER_PX, LAYERS_PX = 640, 200  # high


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
    yield from click(widget(QPushButton, "dioptre_make"))
    yield from until(lambda: jobs.desk().runs, "the run")
    yield from finish(jobs.desk().runs[-1])
    expect("group", top(document).name(), "Portrait blur")
    expect("pieces", names(top(document))[-1], "Result")
    history = widget(QListWidget, "dioptre_history")
    expect("history", history.count(), 1)
    expect_in("history", "Portrait blur", history.item(0).text())
    yield from screenshot("krita-result.png")


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
