"""Filter ▸ Dioptre: one action per operation, generated from its description, and one per recipe."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from krita import Extension, Krita, Window

from . import exporting, updating
from .dioptre_link.catalogue import IN_EDITORS, super_resolution
from .dioptre_link.editing import exporting as exports
from .dioptre_link.errors import Cancelled, DioptreError, RefusedError
from .dioptre_link.language import translated
from .dioptre_link.operation import Operation
from .dioptre_link.presets import presets
from .docker import DOCKER_ID, DioptreDocker, begin_depth
from .document import LOG, TOOLBOX, active, remember, remembered, say
from .jobs import Run, in_short, job_manager
from .lists import ABOUT_FILES, FROM_A_FILE
from .toolkit import QApplication, QFileDialog, QMenu, QMessageBox, Qt, QTimer

WIDE_PX, WIDE = 340, 0.25  # Width of the new docker: at least in pixels, and as a fraction of the window's.
PLACED = "placed"


def show_docker(window: Any, docker: Any) -> None:
    """Show the docker. The first time, place it next to the toolbox: a stack of dockers would be too short."""
    if not remembered(PLACED):
        remember(PLACED, on=True)
        _dock(window, docker)
    docker.setVisible(True)
    docker.raise_()


def _dock(window: Any, docker: Any) -> None:
    wide = max(WIDE_PX, round(WIDE * window.width()))
    docker.setFloating(False)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, docker)
    toolbox = next((one for one in Krita.instance().activeWindow().dockers() if one.objectName() == TOOLBOX), None)
    if toolbox is None or not toolbox.isVisible() or toolbox.isFloating():
        QTimer.singleShot(0, lambda: window.resizeDocks([docker], [wide], Qt.Orientation.Horizontal))
        return
    widths = [toolbox.width(), wide]
    window.splitDockWidget(toolbox, docker, Qt.Orientation.Horizontal)
    QTimer.singleShot(0, lambda: window.resizeDocks([toolbox, docker], widths, Qt.Orientation.Horizontal))


MENU_ID = "dioptre_menu"
MENU_PLACE = f"filter/{MENU_ID}"
RECIPES_ID = "dioptre_recipe"
MESSAGE_ID = "dioptre_message"


class DioptreExtension(Extension):
    """Krita extension that creates the menu's actions once per window."""

    def __init__(self, parent: Krita) -> None:
        super().__init__(parent)
        # Python would collect a menu that only its own connection refers to. That clears the connection but leaves
        # the signal connected, which crashes Krita.
        self._menus: list[QMenu] = []

    def setup(self) -> None:
        LOG.set_up()

    def createActions(self, window: Window) -> None:  # noqa: N802  (Krita's name)
        entry = window.createAction(MENU_ID, "Dioptre", "filter")
        menu = QMenu(MENU_ID, window.qwindow())
        entry.setMenu(menu)
        order: list[str] = []
        for described in IN_EDITORS.values():
            title, tip = translated(described.title), translated(described.help)
            _add(window, described.name, f"{title}…", tip, functools.partial(_open, described))
            order.append(described.name)
        recipes = window.createAction(RECIPES_ID, translated("Recipe"), MENU_PLACE)
        recipes.setMenu(QMenu(RECIPES_ID, window.qwindow()))
        for name, one in presets().items():
            title, tip = translated(one.title), translated(one.description)
            _add(
                window,
                f"recipe_{name}",
                title,
                tip,
                functools.partial(_open_recipe, name),
                place=f"{MENU_PLACE}/{RECIPES_ID}",
            )
        _add(
            window,
            "recipe_zz_file",
            translated(FROM_A_FILE),
            translated(ABOUT_FILES),
            _open_file,
            place=f"{MENU_PLACE}/{RECIPES_ID}",
        )
        order += ["recipe", "super_resolution_document"]
        for name, title, tip, act in (
            (
                "super_resolution_document",
                f"{translated('Super-resolution of the whole document')}…",
                translated("Enlarge every layer into a new document."),
                functools.partial(_open, super_resolution.OPERATION, whole=True),
            ),
            ("edit", translated("Edit…"), translated("Change the options of the active result."), _edit),
            (
                "edit_depth",
                translated("Edit depth"),
                translated("Show the depth layer of the active result so that you can paint on it."),
                _edit_depth,
            ),
            (
                "update",
                translated("Update"),
                translated("Recompute the selected result."),
                _update,
            ),
            ("export_depth", f"{translated(exports.TITLE)}…", translated(exports.HELP), _export),
            (
                "panel",
                translated("Show the docker"),
                translated("Preview, options and progress."),
                show_panel,
            ),
            ("stop", translated("Cancel all jobs"), translated("Cancel all of Dioptre's jobs."), cancel),
        ):
            _add(window, name, title, tip, act)
        order += ["", "edit", "edit_depth", "update", "export_depth", "", "panel", "stop"]
        self._menus.append(menu)
        in_order = functools.partial(_sort, menu, order)
        menu.aboutToShow.connect(in_order)
        QTimer.singleShot(0, in_order)


