"""Helpers that act and look like a person: menus, keys, the file dialog, and the canvas on the screen."""

import subprocess
import time

from krita import Krita

from . import rig
from .qt import QApplication, QCursor, QImage, QPoint, QPushButton, QRect, QTabBar, QTimer, QWidget
from .rig import docker

CANVASES = ("KisOpenGLCanvas2", "KisOpenGLCanvas", "KisQPainterCanvas")
AT_REST = 4  # Number of equal observations in a row after which a widget or the canvas is at rest.
SAVING_S = 60
CORNER_PX = 4  # Distance from the corner of the canvas by which the pointer leaves it.


def open_file(path):
    """Open a picture in a window, and wait until its layer is active."""
    document = Krita.instance().openDocument(str(path))
    Krita.instance().activeWindow().addView(document)
    yield from rig.until(lambda: Krita.instance().activeDocument() == document, "the view")
    yield from rig.until(lambda: document.activeNode() is not None, "the active layer")
    return document


def show_tab(document):
    """Click on the document's tab."""
    window = Krita.instance().activeWindow()
    index = [view.document() for view in window.views()].index(document)
    tabs = window.qwindow().centralWidget().findChild(QTabBar)
    middle = tabs.mapToGlobal(tabs.tabRect(index).center())
    press(middle.x(), middle.y())


def keys(*names):
    """Press keys."""
    subprocess.run(["xdotool", "key", "--delay", "30", *names], check=True)


def press(x, y):
    """Click at a position on the screen."""
    subprocess.run(["xdotool", "mousemove", str(round(x)), str(round(y)), "click", "1"], check=True)


def drag(places):
    """Draw a stroke through positions on the screen."""
    hold(places)
    release()


def hold(places):
    """Draw a stroke like `drag`, but keep the button down until `release`."""
    (x, y), *others = [(str(round(x)), str(round(y))) for x, y in places]
    moves = [word for place in others for word in ("mousemove", *place, "sleep", "0.02")]
    subprocess.run(["xdotool", "mousemove", x, y, "mousedown", "1", *moves], check=True)


def release():
    subprocess.run(["xdotool", "mouseup", "1"], check=True)


def choose(action):
    """Choose a menu entry by its name, without waiting for a dialog that it opens."""
    QTimer.singleShot(0, Krita.instance().action(action).trigger)


def choose_in_menu(*texts):
    """Click along a path in the menu bar, such as ("Filter", "Dioptre", "Portrait blur")."""
    menu = Krita.instance().activeWindow().qwindow().menuBar()
    for text in texts:
        yield from rig.until(menu.isVisible, f"the menu with {text}")
        action = next(one for one in menu.actions() if one.text().replace("&", "") == text)
        for _ in range(3):
            yield
        middle = menu.mapToGlobal(menu.actionGeometry(action).center())
        press(middle.x(), middle.y())
        for _ in range(3):
            yield
        menu = action.menu()


def maximize():
    """Make Krita's window fill the screen."""
    window = Krita.instance().activeWindow().qwindow()
    if not window.isMaximized():
        window.showMaximized()
        for _ in range(8):
            yield


def widget(kind, name):
    """Return a visible widget of the docker."""
    found = next(_shown(kind, name), None)
    if found is None:
        raise LookupError(name)
    return found


def is_shown(kind, name):
    """Return whether the docker has such a visible widget."""
    return next(_shown(kind, name), None) is not None


def _shown(kind, name):
    return (one for one in docker().findChildren(kind, name) if one.isVisible())


def click(target, x=0.5, y=0.5, button="1"):
    """Press a mouse button over a widget (4 and 5: the wheel), after scrolling it into view."""
    around = target.parentWidget()
    while around is not None and not hasattr(around, "ensureWidgetVisible"):
        around = around.parentWidget()
    if around is not None:
        around.ensureWidgetVisible(target)
        for _ in range(4):
            yield
    yield from _point_at(target, x, y)
    subprocess.run(["xdotool", "click", button], check=True)
    for _ in range(4):
        yield


def holding(key, act):
    """Execute `act` while a key is held down."""
    subprocess.run(["xdotool", "keydown", key], check=True)
    try:
        yield from act
    finally:
        subprocess.run(["xdotool", "keyup", key], check=True)


def _point_at(target, x, y):
    """Move the pointer over a widget, and follow the widget until it stops moving."""
    before, same = None, 0
    while same < AT_REST:
        where = target.mapToGlobal(QPoint(round(target.width() * x), round(target.height() * y)))
        if where != before:
            subprocess.run(["xdotool", "mousemove", str(where.x()), str(where.y())], check=True)
            yield from rig.until(lambda at=where: QCursor.pos() == at, "the pointer")
        same = same + 1 if where == before else 0
        before = where
        yield


