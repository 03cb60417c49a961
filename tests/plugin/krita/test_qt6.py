"""The plug-in works with PyQt6, as in Krita 6: every module, every widget, threads and timers, with a fake Krita.

Needs PyQt6 (locks/qt6.txt), which nothing else uses; the step `qt6` of `.ci/run` installs it.
"""

from __future__ import annotations

import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from .fake_krita import Document, Krita

PATIENCE_S = 20


@pytest.fixture(autouse=True)
def uncaught(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test if a slot raises an exception; without this hook, PyQt6 would terminate the process."""
    found: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda _kind, error, _trace: found.append(error))
    yield
    assert found == []


def until(qt: types.SimpleNamespace, true: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end
        qt.application.processEvents()


def test_it_is_pyqt6(qt: types.SimpleNamespace) -> None:
    assert qt.toolkit.QObject.__module__.startswith("PyQt6.")
    assert all(hasattr(qt.toolkit, name) for name in qt.toolkit.__all__)


def test_options_of_every_operation(qt: types.SimpleNamespace) -> None:
    changes: list[tuple[str, Any]] = []
    for described in qt.catalogue.OPERATIONS.values():
        options = qt.options.Options(described, lambda name, value: changes.append((name, value)), changes.append)
        chosen = {one.name: one.maximum for one in described.parameters if one.kind.value in ("float", "integer")}
        options.render({**described.defaults(), **chosen}, {}, more=True)
        options.render(described.defaults(), {}, more=False)
    assert changes == []  # Values shown by the program do not count as changes by the user.


def test_a_moved_slider_tells_its_option(qt: types.SimpleNamespace) -> None:
    changes: list[tuple[str, Any]] = []
    described = qt.catalogue.OPERATIONS["portrait"]
    options = qt.options.Options(described, lambda name, value: changes.append((name, value)), changes.append)
    row = options._rows["f_number"]
    row._slider.setValue(row._slider.maximum())  # The maximum blur.
    row._field.setValue(8.0)
    assert changes == [("f_number", pytest.approx(0.7)), ("f_number", 8.0)]
    options._rows["focus_range"]._tick.setChecked(False)
    assert changes[-1][0] == "focus_range"
    assert isinstance(changes[-1][1], float)
    options.render({"focus_range": 0.5}, {}, more=False)
    options._rows["focus_range"]._tick.setChecked(True)
    assert changes[-1] == ("focus_range", None)


def test_shapes_and_the_focus_range_set_several_options(qt: types.SimpleNamespace) -> None:
    from PyQt6 import QtCore, QtTest

    changes: list[Any] = []
    options = qt.options.Options(qt.catalogue.OPERATIONS["portrait"], lambda *_: None, changes.append)
    options.resize(300, 400)
    options.show()
    depth = qt.events.Image(width=4, height=2, channels=1, data=bytes(range(0, 240, 30)))
    state = qt.states.opened(qt.catalogue.OPERATIONS["portrait"])
    shown = qt.events.Shown(after=depth, depth=depth, values={"focal_disparity": 0.4})
    state = qt.states.arrived(qt.states.reading(state), shown)
    options.show_state(state)
    assert not options.grab().isNull()
    assert options._shapes._buttons["round"].isChecked()
    options._shapes._buttons["blades_6"].click()
    assert changes[-1]["blades"] == 6
    bars = options._focus.histogram
    left = QtCore.Qt.MouseButton.LeftButton
    QtTest.QTest.mouseClick(bars, left, pos=QtCore.QPoint(round(0.8 * bars.width()), 20))
    assert changes[-1] == {"focus": None, "focal_disparity": pytest.approx(0.8, abs=0.02), "focus_m": None}
    QtTest.QTest.keyClick(bars, QtCore.Qt.Key.Key_Right)
    assert changes[-1] == {"focus": None, "focal_disparity": pytest.approx(0.42), "focus_m": None}
    end = QtCore.QPoint(round(state.sharp[1] * bars.width()), 20)
    QtTest.QTest.mousePress(bars, left, pos=end)
    QtTest.QTest.mouseMove(bars, QtCore.QPoint(round(0.7 * bars.width()), 20))
    assert changes[-1] == {"focus_range": pytest.approx(0.3, abs=0.02)}
    QtTest.QTest.mouseRelease(bars, left, pos=end)
    lines = options._focus.distances.text().splitlines()
    assert lines == ["Focus 4.38 m, sharp from 3.98 m to 4.86 m", "Distances are assumed, not measured"]
    assert not options._focus.scale.grab().isNull()
    options._focus._tick.click()
    assert changes[-1] == {"focus_range": pytest.approx(state.sharp[1] - 0.4, abs=0.001)}
    options.hide()


def test_the_distance_of_a_clicked_point_is_entered(qt: types.SimpleNamespace) -> None:
    changes: list[Any] = []
    blur = qt.catalogue.OPERATIONS["lens_blur"]
    options = qt.options.Options(blur, lambda *_: None, changes.append)
    depth = qt.events.Image(width=4, height=2, channels=1, data=bytes(range(0, 240, 30)))
    shown = qt.events.Shown(after=depth, depth=depth, values={"focal_disparity": 0.5})
    state = qt.states.arrived(qt.states.reading(qt.states.opened(blur)), shown)
    field = options._distance._field
    options.show_state(state)
    assert (field.isEnabled(), field.text()) == (False, "3.50 m")  # no place was clicked
    state = qt.states.clicked(state, 0.5, 0.5, (101, 51))
    options.show_state(state)
    assert field.isEnabled()
    assert changes == []  # A distance shown by the program does not count as entered.
    field.setValue(2.1)
    assert changes == [{"known_distance": ((50.0, 25.0, 2.1),), "nearest_m": None, "farthest_m": None}]


def test_known_distances_are_marked_in_the_preview(qt: types.SimpleNamespace) -> None:
    canvas = qt.canvas.Canvas(lambda *_: None)
    canvas.resize(200, 200)
    picture = qt.toolkit.QImage(100, 100, qt.toolkit.QImage.Format.Format_RGB32)
    picture.fill(qt.toolkit.QColor(255, 255, 255))
    none = qt.scene.Marks(point=None, automatic=None, picked=(), measured=(), box=None)
    canvas.show_images(picture, marks=none)

    def colours() -> list[tuple[int, int, int]]:
        """Return the colours of the place and of the text beside it."""
        seen = canvas.grab().toImage()
        return [seen.pixelColor(x, 140).getRgb()[:3] for x in (60, 75)]

    white = [(255, 255, 255)] * 2
    assert colours() == white
    canvas.show_images(picture, marks=replace(none, measured=[((0.3, 0.7), "2.1 m")]))
    dot, text = colours()
    assert dot == (110, 200, 255)
    assert max(text) < 128  # the dark band behind the distance
    canvas.show_images(picture, marks=none)
    assert colours() == white


def test_unknown_numbers_start_in_the_middle_of_their_slider(qt: types.SimpleNamespace) -> None:
    changes: list[tuple[str, Any]] = []
    blur = qt.catalogue.OPERATIONS["lens_blur"]
    options = qt.options.Options(blur, lambda name, value: changes.append((name, value)), lambda _: None)
    options._rows["lens_mm"]._tick.setChecked(False)
    assert changes == [("lens_mm", pytest.approx(44.7, abs=0.1))]  # not 1 mm, the smallest value


def test_an_offer_is_shown_below_its_option(qt: types.SimpleNamespace) -> None:
    pressed: list[Any] = []
    described = qt.catalogue.OPERATIONS["super_resolution"]
    options = qt.options.Options(described, lambda *_: None, pressed.append)
    row = qt.downloads.OfferRow(pressed.append, lambda: pressed.append("cancel"))
    offer = qt.fetching.Offer(network="it", parameter="model", button="Download (6 MB)", words="Licence: MIT")
    options.show()
    options.show_offer(row, offer)
    assert (row.isVisible(), row._cancel.isVisible()) == (True, False)
    row._get.click()
    under_way = qt.fetching.Offer(network="it", parameter="model", words="Connecting", fraction=0.5)
    options.show_offer(row, under_way)
    assert (row._get.isVisible(), row._bar.value()) == (False, 500)
    row._cancel.click()
    assert pressed == ["it", "cancel"]
    options.show_offer(row, None)
    assert row.isHidden()
    options.hide()


def test_the_wheel_needs_the_focus(qt: types.SimpleNamespace) -> None:
    from PyQt6 import QtCore, QtGui

    slider = qt.toolkit.Slider(QtCore.Qt.Orientation.Horizontal)
    slider.setRange(0, 100)
    slider.setValue(50)
    where = QtCore.QPointF(5, 5)
    turn = QtGui.QWheelEvent(
        where,
        where,
        QtCore.QPoint(0, 0),
        QtCore.QPoint(0, 120),
        QtCore.Qt.MouseButton.NoButton,
        QtCore.Qt.KeyboardModifier.NoModifier,
        QtCore.Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    qt.application.sendEvent(slider, turn)
    assert (slider.value(), turn.isAccepted()) == (50, False)


def test_views_are_painted_and_clicked(qt: types.SimpleNamespace) -> None:
    from PyQt6 import QtCore, QtGui, QtTest

    clicked: list[tuple[float, float]] = []
    chosen: list[str] = []
    view = qt.preview.PictureView(
        lambda x, y, _: clicked.append((x, y)), chosen.append, lambda change: None, lambda *corners: None
    )
    view.resize(300, 320)
    image = qt.events.Image(width=4, height=2, channels=4, data=bytes((10, 20, 200, 255)) * 8)
    grey = qt.events.Image(width=4, height=2, channels=1, data=bytes(range(0, 240, 30)))
    shown = qt.events.Shown(after=image, depth=grey, values={"focal_disparity": 0.4, "focus_range": 0.1})
    before = QtGui.QImage(4, 2, QtGui.QImage.Format.Format_ARGB32)
    state = qt.states.opened(qt.catalogue.OPERATIONS["portrait"], {"focus": (2.0, 1.0)})
    view.show()
    view.render(state, None, None)
    assert view.canvas.text() == qt.preview.INVITATION
    waiting = qt.states.reading(state)
    view.render(waiting, None, None)
    assert view.canvas.text() == ""  # A separate sign announces the preview.
    view.render(waiting, before, (4, 2))
    assert not view.grab().isNull()
    state = qt.states.arrived(waiting, shown)
    for name in ("after", "before", "split", "depth", "focus"):
        view.render(qt.states.chose_view(state, name), before, (4, 2))
        assert not view.grab().isNull()
    left, top, width, height = view.canvas.place()
    place = QtCore.QPoint(round(left + width * 0.25), round(top + height * 0.5))
    QtTest.QTest.mouseClick(view.canvas, QtCore.Qt.MouseButton.LeftButton, pos=place)
    assert clicked[0] == pytest.approx((0.25, 0.5), abs=0.02)
    enlarged = replace(shown, before=image, part=(0.5, 0.5, 0.25, 0.25))
    view.render(qt.states.arrived(waiting, enlarged), before, (4, 2))
    QtTest.QTest.mouseClick(view.canvas, QtCore.Qt.MouseButton.LeftButton, pos=place)
    assert clicked[1] == pytest.approx((0.5625, 0.625), abs=0.02)
    QtTest.QTest.mouseClick(view._buttons["depth"], QtCore.Qt.MouseButton.LeftButton)
    assert chosen == ["depth"]
    view.hide()


def test_keys_and_a_drag_pick_things_in_a_selection(qt: types.SimpleNamespace) -> None:
    from PyQt6 import QtCore, QtGui, QtTest

    picked: list[tuple[float, float, str]] = []
    boxes: list[tuple[tuple[float, float], tuple[float, float]]] = []
    view = qt.preview.PictureView(
        lambda x, y, click: picked.append((x, y, click.value)),
        lambda view: None,
        lambda change: None,
        lambda start, end: boxes.append((start, end)),
    )
    mask = qt.events.Image(width=4, height=2, channels=1, data=bytes(range(0, 240, 30)))
    points = {"subject": [(100, 100)], "not_subject": [(300, 100)], "box": (40, 20, 360, 180)}
    state = qt.states.opened(qt.catalogue.OPERATIONS["select_subject"], points)
    state = qt.states.arrived(qt.states.reading(state), qt.events.Shown(selection=mask))
    before = QtGui.QImage(4, 2, QtGui.QImage.Format.Format_ARGB32)
    before.fill(QtCore.Qt.GlobalColor.white)
    view.resize(300, 320)
    view.show()
    for name in ("selected", "cut_out", "before"):
        view.render(qt.states.chose_view(state, name), before, (400, 200))
        assert not view.grab().isNull()
    left, top, width, height = view.canvas.place()
    start, end = (QtCore.QPoint(round(left + width * x), round(top + height * 0.5)) for x in (0.25, 0.75))
    button, keys = QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.KeyboardModifier
    for key in (keys.NoModifier, keys.ShiftModifier, keys.AltModifier, keys.ControlModifier):
        QtTest.QTest.mouseClick(view.canvas, button, key, start)
    assert [click for *_, click in picked] == ["choose", "add", "remove", "remove"]
    QtTest.QTest.mousePress(view.canvas, button, pos=start)
    QtTest.QTest.mouseMove(view.canvas, end)
    QtTest.QTest.mouseRelease(view.canvas, button, pos=end)
    assert [boxes[0][0][0], boxes[0][1][0]] == pytest.approx([0.25, 0.75], abs=0.02)
    assert len(picked) == 4
    view.hide()


@pytest.mark.parametrize(
    ("name", "option", "key", "keep"),
    [("portrait", "strokes", "No", False), ("select_subject", "subject_strokes", "Control", True)],
)
def test_the_brush_paints_with_the_left_button(qt: Any, name: str, option: str, key: str, keep: bool) -> None:
    from PyQt6 import QtCore, QtGui, QtTest

    image = qt.events.Image(width=4, height=2, channels=4, data=bytes((10, 20, 200, 255)) * 8)
    state = qt.states.opened(qt.catalogue.OPERATIONS[name])
    store = qt.states.Store(qt.states.arrived(qt.states.reading(state), qt.events.Shown(after=image)))
    view = qt.preview.PictureView(
        lambda *_: pytest.fail("a click"),
        lambda view: None,
        lambda change: store.set(change(store.state)),
        lambda *_: pytest.fail("a box"),
    )
    before = QtGui.QImage(4, 2, QtGui.QImage.Format.Format_ARGB32)
    store.observe(lambda _, state: view.render(state, before, (400, 200)))
    view.resize(300, 320)
    view.show()
    view.render(store.state, before, (400, 200))
    tools = view._brush_row._buttons
    assert tools[qt.states.Tool.KEEP].text() == {"portrait": "Keep sharp"}.get(name, "Paint to add")
    QtTest.QTest.mouseClick(tools[qt.states.Tool.LET], QtCore.Qt.MouseButton.LeftButton)
    assert store.state.brush.tool is qt.states.Tool.LET
    left, top, width, height = view.canvas.place()
    start, end = (QtCore.QPoint(round(left + width * x), round(top + height * 0.5)) for x in (0.25, 0.75))
    button, held = QtCore.Qt.MouseButton.LeftButton, getattr(QtCore.Qt.KeyboardModifier, f"{key}Modifier")
    QtTest.QTest.mousePress(view.canvas, button, held, start)
    QtTest.QTest.mouseMove(view.canvas, end)
    assert len(store.state.brush.drawn) == 2
    assert not view.grab().isNull()
    QtTest.QTest.mouseRelease(view.canvas, button, held, end)
    (stroke,) = store.state.options[option]
    assert stroke["keep"] is keep
    assert [x for x, _ in stroke["points"]] == pytest.approx([0.25, 0.75], abs=0.02)
    radius, no_button = store.state.brush.radius, QtCore.Qt.MouseButton.NoButton
    places = QtCore.QPointF(start), view.canvas.mapToGlobal(QtCore.QPointF(start)), QtCore.QPoint()
    control, phase = QtCore.Qt.KeyboardModifier.ControlModifier, QtCore.Qt.ScrollPhase.NoScrollPhase
    turn = QtGui.QWheelEvent(*places, QtCore.QPoint(0, 120), no_button, control, phase, False)
    qt.application.sendEvent(view.canvas, turn)
    assert store.state.brush.radius > radius
    QtTest.QTest.keyClick(view.canvas, QtCore.Qt.Key.Key_Z, QtCore.Qt.KeyboardModifier.ControlModifier)
    assert store.state.options[option] == ()
    view.hide()


def test_docker_and_menu(qt: types.SimpleNamespace) -> None:
    docker = qt.docker.DioptreDocker()
    docker.resize(300, 800)
    docker.show()
    for described in qt.catalogue.OPERATIONS.values():
        docker.session.open(described)
        docker.session.show_more(True)
        qt.application.processEvents()
        assert not docker.grab().isNull()
        assert docker.width() == 300
    docker.session.look()
    assert "No document" in docker._words.text()
    docker.session.open_recipe("print")
    assert docker._view.isHidden()
    assert "4 times" in docker._about.text()
    docker.session.open_recipe("product")
    assert not docker._view.isHidden()
    docker.hide()


def test_steps_and_thread(qt: types.SimpleNamespace) -> None:
    ended: list[Any] = []

    def steps() -> Any:
        for _ in range(3):
            yield
        return "done"

    stepper = qt.jobs.Stepper()
    stepper.start(steps(), ended.append, ended.append)
    until(qt, lambda: ended)
    assert ended == ["done"]
    thread = qt.transfer.LinkThread("test")
    heard: list[Any] = []
    thread.progressed.connect(lambda _ticket, fraction, phase: heard.append((fraction, phase)))
    thread.done.connect(lambda _ticket, value: heard.append(value))
    thread.failed.connect(lambda _ticket, error: heard.append(type(error)))

    def work(_worker: Any, _ticket: Any, report: Any) -> int:
        report(0.5, "half")
        return 7

    thread.put(work)
    until(qt, lambda: 7 in heard)
    thread.put(lambda *_: 1 / 0)
    until(qt, lambda: ZeroDivisionError in heard)
    thread.stop()
    assert heard == [(0.5, "half"), 7, ZeroDivisionError]
    assert thread.isFinished()


def test_a_run_ends_in_words(qt: types.SimpleNamespace) -> None:
    document: Document = Krita.instance().createDocument(4, 4, "", "RGBA", "U8", "sRGB-elle-V2-srgbtrc.icc", 72.0)
    node = document.createNode("Photo", "paintlayer")
    node.setPixelData(bytes((1, 2, 3, 255)) * 16, 0, 0, 4, 4)
    document.rootNode().addChildNode(node, None)
    heard: list[Any] = []
    run = qt.jobs.job_manager().start(qt.catalogue.operation("depth"), {}, document, node)
    run.failed.connect(heard.append)
    run.cancel()
    until(qt, lambda: heard)
    assert heard[0].code == "cancelled"
    assert qt.jobs.job_manager().runs == []
    Krita.instance()._documents.clear()
