"""The docker's lists: the jobs that run, and the results in the document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from krita import Krita

from .dioptre_link.editing.events import Image
from .dioptre_link.language import translated
from .dioptre_link.operation import LISTS, Parameter
from .dioptre_link.presets import presets
from .dioptre_link.records import Entry
from .document import Document, active, own_id, record_of
from .jobs import Run, job_manager
from .preview import coloured
from .session import FROM_FILE
from .toolkit import (
    Bar,
    QHBoxLayout,
    QIcon,
    QImage,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPixmap,
    QPushButton,
    QSize,
    QSizePolicy,
    Qt,
    QToolButton,
    QVBoxLayout,
    QWidget,
    button_of,
    laid_out,
)


class JobLine(QWidget):
    """The row of one job."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        title = translated(run.title)
        self.setObjectName("dioptre_job")
        self._words = QLabel(title)
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._bar = Bar(title)
        cancel = button_of(QToolButton, "job_cancel", "✕", run.cancel, f"{translated('Cancel this job')}: {title}")
        lines = laid_out(QVBoxLayout, spacing=1)
        lines.addWidget(self._words)
        lines.addWidget(self._bar)
        row = laid_out(QHBoxLayout, self)
        row.addLayout(lines, 1)
        row.addWidget(cancel)
        run.progressed.connect(self._progressed)

    def _progressed(self, fraction: float, phase: str) -> None:
        self._bar.show_fraction(fraction)
        self._words.setText(f"{translated(self.run.title)}: {translated(phase)}…")
        self._words.setToolTip(self._words.text())


