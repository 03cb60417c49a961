"""The docker before the compute core is installed: an explanation, a button and a progress bar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .dioptre_link.editing import first_start
from .dioptre_link.editing.events import Step, Steps
from .dioptre_link.errors import Cancelled, DioptreError
from .dioptre_link.language import translated
from .document import LOG
from .toolkit import (
    Bar,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    Qt,
    QTimer,
    QVBoxLayout,
    QWidget,
    button_of,
    wrapped,
)

POLL_MS = 100  # Interval for polling the installer.


def before(whole: QWidget, ready: Callable[[], None]) -> QWidget:
    """Show the installation page instead of `whole` until the compute core is installed.

    Args:
        whole: The docker's regular content.
        ready: Called when the installation is complete and `whole` is shown.

    Returns:
        The widget to show in the docker.
    """
    if not first_start.is_needed():
        return whole
    both = QStackedWidget()

    def done() -> None:
        both.setCurrentWidget(whole)
        ready()

    both.addWidget(FirstStartPage(done))
    both.addWidget(whole)
    return both


class FirstStartPage(QWidget):
    """Installation page that calls `on_done` once the compute core is installed."""

    def __init__(self, on_done: Callable[[], None]) -> None:
        super().__init__()
        self.setObjectName("dioptre_first_start")
        self._on_done = on_done
        self._steps: Steps[None] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        title = wrapped("first_start_title", f"<b>{translated(first_start.TITLE)}</b>")
        self._words = wrapped("first_start_words", translated(first_start.TEXT))
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._bar = Bar(translated("Progress"))
        tip, cancel = translated(first_start.FIND_TIP), lambda: self._end(Cancelled())
        self._install = button_of(QPushButton, "install", translated(first_start.INSTALL), self._begin)
        self._find = button_of(QPushButton, "find", translated(first_start.FIND), self._choose, tip)
        self._cancel = button_of(QPushButton, "cancel_install", translated("Cancel"), cancel)
        buttons = QHBoxLayout()
        for button in (self._install, self._find, self._cancel):
            buttons.addWidget(button)
        buttons.addStretch(1)
        rows = QVBoxLayout(self)
        rows.addWidget(title)
        rows.addWidget(self._words)
        rows.addWidget(self._bar)
        rows.addLayout(buttons)
        rows.addStretch(1)
        self._show_running(False)

    def _show_running(self, running: bool) -> None:
        self._bar.setVisible(running)
        self._cancel.setVisible(running)
        self._install.setVisible(not running)
        self._find.setVisible(not running)

    def _begin(self) -> None:
        self._steps = first_start.install()
        self._bar.setValue(0)
        self._show_running(True)
        self._timer.start()

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, translated(first_start.FIND_TIP))
        if not folder:
            return
        try:
            first_start.adopt(Path(folder))
        except (DioptreError, OSError) as error:
            self._words.setText(LOG.told(error).shown)
        else:
            self._on_done()

    def _poll(self) -> None:
        assert self._steps is not None
        try:
            self._progress(next(self._steps))
        except StopIteration:
            self._end(None)
        except Exception as error:  # noqa: BLE001  (an uncaught exception would open a modal error window)
            self._end(error)

    def _progress(self, step: Step) -> None:
        self._bar.show_fraction(step.fraction)
        self._words.setText(f"{translated(step.phase)}…")

    def _end(self, error: Exception | None) -> None:
        self._timer.stop()
        steps, self._steps = self._steps, None
        if steps is not None:
            steps.close()
        self._show_running(False)
        if error is None:
            self._on_done()
        elif isinstance(error, Cancelled):
            self._words.setText(translated(first_start.TEXT))
        else:
            self._words.setText(LOG.told(error).shown)
