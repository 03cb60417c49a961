"""Shows the preview on Krita's canvas, with real clicks, keys and strokes; the screen's pixels are compared."""

import subprocess
import sys
import time

import person
from dioptre.dioptre_link.editing.state import Phase
from krita import Krita
from person import click, docker, is_shown, on_screen, opened, widget
from photo_preview import changing, ready, state
from qt import QApplication, QCheckBox, QImage, QListView, QPoint, QPushButton, QRect, QSlider, QToolButton, QWidget
from rig import (
    OUT,
    Failed,
    close,
    expect,
    next_end,
    pixels,
    settle,
    soon,
    toggle_visibility,
    top,
    trigger,
    undo,
    until,
)

from dioptre import jobs

PHOTO, FACE, ROCKET = "/examples/astronaut.jpg", (0.42, 0.18), (0.83, 0.3)
SAME, CHANGED = 1.0, 4.0  # Mean differences in 8-bit values of pictures at the same place, or blurred.
SHOWN_S, LARGE_PX = 10, (6000, 4000)
KEPT = (0.35, 0.08, 0.2, 0.25)  # Part of the photo that stays sharp: left, top, width and height.
LOST = (0.75, 0.05, 0.2, 0.5)  # Part that is blurred.


def overlays():
    return [one for one in docker().window().findChildren(QWidget, "dioptre_on_canvas") if one.isVisible()]


def switch(*, on):
    """Click the switch, and wait until the preview is at its size there, or in the docker."""
    for shown in (True, on) if state().on_canvas else (on,):  # An unticked one may come back with the next choice.
        if bool(overlays()) != shown:
            yield from click(widget(QCheckBox, "dioptre_on_canvas_switch"), 0.05)
        yield from there(shown)
    expect("switched", state().on_canvas, on)
    yield from ready()


def there(shown, what="on the canvas"):
    """Wait until the preview is on the canvas, or not, and expect that the switch says the same."""
    yield from soon(what, lambda: len(overlays()), int(shown))
    tick = widget(QCheckBox, "dioptre_on_canvas_switch")
    yield from soon(f"{what}: ticked", tick.isChecked, shown)


def opened_on_canvas(photo=PHOTO):
    """Open a photo with the switch on; return the document, and the canvas without and with the preview."""
    document = yield from person.open_file(photo)
    yield from opened("dioptre_portrait")
    yield from switch(on=False)
    entries = history()
    before = yield from person.canvas_picture("on-canvas-before.png")
    yield from switch(on=True)
    after = yield from person.canvas_picture("on-canvas-after.png")
    expect("history", history(), entries)
    return document, before, after


def closed(document):
    """Leave the switch off for other checks, which use the docker's preview."""
    yield from switch(on=False)
    document.setModified(False)


def part_of(shot, part):
    """Return the part of a picture of the canvas that shows a part of the document."""
    left, top, width, height = part
    place = person.canvas()
    (x0, y0), (x1, y1) = on_screen(left, top), on_screen(left + width, top + height)
    return shot.copy(QRect(QPoint(x0 - place.x(), y0 - place.y()), QPoint(x1 - place.x(), y1 - place.y())))


def apart(one, other, part):
    return person.apart(part_of(one, part), part_of(other, part))[1]


def expect_near(what, one, other, part, most=SAME):
    distance = apart(one, other, part)
    expect(f"{what}: {distance:.2f} apart", distance <= most, True)


def expect_far(what, one, other, part, least=CHANGED):
    distance = apart(one, other, part)
    expect(f"{what}: {distance:.2f} apart", distance >= least, True)


def history():
    """Return the entries of Krita's undo history."""
    dockers = Krita.instance().activeWindow().dockers()
    lists = [each for one in dockers if "History" in one.objectName() for each in one.findChildren(QListView)]
    return [each.model().rowCount() for each in lists]


def check_the_canvas_shows_the_result():
    """The preview lies where the layers appear; the document, its file and its history do not change."""
    document, before, after = yield from opened_on_canvas()
    node = document.activeNode()
    was = pixels(node, (0, 0, document.width(), document.height()))
    expect_far("blurred", before, after, LOST)
    expect_near("sharp", before, after, KEPT, 3 * SAME)
    expect("the docker's preview is folded away", is_shown(QWidget, "dioptre_preview"), False)
    person.screenshot("on-canvas.png")
    expect("layers", len(document.rootNode().childNodes()), 1)
    expect("modified", document.modified(), False)
    expect("pixels", pixels(node, (0, 0, document.width(), document.height())) == was, True)
    exported = QImage(str((yield from person.export("on-canvas-exported.png"))))
    expect("the file", person.apart(exported, PHOTO)[1] < SAME, True)
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    yield from soon("gone with the layers", lambda: len(overlays()), 0)
    expect("folded out", is_shown(QWidget, "dioptre_preview"), True)
    result = yield from person.canvas_picture("on-canvas-result.png")
    expect_near("as the layers", after, result, LOST, 2 * SAME)
    yield from closed(document)