def _sort(menu: QMenu, order: list[str]) -> None:
    """Restore the intended order, because Krita 5.3 sorts entries by id. "" in `order` means a separator."""
    known = {action.objectName(): action for action in menu.actions() if not action.isSeparator()}
    wanted = [known.get(f"dioptre_{name}") if name else None for name in order]
    if [action.isSeparator() or action for action in menu.actions()] == [one or True for one in wanted]:
        return
    for action in menu.actions():
        menu.removeAction(action)
    for name, action in zip(order, wanted, strict=True):
        if action is not None:
            menu.addAction(action)
        elif not name:
            menu.addSeparator()


def _add(
    window: Window, name: str, title: str, tip: str, act: Callable[[], Any], *, place: str = MENU_PLACE
) -> None:
    action = window.createAction(f"dioptre_{name}", title, place)
    action.setToolTip(tip)
    action.triggered.connect(lambda *_: _told(act))


def _told(act: Callable[[], Any]) -> None:
    """Do what an action says, and tell the user if it cannot be done."""
    try:
        act()
    except Exception as error:  # noqa: BLE001  (an uncaught exception in an action would open a modal error window)
        tell(LOG.told(error))


def _open(described: Operation, *, whole: bool = False) -> None:
    """Open an operation in the docker, so that the user sees its options before anything runs."""
    docker = find_panel()
    if docker is not None:
        was_seen = docker.isVisible()
        show_panel()
        docker.open(described, keep=was_seen, whole=whole)


def _open_recipe(name: str) -> None:
    """Open a preset in the docker, so that the user sees its effect before it runs."""
    docker = show_panel()
    if docker is not None:
        docker.session.open_recipe(name)


def _edit() -> None:
    """Open the docker with the options of the active result."""
    updating.find_edited(*active())
    docker = show_panel()
    if docker is not None:
        docker.session.edit()


def _edit_depth() -> None:
    say(begin_depth())


def _open_file() -> None:
    """Open a recipe from a file in the docker, so that the user sees its effect before it runs."""
    docker = show_panel()
    if docker is not None:
        docker.choose_file()


def _update() -> None:
    """Recompute the active result, show the progress, and report the outcome."""
    run = updating.start(job_manager(), *active())
    show_panel()
    _report(run)


def _export() -> None:
    """Ask for a file and write the active picture with its depth to it."""
    found = exporting.found(*active())
    suggested = str(exports.suggested(found.document.fileName()))
    file, _ = QFileDialog.getSaveFileName(
        Krita.instance().activeWindow().qwindow(), translated(exports.TITLE), suggested, exports.PATTERN
    )
    if file:
        _report(exporting.start(job_manager(), found, exports.with_suffix(Path(file))))


def _report(run: Run) -> None:
    """Tell the user how a run ends."""
    run.failed.connect(tell)
    run.finished.connect(lambda _node, messages: say(in_short(run, messages)))


def cancel() -> None:
    """Cancel all jobs of Dioptre."""
    job_manager().cancel_all()


def find_panel() -> DioptreDocker | None:
    """Return the docker of the active window."""
    window = Krita.instance().activeWindow()
    dockers = window.dockers() if window is not None else ()
    return next((docker for docker in dockers if docker.objectName() == DOCKER_ID), None)


def show_panel() -> DioptreDocker | None:
    """Bring the docker of the active window to the front and return it."""
    docker = find_panel()
    if docker is not None:
        show_docker(Krita.instance().activeWindow().qwindow(), docker)
    return docker


def tell(error: DioptreError) -> None:
    """Show an error in a non-modal window."""
    if isinstance(error, Cancelled):
        say(translated(error.message))
        return
    message, hint = translated(error.message), translated(error.hint)
    for shown in QApplication.topLevelWidgets():
        if shown.objectName() == MESSAGE_ID and (shown.text(), shown.informativeText()) == (message, hint):
            shown.raise_()
            return
    window = Krita.instance().activeWindow()
    box = QMessageBox(window.qwindow() if window is not None else None)
    box.setObjectName(MESSAGE_ID)
    box.setWindowTitle("Dioptre")
    refused = isinstance(error, RefusedError)  # Nothing has failed.
    box.setIcon(QMessageBox.Icon.Information if refused else QMessageBox.Icon.Warning)
    box.setText(message)
    box.setInformativeText(hint)
    box.setModal(False)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.show()
