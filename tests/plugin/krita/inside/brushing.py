"""Paints with the focus brush in the docker, with a real pointer; leaves screenshots in OUT."""

import person
from dioptre.dioptre_link.catalogue import operation
from dioptre.document import record_of
from person import click, docker, is_shown, opened, widget
from photo_preview import at, changing, open_photo, ready, state
from qt import QCheckBox, QPoint, QPushButton, QToolButton, QWidget
from rig import (
    child,
    expect,
    finish,
    next_end,
    pixels,
    soon,
)

from dioptre import jobs


def check_the_focus_brush():
    """Painted areas stay sharp; the strokes belong to the picture."""
    document, node = yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    place = picture_place()
    yield from click(widget(QToolButton, "dioptre_tool_keep"))
    expect("the picture stays when a tool is chosen", picture_place(), place)
    person.screenshot("krita-brush-before.png")
    places = ((0.1, 0.3), (0.12, 0.5), (0.14, 0.7))
    yield from changing(painted(*places))
    (stroke,) = state().options["strokes"]
    points = [stroke["points"][0], stroke["points"][-1]]
    near = all(abs(a - b) < 0.02 for got, put in zip(points, (places[0], places[-1]), strict=True)
               for a, b in zip(got, put, strict=True))  # fmt: skip
    expect(f"stroke {stroke}", (stroke["keep"], near), (True, True))
    person.screenshot("krita-brush-kept.png")
    person.keys("ctrl+z")
    yield from soon("taken back", lambda: list(state().options["strokes"]), [])
    yield from ready()
    radius = state().brush.radius
    yield from person.holding("ctrl", click(*at(0.5, 0.5), button="4"))
    yield from soon("a larger brush", lambda: state().brush.radius > radius, True)
    person.hold([on_screen(*place) for place in places])
    yield from soon("seen while it is painted", lambda: len(state().brush.drawn) > 1, True)
    person.screenshot("krita-brush-painting.png")
    yield from changing(released())
    group = yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    yield from soon("the result is active", lambda: is_shown(QCheckBox, "dioptre_adds"), True)
    expect("the picture stays after a stroke and a run", picture_place(), place)
    kept, other = (28, 118, 5, 20), (215, 20, 30, 30)
    result = child(group, "Result")
    expect("kept to the bit", pixels(result, kept), pixels(node, kept))
    expect("the rest is blurred", pixels(result, other) == pixels(node, other), False)
    recorded = record_of(document).load()[0].options["strokes"]
    expect("recorded", recorded, list(state().options["strokes"]))
    yield from open_photo()
    yield from soon("no strokes of the other picture", lambda: list(state().options["strokes"]), [])
    expect("nor its focus", [state().options[name] for name in ("focal_disparity", "focus_range")], [None, None])
    yield from ready()
    document.setModified(False)


def on_screen(x, y):
    """Return the screen position of a point in the preview's picture."""
    canvas, across, down = at(x, y)
    where = canvas.mapToGlobal(QPoint(round(across * canvas.width()), round(down * canvas.height())))
    return where.x(), where.y()


def picture_place():
    """Return the screen positions of the picture's corners."""
    return on_screen(0.0, 0.0), on_screen(1.0, 1.0)


def painted(*places):
    person.drag([on_screen(*place) for place in places])
    yield


def released():
    person.release()
    yield


def check_strokes_come_back():
    """Edit restores a result's strokes, and another can be added. Lens blur has the brush; recipes do not."""
    document, node = yield from open_photo()
    first = {"keep": True, "radius": 0.05, "points": [[0.1, 0.3], [0.14, 0.7]]}
    group = yield from finish(jobs.job_manager().start(operation("portrait"), {"strokes": [first]}, document, node))
    document.setActiveNode(child(group, "Result"))
    yield from soon("active", lambda: document.activeNode().name(), "Result")
    yield from opened("dioptre_edit")
    yield from ready()
    expect("strokes", list(state().options["strokes"]), [first])
    expect("no options shown for them", state().more, False)
    yield from click(widget(QToolButton, "dioptre_view_focus"))
    yield from click(widget(QToolButton, "dioptre_tool_let"))
    yield from changing(painted((0.4, 0.6), (0.45, 0.7)))
    person.screenshot("krita-brush-edit.png")
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    (entry,) = record_of(document).load()
    expect("both", [stroke["keep"] for stroke in entry.options["strokes"]], [True, False])
    expect("the first one", entry.options["strokes"][0], first)

    document.setActiveNode(node)
    yield from soon("active", lambda: document.activeNode() == node, True)
    yield from opened("dioptre_lens_blur")
    yield from ready()
    expect("none yet", list(state().options["strokes"]), [])
    yield from click(widget(QToolButton, "dioptre_tool_keep"))
    yield from changing(painted((0.1, 0.3), (0.14, 0.7)))
    yield from changing(painted((0.7, 0.2), (0.7, 0.4)))
    yield from changing(click(widget(QToolButton, "dioptre_undo_stroke")))
    person.screenshot("krita-brush-lens-blur.png")
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    *_, entry = record_of(document).load()
    expect("recorded", (entry.operation, len(entry.options["strokes"])), ("lens_blur", 1))

    docker().session.open_recipe("portrait")
    yield from ready()
    expect("no brush", [one.isVisible() for one in docker().findChildren(QWidget, "dioptre_brush")], [False])
    document.setModified(False)