def opened(action):
    """Choose an operation's menu entry, which opens the docker for this operation."""
    yield from maximize()
    Krita.instance().action(action).trigger()
    yield from rig.until(docker().isVisible, "the docker")
    for _ in range(6):
        yield


def made(action):
    """Choose an operation's menu entry and press the docker's button."""
    yield from opened(action)
    yield from click(widget(QPushButton, "dioptre_make"))


def dialog():
    """Return the modal window that waits for an answer."""
    return QApplication.activeModalWidget()


def answer_with(path):
    """Enter a path in the file dialog, once it is open."""
    yield from rig.until(dialog, "the file dialog")
    for _ in range(4):
        yield
    keys("ctrl+a")
    subprocess.run(["xdotool", "type", "--delay", "6", str(path)], check=True)
    keys("Return")


def export(name):
    """Export the active document with the File menu's dialog, and return the file when it is complete."""
    path = rig.OUT / name
    path.unlink(missing_ok=True)
    choose("file_export_file")
    yield from answer_with(path)
    began, size, same = time.monotonic(), -1, 0
    while same < AT_REST:
        if time.monotonic() - began > SAVING_S:
            screenshot("not-saved.png")
            raise rig.Failed(f"{name} was not saved within {SAVING_S} s; see not-saved.png")
        for _ in range(3):
            yield
        there = path.stat().st_size if path.exists() else -1
        same = same + 1 if there == size and there > 0 and dialog() is None else 0
        size = there
        if dialog() is not None and there <= 0:
            keys("Return")  # Accept the default options of the format.
    return path


def screenshot(name):
    """Save the whole screen as OUT/name and return it as an image."""
    subprocess.run(["scrot", "-o", str(rig.OUT / name)], check=True)
    return QImage(str(rig.OUT / name))


def canvas():
    """Return the rectangle on the screen of the widget that shows the picture."""
    window = Krita.instance().activeWindow().qwindow()
    shown = [
        one for one in window.findChildren(QWidget) if one.metaObject().className() in CANVASES and one.isVisible()
    ]
    widget = max(shown, key=lambda one: one.width() * one.height())
    corner = widget.mapToGlobal(QPoint(0, 0))
    return QRect(corner.x(), corner.y(), widget.width(), widget.height())


def on_screen(x, y):
    """Return the position on the screen of a point of the document, given as fractions of its sides."""
    view = Krita.instance().activeWindow().activeView()
    document = view.document()
    to_flake = view.flakeToImageTransform().inverted()[0]
    to_canvas = to_flake * view.flakeToCanvasTransform()
    where = to_canvas.map(QPoint(round(x * document.width()), round(y * document.height())))
    place = canvas()
    return place.x() + where.x(), place.y() + where.y()


def floating():
    """Return whether a message floats over the canvas."""
    return any(
        "FloatingMessage" in one.metaObject().className() for one in QApplication.allWidgets() if one.isVisible()
    )


def canvas_picture(name):
    """Return the canvas on the screen once it has stopped changing, without a pointer or message over it.

    Krita leaves the brush's outline where the pointer left the canvas, which is the same corner each time.
    """
    yield from rig.until(lambda: not floating(), "the end of the words over the canvas")
    place = canvas()
    for x, y in ((place.x() + CORNER_PX, place.y() + CORNER_PX), (2, 2)):
        subprocess.run(["xdotool", "mousemove", str(x), str(y)], check=True)
        for _ in range(3):
            yield
    before, same = None, 0
    while same < AT_REST:
        for _ in range(3):
            yield
        shown = screenshot(name).copy(place)
        same = same + 1 if shown == before else 0
        before = shown
    before.save(str(rig.OUT / name))
    return before


def values(image):
    """Return red, green and blue of every pixel, row by row."""
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = (image.constScanLine(y).asstring(3 * image.width()) for y in range(image.height()))
    return b"".join(rows)


def apart(one, other):
    """Return the (largest, mean) difference of two images or image files of equal size, in 8-bit values."""
    one, other = (image if isinstance(image, QImage) else QImage(str(image)) for image in (one, other))
    rig.expect("size", (one.width(), one.height()), (other.width(), other.height()))
    differences = [abs(a - b) for a, b in zip(values(one), values(other), strict=True)]
    return max(differences), sum(differences) / len(differences)