def check_it_follows_options_and_comparisons():
    document, before, _after = yield from opened_on_canvas()
    yield from focused_slider()
    yield from changing(pressed("Home"))
    weak = yield from person.canvas_picture("on-canvas-weak.png")
    yield from focused_slider()  # The pointer was over the canvas, which takes the keys then.
    yield from changing(pressed("End"))
    strong = yield from person.canvas_picture("on-canvas-strong.png")
    expect_far("follows the option", weak, strong, LOST)
    held = widget(QToolButton, "dioptre_view_before")
    person.hold([(held.mapToGlobal(QPoint(9, 9)).x(), held.mapToGlobal(QPoint(9, 9)).y())])
    yield from compares("before, by the button", before)
    person.release()
    yield from soon("released", lambda: state().view, "after")
    for over_canvas in (False, True):
        if over_canvas:
            pointer("mousemove", *on_screen(*FACE))
            yield from rest()
        else:
            yield from focused_slider()
        yield from person.holding("y", compares("before, by the key", before))
        yield from soon("released", lambda: state().view, "after")
    expect_near("after", strong, (yield from person.canvas_picture("on-canvas-again.png")), LOST)
    yield from closed(document)


def focused_slider():
    slider = widget(QWidget, "dioptre_option_f_number").findChild(QSlider)
    yield from rest()
    slider.setFocus()
    yield from soon("the focus", slider.hasFocus, True)
    return slider


def pressed(*keys):
    person.keys(*keys)
    yield


def rest():
    for _ in range(8):
        yield


def compares(what, before):
    """Expect the unchanged layer, once it is chosen: taking a screenshot can keep the key from Qt's queue."""
    yield from soon("held", lambda: state().view, "before")
    yield from shows(what, before)


def shows(what, wanted):
    """Wait until the canvas shows this picture where the preview is blurred."""
    place, began = person.canvas(), time.monotonic()
    while (distance := apart(wanted, look(place), LOST)) > SAME and time.monotonic() - began < SHOWN_S:
        yield
    person.screenshot("on-canvas-shown.png")
    expect(f"{what}: {distance:.2f} apart", distance <= SAME, True)


def check_clicks_and_strokes_on_the_canvas():
    """They set the focus and paint strokes; Krita's brush does nothing meanwhile."""
    document, _before, after = yield from opened_on_canvas()
    entries = history()
    trigger("KritaShape/KisToolBrush")
    yield from changing(clicked(ROCKET))
    point = state().point
    expect(f"focus {point}", near(point, ROCKET, document), True)
    focused = yield from person.canvas_picture("on-canvas-focused.png")
    expect_far("marked", after, focused, (ROCKET[0] - 0.02, ROCKET[1] - 0.02, 0.04, 0.04))
    yield from changing(dragged(ROCKET, (0.6, 0.4), (0.5, 0.5)))
    expect(f"dragged to {state().point}", near(state().point, (0.5, 0.5), document), True)
    yield from changing(person.holding("shift", clicked(FACE)))
    expect("added", [near(one, FACE, document) for one in state().options[state().operation.click_adds]], [True])
    yield from click(widget(QToolButton, "dioptre_tool_keep"))
    places = ((0.1, 0.3), (0.12, 0.5), (0.14, 0.7))
    yield from changing(dragged(*places))
    (stroke,) = state().options["strokes"]
    for end in (0, -1):
        expect(f"stroke {stroke}", apart_of(stroke["points"][end], places[end]) < 0.02, True)
    person.keys("ctrl+z")
    yield from soon("taken back", lambda: list(state().options["strokes"]), [])
    yield from ready()
    expect("modified, history", (document.modified(), history()), (False, entries))
    yield from click(widget(QToolButton, "dioptre_tool_point"))
    yield from closed(document)


def clicked(place):
    person.press(*on_screen(*place))
    yield


def dragged(*places):
    person.drag([on_screen(*place) for place in places])
    yield


def near(point, place, document):
    return apart_of((point[0] / document.width(), point[1] / document.height()), place) < 0.01


