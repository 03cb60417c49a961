"""List of running jobs: each has a progress bar and a cancel button, and one button cancels them all."""

from __future__ import annotations

from .dioptre_link.language import translated
from .jobs import Run, job_manager
from .qt import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

FULL = 1000  # Maximum of a progress bar.


class JobLine(QWidget):
    """The row of one job."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        title = translated(run.title)
        self.setObjectName("dioptre_job")
        self._words = QLabel(title)
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._bar = QProgressBar()
        self._bar.setRange(0, FULL)
        self._bar.setTextVisible(False)
        self._bar.setMaximumHeight(8)
        self._bar.setAccessibleName(title)
        cancel = QToolButton()
        cancel.setText("✕")
        cancel.setObjectName("dioptre_job_cancel")
        cancel.setToolTip(translated("Cancel this job"))
        cancel.setAccessibleName(f"{translated('Cancel this job')}: {title}")
        cancel.clicked.connect(lambda *_: run.cancel())
        lines = QVBoxLayout()
        lines.setSpacing(1)
        lines.addWidget(self._words)
        lines.addWidget(self._bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addLayout(lines, 1)
        row.addWidget(cancel)
        run.progressed.connect(self._progressed)

    def _progressed(self, fraction: float, phase: str) -> None:
        self._bar.setValue(round(FULL * fraction))
        self._words.setText(f"{translated(self.run.title)}: {translated(phase)}…")
        self._words.setToolTip(self._words.text())


class JobList(QWidget):
    """All jobs in this Krita process, the oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[Run, JobLine] = {}
        self._place = QVBoxLayout(self)
        self._place.setContentsMargins(0, 0, 0, 0)
        self._place.setSpacing(2)
        self._stop = QPushButton(translated("Cancel all jobs"))
        self._stop.setObjectName("dioptre_stop_all")
        self._stop.clicked.connect(lambda *_: job_manager().cancel_all())
        self._place.addWidget(self._stop)
        job_manager().started.connect(self._add)
        for run in job_manager().runs:
            self._add(run)
        self._show()

    def _add(self, run: Run) -> None:
        if run.done:
            return
        line = self._lines[run] = JobLine(run)
        self._place.insertWidget(len(self._lines) - 1, line)
        run.finished.connect(lambda *_: self._remove(run))
        run.failed.connect(lambda *_: self._remove(run))
        self._show()

    def _remove(self, run: Run) -> None:
        line = self._lines.pop(run, None)
        if line is not None:
            self._place.removeWidget(line)
            line.hide()
            line.deleteLater()
        self._show()

    def _show(self) -> None:
        self._stop.setVisible(len(self._lines) > 1)
        self.setVisible(bool(self._lines))
