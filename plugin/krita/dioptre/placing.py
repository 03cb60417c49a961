"""Initial position of the docker: a separate column, as tall as the window, until the user moves it."""

from __future__ import annotations

from typing import Any

from krita import Krita

from .qt import Qt, QTimer

WIDE_PX = 340
GROUP, PLACED = "dioptre", "placed"
TOOLBOX = "ToolBox"


def show(window: Any, docker: Any) -> None:
    """Show the docker. The first time, place it next to the toolbox: a stack of dockers would be too short."""
    krita = Krita.instance()
    first = krita.readSetting(GROUP, PLACED, "") == ""
    if first:
        krita.writeSetting(GROUP, PLACED, "yes")
        _place(window, docker)
    docker.setVisible(True)
    docker.raise_()


def _place(window: Any, docker: Any) -> None:
    docker.setFloating(False)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, docker)
    toolbox = next((one for one in Krita.instance().activeWindow().dockers() if one.objectName() == TOOLBOX), None)
    if toolbox is None or not toolbox.isVisible() or toolbox.isFloating():
        QTimer.singleShot(0, lambda: window.resizeDocks([docker], [WIDE_PX], Qt.Orientation.Horizontal))
        return
    widths = [toolbox.width(), WIDE_PX]
    window.splitDockWidget(toolbox, docker, Qt.Orientation.Horizontal)
    QTimer.singleShot(0, lambda: window.resizeDocks([toolbox, docker], widths, Qt.Orientation.Horizontal))
