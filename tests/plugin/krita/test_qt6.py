"""The plug-in with PyQt6, as Krita 6 will have it: every module, every widget, threads and timers; a fake Krita.

Needs PyQt6, which nothing else does: `pip install PyQt6` in an environment of its own, and run this file there.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from . import fake_krita
from .fake_krita import Document, Krita

PACKAGE = "dioptre_with_qt6"
NAMES = "qt steps link picture_view previews options panel extension jobs scripting enlarge".split()  # noqa: SIM905
PATIENCE_S = 20


@pytest.fixture(scope="module")
def qt(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[types.SimpleNamespace]:
    """The plug-in's modules on the real PyQt6, without a screen."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        from PyQt6 import QtCore, QtWidgets
    except ImportError:
        pytest.skip("PyQt6 is not installed")
    from ...editors.host import install_plugin

    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    folder = tmp_path_factory.mktemp("pykrita") / PACKAGE
    install_plugin(checkout / "plugin/krita/dioptre", folder)
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[PACKAGE] = package
    krita = fake_krita.module(QtCore.QObject, QtWidgets.QDockWidget)
    before = sys.modules.get("krita")
    sys.modules["krita"] = krita
    try:
        loaded = {name: importlib.import_module(f"{PACKAGE}.{name}") for name in NAMES}
        loaded["operations"] = importlib.import_module(f"{PACKAGE}.dioptre_link.operations")
        yield types.SimpleNamespace(application=application, **loaded)
        loaded["jobs"].desk().stop()
    finally:
        del sys.modules["krita"]
        if before is not None:
            sys.modules["krita"] = before
        for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
            del sys.modules[name]


@pytest.fixture(autouse=True)
def uncaught(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """PyQt6 ends the process at an exception in a slot unless it is caught here."""
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
    assert qt.qt.QObject.__module__.startswith("PyQt6.")
    assert all(hasattr(qt.qt, name) for name in qt.qt.__all__)


def test_options_of_every_operation(qt: types.SimpleNamespace) -> None:
    changes = []
    for described in qt.operations.OPERATIONS.values():
        options = qt.options.Options(described, lambda: changes.append(1))
        options.show_all(True)
        assert options.values() == {}
        chosen = {one.name: one.maximum for one in described.parameters if one.kind.value in ("float", "integer")}
        options.set_values(chosen)
        assert {name: options.values().get(name, one) for name, one in chosen.items()} == pytest.approx(chosen)
        options.set_values({})
        assert options.values() == {}
    assert changes == []


def test_views_are_painted_and_clicked(qt: types.SimpleNamespace) -> None:
    from PyQt6 import QtCore, QtGui, QtTest

    clicked: list[tuple[float, float]] = []
    view = qt.picture_view.PictureView(lambda x, y: clicked.append((x, y)))
    view.resize(300, 320)
    image = qt.previews.Image(4, 2, bytes((10, 20, 200, 255)) * 8)
    grey = qt.previews.Image(4, 2, bytes(range(0, 240, 30)))
    view.show_before(QtGui.QImage(4, 2, QtGui.QImage.Format.Format_ARGB32))
    view.show_after(image)
    view.show_depth(grey, (0.2, 0.5))
    view.mark((0.5, 0.5))
    view.show()
    for name in qt.picture_view.VIEWS:
        view.choose(name)
        assert not view.grab().isNull()
    view.choose("after")
    left, top, width, height = view.canvas.place()
    place = QtCore.QPoint(round(left + width * 0.25), round(top + height * 0.5))
    QtTest.QTest.mouseClick(view.canvas, QtCore.Qt.MouseButton.LeftButton, pos=place)
    assert clicked[0] == pytest.approx((0.25, 0.5), abs=0.02)
    view.show_part(image, (0.5, 0.5, 0.25, 0.25))
    QtTest.QTest.mouseClick(view.canvas, QtCore.Qt.MouseButton.LeftButton, pos=place)
    assert clicked[1] == pytest.approx((0.5625, 0.625), abs=0.02)
    view.hide()


def test_docker_and_menu(qt: types.SimpleNamespace) -> None:
    docker = qt.panel.DioptreDocker()
    docker.resize(300, 800)
    docker.show()
    for number in range(len(qt.operations.OPERATIONS)):
        docker._choice.setCurrentIndex(number)
        qt.application.processEvents()
        assert not docker.grab().isNull()
    docker._begin_preview()
    assert "no document" in docker._words.text()
    docker.hide()


def test_steps_and_thread(qt: types.SimpleNamespace) -> None:
    ended: list[Any] = []

    def steps() -> Any:
        for _ in range(3):
            yield
        return "done"

    stepper = qt.steps.Stepper()
    stepper.start(steps(), ended.append, ended.append)
    until(qt, lambda: ended)
    assert ended == ["done"]
    thread = qt.link.LinkThread("test")
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
    run = qt.jobs.desk().start(qt.operations.operation("depth"), {}, document, node)
    run.failed.connect(heard.append)
    run.cancel()
    until(qt, lambda: heard)
    assert heard[0].code == "cancelled"
    assert qt.jobs.desk().runs == []
    Krita.instance()._documents.clear()
