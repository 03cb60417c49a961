"""Takes screenshots of the menu, of the docker and of a result, inside Krita, for tests/editors/screenshots.py.

Writes PNG files of the whole screen to OUT, and the rectangle of the docker to OUT/places. The tests' start-up
plug-in runs every function whose name begins with `check_`.
"""

import person
from dioptre.dioptre_link.catalogue import IN_EDITORS
from dioptre.dioptre_link.editing import views
from dioptre.dioptre_link.editing.state import Phase
from dioptre.dioptre_link.presets import presets
from krita import Selection
from person import click, docker, opened, widget
from qt import QCheckBox, QPoint, QPushButton, QScrollArea, QToolButton, QWidget
from rig import OUT, next_end, until

from dioptre import jobs

PHOTO, CUP = "/examples/astronaut.jpg", "/examples/coffee.jpg"
FACE, RIM = (0.42, 0.22), (0.5, 0.6)  # Positions in the photos, as fractions of their width and height.


def state():
    return docker().session.state


def at(x, y):
    """Convert fractions of the preview's picture to fractions of its widget."""
    canvas = widget(QWidget, "dioptre_preview")
    left, upper, width, height = canvas.place()
    return canvas, (left + x * width) / canvas.width(), (upper + y * height) / canvas.height()


def shot(name):
    """Take a screenshot without the pointer, and record the docker's place."""
    window = docker().window()
    corner = window.mapToGlobal(QPoint(window.width() // 2, 2))
    person.subprocess.run(["xdotool", "mousemove", str(corner.x()), str(corner.y())], check=True)
    for _ in range(14):
        yield
    person.screenshot(f"{name}.png")
    corner = docker().mapToGlobal(QPoint(0, 0))
    with (OUT / "places").open("a", encoding="utf-8") as places:
        places.write(f"{name} {corner.x()} {corner.y()} {docker().width()} {docker().height()}\n")


def settled():
    yield from until(lambda: state().phase in (Phase.READY, Phase.FAILED, Phase.EMPTY), "the preview")
    for _ in range(6):
        yield


def check_portrait():
    document = yield from person.open_file(PHOTO)
    yield from person.maximize()
    yield from person.choose_in_menu("Filter", "Dioptre")
    for _ in range(8):
        yield
    person.screenshot("menu.png")
    person.keys("Escape", "Escape")
    yield from opened("dioptre_portrait")
    yield from settled()
    yield from shot("automatic")
    for name in ("depth", "focus", "split", "after"):
        yield from click(widget(QToolButton, f"dioptre_view_{name}"))
        yield from shot(name)
    shown = state().shown
    yield from click(*at(*FACE))
    yield from until(lambda: state().shown is not shown and not state().busy, "another preview")
    yield from shot("clicked")
    for name in ("on_canvas", "off_canvas"):
        yield from click(widget(QCheckBox, "dioptre_on_canvas_switch"), 0.05)
        yield from settled()
        yield from shot(name)
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    yield from settled()
    yield from shot("result")
    document.setModified(False)


def check_all_operations():
    document = yield from person.open_file(PHOTO)
    for name in IN_EDITORS:
        yield from opened(f"dioptre_{name}")
        yield from settled()
        docker().session.show_more(False)
        yield from shot(f"all_{name}")
        docker().session.show_more(True)
        for _ in range(6):
            yield
        bar = docker().findChild(QScrollArea).verticalScrollBar()
        bar.setValue(bar.maximum())
        yield from shot(f"all_{name}_end")
        bar.setValue(0)
    for name in ("portrait", "print", "product"):
        docker().session.open_recipe(name)
        yield from settled()
        yield from until(
            lambda: set(docker().session.store.state.pictures) == set(presets()), "the recipes' pictures"
        )
        yield from shot(f"all_recipe_{name}")
    document.setModified(False)


def check_selection():
    document = yield from person.open_file(PHOTO)
    selection = Selection()
    selection.select(document.width() // 2, 0, document.width() // 2, document.height(), 255)
    document.setSelection(selection)
    yield from opened("dioptre_portrait")
    yield from settled()
    yield from shot("selection")
    document.setModified(False)


def check_place():
    document = yield from person.open_file(CUP)
    yield from opened("dioptre_super_resolution")
    yield from settled()
    docker().session.show_more(False)
    yield from click(widget(QToolButton, f"dioptre_view_{views.PLACE}"))
    shown = state().shown
    yield from click(*at(*RIM))
    yield from until(lambda: state().shown is not shown and not state().busy, "another preview")
    for name in (views.PLACE, views.AFTER):
        yield from click(widget(QToolButton, f"dioptre_view_{name}"))
        yield from shot(f"place_{name}")
    docker().session.compare(holds=True)
    yield from shot("place_before")
    docker().session.compare(holds=False)
    document.setModified(False)