def apart_of(one, other):
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def check_it_follows_zoom_pan_rotation_and_mirror():
    """The sharp face covers itself, whichever way the canvas moved: by wheel, by hand or by an action."""
    document, *_ = yield from opened_on_canvas()
    yield from covers("as it is")
    place = place_of_canvas()
    pointer("mousemove", *on_screen(*FACE), "click", 4, "click", 4)
    yield from soon("zoomed by the wheel", lambda: place_of_canvas() != place, True)
    yield from covers("zoomed by the wheel")
    for name, button, key in (("middle", "2", None), ("space", "1", "space")):
        place = place_of_canvas()
        pointer("mousemove", *on_screen(*FACE))
        yield from rest()
        act = panned(button)
        yield from person.holding(key, act) if key else act
        yield from soon(f"panned with {name}", lambda was=place: place_of_canvas() != was, True)
        yield from covers(f"panned with {name}")
    expect("no click", state().point, None)
    for action in ("rotate_canvas_right", "mirror_canvas"):
        trigger(action)
        yield from covers(action)
    yield from clicked(FACE)
    yield from soon("focused", lambda: state().point is not None, True)
    expect(f"focus {state().point}", near(state().point, FACE, document), True)
    trigger("mirror_canvas")
    trigger("reset_canvas_rotation")
    yield from closed(document)


def place_of_canvas():
    return on_screen(0.0, 0.0), on_screen(1.0, 1.0)


def pointer(*words):
    subprocess.run(["xdotool", *map(str, words)], check=True)


def panned(button):
    x, y = on_screen(*FACE)
    moves = [word for step in range(1, 9) for word in ("mousemove", x + 6 * step, y + 4 * step, "sleep", "0.03")]
    for _ in range(3):
        yield
    pointer("mousemove", x, y, "mousedown", button, *moves, "mouseup", button)
    for _ in range(3):
        yield


