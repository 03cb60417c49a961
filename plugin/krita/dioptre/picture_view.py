"""The picture in the docker: after, before, depth or focus range, and the point that was clicked."""

from __future__ import annotations

from collections.abc import Callable

from .previews import Image
from .qt import (
    QButtonGroup,
    QColor,
    QHBoxLayout,
    QImage,
    QLabel,
    QPainter,
    QPen,
    QPixmap,
    QPointF,
    QSizePolicy,
    Qt,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

AFTER, BEFORE, DEPTH, FOCUS = "after", "before", "depth", "focus"
VIEWS = {
    AFTER: ("After", "The result with these settings"),
    BEFORE: ("Before", "The layer as it is"),
    DEPTH: ("Depth", "White is nearest, black is farthest"),
    FOCUS: ("Focus range", "Green is sharp, blue lies in front of it, orange behind it"),
}
IN_FRONT, SHARP, BEHIND = (40, 110, 255, 110), (60, 220, 90, 110), (255, 140, 30, 110)
LEAST_PX = 240
RING_PX = 9


class PictureView(QWidget):
    """The views' buttons, and the picture below them. on_click gets shares of the picture, 0 to 1."""

    def __init__(self, on_click: Callable[[float, float], None]) -> None:
        super().__init__()
        self.canvas = Canvas(on_click)
        self._images: dict[str, QImage] = {}
        self._depth: Image | None = None
        self._sharp: tuple[float, float] | None = None
        self._buttons: dict[str, QToolButton] = {}
        group = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(1)
        row.addStretch()
        for view, (label, tip) in VIEWS.items():
            button = QToolButton()
            button.setText(label)
            button.setToolTip(tip)
            button.setCheckable(True)
            button.setAutoRaise(True)  # shows which one is chosen in every theme
            button.setObjectName(f"dioptre_view_{view}")
            button.toggled.connect(lambda _on: self._draw())
            group.addButton(button)
            row.addWidget(button)
            self._buttons[view] = button
        row.addStretch()
        self._buttons[AFTER].setChecked(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.canvas)

    @property
    def view(self) -> str:
        return next((view for view, button in self._buttons.items() if button.isChecked()), AFTER)

    def choose(self, view: str) -> None:
        self._buttons[view].setChecked(True)

    def offer(self, views: tuple[str, ...]) -> None:
        """Show the buttons of these views alone."""
        for view, button in self._buttons.items():
            button.setVisible(view in views)
        if self.view not in views:
            self.choose(views[0])

    def clear(self) -> None:
        self._images.clear()
        self._depth = self._sharp = None
        self.canvas.marker = None
        self._draw()

    def show_before(self, image: QImage) -> None:
        self._images[BEFORE] = image
        self._draw()

    def show_after(self, image: Image | None) -> None:
        if image is None:
            self._images.pop(AFTER, None)
        else:
            self._images[AFTER] = coloured(image)
        self._draw()

    def show_depth(self, depth: Image | None, sharp: tuple[float, float] | None) -> None:
        """sharp: the disparities from which to which the picture is sharp."""
        self._depth, self._sharp = depth, sharp
        self._images.pop(DEPTH, None)
        if depth is not None:
            self._images[DEPTH] = _table(depth, [(value, value, value, 255) for value in range(256)])
        self._draw()

    def mark(self, point: tuple[float, float] | None) -> None:
        self.canvas.marker = point
        self.canvas.update()

    def depth_at(self, x: float, y: float) -> float | None:
        """The disparity at a point given as shares of the picture, None before it is known."""
        if self._depth is None:
            return None
        column = min(int(x * self._depth.width), self._depth.width - 1)
        row = min(int(y * self._depth.height), self._depth.height - 1)
        return self._depth.data[row * self._depth.width + column] / 255

    def _draw(self) -> None:
        view = self.view
        image = self._images.get(view) or self._images.get(BEFORE)
        over = None
        if view == FOCUS:
            image = self._images.get(AFTER) or self._images.get(BEFORE)
            if self._depth is not None and self._sharp is not None:
                low, high = self._sharp
                colours = [BEHIND if v / 255 < low else IN_FRONT if v / 255 > high else SHARP for v in range(256)]
                over = _table(self._depth, colours)
        self.canvas.show_images(image, over)


class Canvas(QLabel):
    """The picture as large as there is room, and a ring where it was clicked."""

    def __init__(self, on_click: Callable[[float, float], None]) -> None:
        super().__init__()
        self.setObjectName("dioptre_preview")
        self.setMinimumSize(LEAST_PX, LEAST_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.marker: tuple[float, float] | None = None
        self._on_click = on_click
        self._image: QImage | None = None
        self._over: QImage | None = None

    def show_images(self, image: QImage | None, over: QImage | None) -> None:
        self._image, self._over = image, over
        self.update()

    def place(self) -> tuple[float, float, float, float]:
        """Where the picture lies in the widget: left, top, width, height."""
        if self._image is None or self._image.width() == 0:
            return 0.0, 0.0, 0.0, 0.0
        scale = min(self.width() / self._image.width(), self.height() / self._image.height())
        width, height = self._image.width() * scale, self._image.height() * scale
        return (self.width() - width) / 2, (self.height() - height) / 2, width, height

    def paintEvent(self, event: object) -> None:  # noqa: N802  (Qt's name)
        if self._image is None:
            super().paintEvent(event)
            return
        left, top, width, height = (round(value) for value in self.place())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(left, top, width, height, QColor(128, 128, 128))
        for image in (self._image, self._over):
            if image is not None:
                painter.drawPixmap(left, top, width, height, QPixmap.fromImage(image))
        if self.marker is not None:
            centre = QPointF(left + self.marker[0] * width, top + self.marker[1] * height)
            for colour, line in ((QColor(0, 0, 0, 160), 4), (QColor(255, 255, 255), 2)):
                painter.setPen(QPen(colour, line))
                painter.drawEllipse(centre, RING_PX, RING_PX)
        painter.end()

    def mousePressEvent(self, event: object) -> None:  # noqa: N802  (Qt's name)
        left, top, width, height = self.place()
        if width <= 0 or height <= 0:
            return
        where = event.localPos() if hasattr(event, "localPos") else event.position()
        x, y = (where.x() - left) / width, (where.y() - top) / height
        if 0 <= x < 1 and 0 <= y < 1:
            self._on_click(x, y)


def coloured(image: Image) -> QImage:
    """A picture whose bytes Qt owns."""
    return QImage(image.data, image.width, image.height, 4 * image.width, QImage.Format.Format_ARGB32).copy()


def _table(image: Image, colours: list[tuple[int, int, int, int]]) -> QImage:
    """A grey picture through a table of 256 colours."""
    found = QImage(image.data, image.width, image.height, image.width, QImage.Format.Format_Indexed8)
    found.setColorTable([QColor(*colour).rgba() for colour in colours])
    return found.convertToFormat(QImage.Format.Format_ARGB32)