class JobList(QWidget):
    """All jobs in this Krita process, the oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[Run, JobLine] = {}
        self._place = laid_out(QVBoxLayout, self, spacing=2)
        self._stop = button_of(QPushButton, "stop_all", translated("Cancel all jobs"), job_manager().cancel_all)
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


FROM_A_FILE = "From a file…"
ABOUT_FILES = "A recipe as a .json file; every run of Dioptre saves one"
TILE_PX = 96
FRAME_PX = 6  # What a column is wider than its picture.
CELL_PX, LEAST_PX = TILE_PX + FRAME_PX, 70  # Minimum widths of a column: in several rows, and of all tiles in one.
LABEL_PX = 38  # Height of two lines below a picture, and of the frame.
MOST = 12  # How many of the newest results to list; Krita takes a few milliseconds per thumbnail.


# A tint would cover the picture, and a double click means something else than a click.
FRAME = """
QListWidget { activate-on-singleclick: 0; }
QListWidget::item { border: 2px solid transparent; border-radius: 3px; }
QListWidget::item:hover { border-color: palette(mid); background: transparent; }
QListWidget::item:selected { border-color: palette(highlight); background: transparent; color: palette(text); }
"""


class Tiles(QListWidget):
    """Pictures with titles in rows, all of which are visible; a frame marks the chosen one."""

    def __init__(self, name: str, accessible: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(accessible)
        self.setStyleSheet(FRAME)
        font = self.font()
        font.setPointSizeF(max(font.pointSizeF() * 0.85, 6.0))  # So that a word fits below a small picture.
        self.setFont(font)
        self.setViewMode(QListWidget.ViewMode.IconMode)
        self.setIconSize(QSize(TILE_PX, TILE_PX))
        self.setGridSize(QSize(CELL_PX, TILE_PX + LABEL_PX))
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setWordWrap(True)
        self.setMovement(QListWidget.Movement.Static)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def add(self, title: str, picture: QImage | None, data: str) -> QListWidgetItem:
        """Add a tile.

        Args:
            title: Its title.
            picture: Its picture, of any size.
            data: What the tile stands for.
        """
        item = QListWidgetItem(title)
        item.setData(Qt.ItemDataRole.UserRole, data)
        item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
        item.setSizeHint(QSize(CELL_PX, self.gridSize().height()))
        if picture is not None and not picture.isNull():
            show_picture(item, picture)
        self.addItem(item)
        return item

    def resizeEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """Fill the width with columns, and take as much height as all rows need."""
        wide = self.viewport().width() - 1  # A column that ends at the very edge would not be used by Qt.
        count = sum(not self.item(row).isHidden() for row in range(self.count()))
        columns = max(1, wide // CELL_PX)
        if columns < count <= wide // LEAST_PX:
            columns = count
        side = min(TILE_PX, max(CELL_PX, wide) // columns - FRAME_PX)
        high = side + LABEL_PX
        self.setIconSize(QSize(side, side))
        self.setGridSize(QSize(max(side + FRAME_PX, wide // columns), high))
        self.setFixedHeight(-(-max(count, 1) // columns) * high + 2 * self.frameWidth())


class RecipeList(Tiles):
    """Recipes, with their effect on the layer, or the layer as it is until that is known."""

    def __init__(self, on_choose: Callable[[str], None]) -> None:
        super().__init__("dioptre_recipes", translated("Recipes"))
        self._known: dict[str, object] = {}
        for name, recipe in presets().items():
            self.add(translated(recipe.title), None, name).setToolTip(translated(recipe.description))
        file = self.add(translated(FROM_A_FILE), None, FROM_FILE)
        file.setToolTip(translated(ABOUT_FILES))
        file.setIcon(Krita.instance().icon("document-open"))
        self.itemClicked.connect(lambda item: on_choose(item.data(Qt.ItemDataRole.UserRole)))
        self.itemActivated.connect(lambda item: on_choose(item.data(Qt.ItemDataRole.UserRole)))

    def render(
        self, names: Sequence[str], chosen: str, pictures: Mapping[str, Image | None], before: QImage | None
    ) -> None:
        """Show some of the recipes and their pictures, and mark the chosen one.

        Args:
            names: The recipes to show.
            chosen: The one to mark; "" for none.
            pictures: The pictures that are known.
            before: The layer as it is.
        """
        self.setCurrentRow(-1)
        for item in (self.item(row) for row in range(self.count())):
            name = item.data(Qt.ItemDataRole.UserRole)
            item.setHidden(name not in names)
            if name == chosen:
                self.setCurrentItem(item)
            known = pictures.get(name)
            picture = known or (None if name == FROM_FILE else before)
            if name in names and picture is not None and picture is not self._known.get(name):
                self._known[name] = picture
                show_picture(item, picture if known is None else coloured(known))
        self.setVisible(bool(names))
        self.fit()


class ResultList(Tiles):
    """List in which a click activates a result's group, and a double click or Return edits the result."""

    def __init__(self, on_edit: Callable[[], None]) -> None:
        super().__init__("dioptre_history", translated("Results in this document"))
        self._on_edit = on_edit
        self._listed: tuple[Document | None, list[tuple[Entry, list[str]]]] | None = None
        self.setToolTip(translated("Results in this document. Double-click one to edit it."))
        self.itemActivated.connect(self._edit)
        self.itemClicked.connect(self._select)

    def refresh(self) -> None:
        """List the results in the active document, if they are others or have other layers than before."""
        document, listed = active()[0], []
        if document is not None:
            for entry in record_of(document).readable():
                if entry.known is not None and (layers := record_of(document).layers(entry)):
                    listed.append((entry, [own_id(one) for one in layers]))
        if (document, listed) == self._listed:
            return
        self._listed = document, listed
        self.clear()
        for entry, _ in reversed(listed[-MOST:]):
            self._add_result(document, entry)
        self.setVisible(self.count() > 0)
        self.fit()

    def _add_result(self, document: Document, entry: Entry) -> None:
        node = record_of(document).top(entry)
        bounds = node.bounds()
        scale = TILE_PX / max(1, min(bounds.width(), bounds.height()))
        picture = node.thumbnail(max(1, round(bounds.width() * scale)), max(1, round(bounds.height() * scale)))
        item = self.add(node.name(), picture, entry.id)
        item.setToolTip(f"{node.name()}\n{entry.when[:16].replace('T', ' ')}\n{_changed(entry)}".strip())

    def _select(self, item: QListWidgetItem) -> bool:
        document = active()[0]
        if document is None:
            return False
        known = {entry.id: entry for entry in record_of(document).readable()}
        entry = known.get(item.data(Qt.ItemDataRole.UserRole))
        if entry is None or not record_of(document).layers(entry):
            self.refresh()
            return False
        top = record_of(document).top(entry)
        job_manager().undo_sync.activated(document, top, ())
        document.setActiveNode(top)
        return True

    def _edit(self, item: QListWidgetItem) -> None:
        if self._select(item):
            self._on_edit()


def show_picture(item: QListWidgetItem, picture: QImage) -> None:
    """Show a picture in a tile, cut to a square."""
    side = min(picture.width(), picture.height())
    part = picture.copy((picture.width() - side) // 2, (picture.height() - side) // 2, side, side)
    smooth = Qt.TransformationMode.SmoothTransformation
    pixmap, icon = QPixmap.fromImage(part.scaled(TILE_PX, TILE_PX, transformMode=smooth)), QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):  # Qt tints a selected icon that has no picture for it.
        icon.addPixmap(pixmap, mode)
    item.setIcon(icon)


def _changed(entry: Entry) -> str:
    """Return the options that differ from their defaults, one per line."""
    values = [(one, entry.chosen_options.get(one.name, one.default)) for one in entry.described.parameters]
    changed = [(one, value) for one, value in values if value != one.default and (value or one.kind not in LISTS)]
    return "\n".join(f"{translated(one.label)}: {_short(one, value)}" for one, value in changed)


def _short(option: Parameter, value: Any) -> str:
    if option.kind in LISTS:
        return str(len(value))
    if isinstance(value, (list, tuple)):
        return ", ".join(f"{number:.0f}" for number in value)
    return f"{value:g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