def covers(what):
    """Expect that the preview, where it is sharp, covers the same pixels of the canvas."""
    yield from ready()
    shown = yield from person.canvas_picture("on-canvas-covers.png")
    yield from switch(on=False)
    plain = yield from person.canvas_picture("on-canvas-covered.png")
    yield from switch(on=True)
    x, y = on_screen(*FACE)
    place = person.canvas()
    side = 60
    around = QRect(x - place.x() - side // 2, y - place.y() - side // 2 - 10, side, side)
    distance = person.apart(shown.copy(around), plain.copy(around))[1]
    moved = person.apart(shown.copy(around), plain.copy(around.translated(2, 2)))[1]
    sys.stdout.write(f"{what}: {distance:.2f} apart, moved by 2 pixels {moved:.2f}\n")
    expect(f"{what}: {distance:.2f} apart, moved {moved:.2f}", distance < 0.6 * moved, True)


def check_it_goes_with_its_docker_and_document():
    """Another document, a closed docker and a closed document take it off the canvas."""
    document, *_ = yield from opened_on_canvas()
    other = yield from person.open_file("/examples/coffee.jpg")
    yield from previewed_on_canvas(other)
    expect("in its window", overlays()[0].longest_px > 0, True)
    person.show_tab(document)
    yield from until(lambda: Krita.instance().activeDocument() == document, "the first document")
    yield from previewed_on_canvas(document)
    docker().close()
    yield from soon("gone with the docker", lambda: len(overlays()), 0)
    yield from rest()
    yield from opened("dioptre_portrait")
    yield from soon("there again", lambda: len(overlays()), 1)
    yield from close(document)
    yield from until(lambda: Krita.instance().activeDocument() == other, "the other document")
    yield from previewed_on_canvas(other)
    yield from closed(other)
    expect("off", Krita.instance().readSetting("dioptre", "on_canvas", ""), "")


def previewed_on_canvas(document):
    """Wait until the docker previews this document, and expect that the canvas and the switch show it."""
    session = docker().session
    yield from until(lambda: session.placed is not None and session.placed[0] == document, "the other document")
    yield from there(shown=True)
    yield from ready()


def check_it_ends_with_what_it_shows():
    """The new layers, a hidden group and another tool end it, until the next choice in the docker."""
    document, *_ = yield from opened_on_canvas()
    trigger("KritaShape/KisToolBrush")
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    yield from there(False, "gone with the layers")
    yield from ready()
    person.screenshot("on-canvas-made.png")
    group = top(document)
    yield from again(2.0)
    person.screenshot("on-canvas-band.png")
    yield from toggle_visibility(document, group)
    yield from there(False, "gone with the hidden group")
    yield from toggle_visibility(document, group)
    yield from again(3.0)
    trigger("KisToolTransform")
    yield from there(False, "gone with the tool")
    trigger("KritaShape/KisToolBrush")
    document.setModified(False)
    yield from again(5.0)
    yield from closed(document)


def check_a_stroke_hides_it_until_its_own_preview():
    """What Krita's brush draws is seen while it is drawn, below a line that says so; then it is in the preview."""
    document, before, _after = yield from opened_on_canvas()
    trigger("KritaShape/KisToolBrush")
    node = document.activeNode()
    # Clicks mean nothing to the last one, so that the canvas itself receives its strokes.
    for operation, upper in (("dioptre_portrait", 0.5), ("dioptre_white_balance", 0.7), ("dioptre_depth", 0.85)):
        yield from opened(operation)
        yield from there(shown=True)
        yield from ready()
        was, shown = pixels(node, (0, 0, document.width(), document.height())), state().shown
        pointer("mousemove", *on_screen(0.2, upper))
        yield from rest()
        person.hold([on_screen(*place) for place in ((0.2, upper), (0.3, upper + 0.05), (0.6, upper))])
        for _ in range(4):  # Looks at the screen would delay the events of the pointer.
            pointer("mousemove_relative", "1", "0")
            yield from rest()
        yield from soon("the stroke is seen", lambda at=upper: seen_stroke(before, at), True)
        person.screenshot(f"on-canvas-stroke-{operation}.png")
        if operation != "dioptre_white_balance":  # It is too like the photo.
            yield from shows("the photo while the button is held", before)
        expect("a line over the canvas says so", dark_band(), True)
        yield from there(shown=True)
        person.release()
        yield from until(lambda old=shown: state().shown not in (None, old) and not state().busy, "its preview")
        yield from ready()
        yield from there(shown=True)
        yield from settle(document)
        now = pixels(node, (0, 0, document.width(), document.height()))
        expect("the stroke is painted", now != was, True)
        expect("no click", state().point, None)
        expect("it is in the preview", operation == "dioptre_depth" or seen_stroke(before, upper), True)
        if operation == "dioptre_portrait":
            yield from undo(document)
            yield from soon("and no longer when undone", lambda at=upper: seen_stroke(before, at), False)
            yield from there(shown=True)
            yield from ready()
    document.setModified(False)
    yield from closed(document)


def seen_stroke(before, upper):
    """Return whether the canvas shows the black stroke where the photo has none."""
    part = (0.25, upper - 0.02, 0.2, 0.09)
    return apart(before, look(person.canvas()), part) > CHANGED


def dark_band():
    """Return whether the lower edge of the canvas is a dark band with light words."""
    place = person.canvas()
    row = look(QRect(place.x(), place.bottom() - 12, place.width() // 3, 6)).convertToFormat(
        QImage.Format.Format_RGB888
    )
    values = person.values(row)
    return sum(values) / len(values) < 110 and max(values) > 200


def again(value):
    """Choose an option's value, which shows the preview on the canvas again."""
    name = "f_number" if "f_number" in state().options else "strength"
    docker().session.change_all({name: value if name == "f_number" else value / 10})
    yield from there(True, "on the canvas again")
    yield from ready()


def check_a_photo_of_24_megapixels():
    """Print how soon the screen shows a draft and the exact preview after a slider's step."""
    large = QImage(PHOTO).scaled(*LARGE_PX)
    large.save(str(OUT / "large.jpg"))
    document, *_ = yield from opened_on_canvas(photo=OUT / "large.jpg")
    yield from focused_slider()
    x, y = on_screen(*ROCKET)
    place = QRect(x - 30, y - 30, 60, 60)
    for key in ("Home", "End") * 3:
        yield from timed(key, place)
        yield from rest()
    yield from closed(document)


def timed(key, place):
    """Press a key, and print when the draft and the exact preview arrive, and when the screen shows the first."""
    arrived, began = [], time.monotonic()
    stop = docker().session.store.observe(lambda _, panel: arrived.append((panel.state.phase, elapsed())))

    def elapsed():
        return time.monotonic() - began

    was, seen, stall, last = look(place), None, 0.0, time.monotonic()
    began = time.monotonic()
    person.keys(key)
    sent = elapsed()
    while seen is None or not arrived or arrived[-1][0] is not Phase.READY:
        stall, last = max(stall, time.monotonic() - last), time.monotonic()
        if seen is None and look(place) != was:
            seen = elapsed()
        if elapsed() > SHOWN_S:
            raise Failed(f"no preview after {key}: {arrived}")
        yield
    stop()
    draft, exact = (next(at for each, at in arrived if each is phase) for phase in (Phase.DRAFT, Phase.READY))
    sys.stdout.write(
        f"24 MP at {state().shown.after.width} px: key sent {sent:.2f} s, draft {draft:.2f} s, "
        f"screen {seen:.2f} s, exact {exact:.2f} s, longest stall {stall:.2f} s\n"
    )


def look(place):
    """Return a part of the screen as it is now."""
    screen = QApplication.primaryScreen()
    return screen.grabWindow(0, place.x(), place.y(), place.width(), place.height()).toImage()
