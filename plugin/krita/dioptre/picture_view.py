"""The picture in the docker: after, before, depth or focus range, and the point that was clicked."""

from __future__ import annotations

from collections.abc import Callable

from .dioptre_link.language import translated
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
    QRectF,
    QSizePolicy,
    Qt,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

AFTER, BEFORE, DEPTH, FOCUS = "after", "before", "depth", "focus"
OLD_DEPTH, CONFIDENCE, PLACE = "old_depth", "confidence", "place"
VIEWS = {
    AFTER: ("After", "The result with these settings"),
    DEPTH: ("Depth", "White is nearest, black is farthest"),
    OLD_DEPTH: ("Depth before", "The depth layer as it is"),
    BEFORE: ("Before", "The layer as it is"),
    CONFIDENCE: ("Confidence", "White where the depth can be trusted, dark where it is not"),
    FOCUS: ("Focus range", "Green is sharp, blue lies in front of it, orange behind it"),
    PLACE: ("Place", "The whole layer: click where to look"),
}
IN_FRONT, SHARP, BEHIND = (40, 110, 255, 110), (60, 220, 90, 110), (255, 140, 30, 110)
LEAST_PX = 240
RING_PX = 9
OUTLINE = ((QColor(0, 0, 0, 160), 4), (QColor(255, 255, 255), 2))  # is seen on every picture
_GREYS = [(value, value, value, 255) for value in range(256)]


class PictureView(QWidget):
    """The views' buttons, and the picture below them. on_click gets shares of the picture, 0 to 1."""

    def __init__(self, on_click: Callable[[float, float], None]) -> None:
        super().__init__()
        self.canvas = Canvas(self._clicked)
        self._on_click = on_click
        self._images: dict[str, QImage] = {}
        self._part: tuple[float, float, float, float] | None = None
        self._depth: Image | None = None
        self._sharp: tuple[float, float] | None = None
        self._buttons: dict[str, QToolButton] = {}
        group = QButtonGroup(self)
        row = self._row = QHBoxLayout()
        row.setSpacing(1)
        row.addStretch()
        for view, (label, tip) in VIEWS.items():
            button = QToolButton()
            button.setText(translated(label))
            button.setToolTip(translated(tip))
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
        """Show the buttons of these views alone, in this order."""
        for view, button in self._buttons.items():
            button.setVisible(view in views)
        for place, view in enumerate(views):
            self._row.removeWidget(self._buttons[view])
            self._row.insertWidget(1 + place, self._buttons[view])  # after the stretch
        if self.view not in views:
            self.choose(views[0])

    def clear(self) -> None:
        self._images.clear()
        self._depth = self._sharp = self._part = None
        self.canvas.marker = None
        self._draw()

    def show_before(self, image: QImage) -> None:
        self._images[BEFORE] = self._images[PLACE] = image
        self._draw()

    def show_part(self, before: Image, part: tuple[float, float, float, float]) -> None:
        """From now on before and after are this part of the layer: left, top, width, height as shares of it."""
        self._images[BEFORE] = coloured(before)
        self._part = part
        self._draw()

    def show_more(self, view: str, grey: Image | None) -> None:
        """Show a grey picture in one of the views."""
        self._images.pop(view, None)
        if grey is not None:
            self._images[view] = _table(grey, _GREYS)
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
            self._images[DEPTH] = _table(depth, _GREYS)
        self._draw()

    def mark(self, point: tuple[float, float] | None) -> None:
        self.canvas.marker = point
        self.canvas.update()

    def _clicked(self, x: float, y: float) -> None:
        """Shares of what is shown to shares of the layer."""
        if self._part is not None and self.view != PLACE:
            left, top, width, height = self._part
            x, y = left + x * width, top + y * height
        self._on_click(x, y)

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
        self.canvas.show_images(image, over, self._part if view == PLACE else None)


class Canvas(QLabel):
    """The picture as large as there is room, and a ring where it was clicked."""

    def __init__(self, on_click: Callable[[float, float], None]) -> None:
        super().__init__()
        self.setObjectName("dioptre_preview")
        self.setMinimumSize(LEAST_PX, LEAST_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setWordWrap(True)
        # Shown while there is no picture.
        self.setText(translated("Click here to see the active layer with these settings"))
        self.marker: tuple[float, float] | None = None
        self._on_click = on_click
        self._image: QImage | None = None
        self._over: QImage | None = None
        self._frame: tuple[float, float, float, float] | None = None

    def show_images(
        self, image: QImage | None, over: QImage | None, frame: tuple[float, float, float, float] | None = None
    ) -> None:
        """frame: a part to draw a frame around, as shares of the picture."""
        self._image, self._over, self._frame = image, over, frame
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
        if self._frame is not None:
            x, y, part_width, part_height = self._frame
            for colour, line in OUTLINE:
                painter.setPen(QPen(colour, line))
                painter.drawRect(
                    QRectF(left + x * width, top + y * height, part_width * width, part_height * height)
                )
        if self.marker is not None:
            centre = QPointF(left + self.marker[0] * width, top + self.marker[1] * height)
            for colour, line in OUTLINE:
                painter.setPen(QPen(colour, line))
                painter.drawEllipse(centre, RING_PX, RING_PX)
        painter.end()

    def mousePressEvent(self, event: object) -> None:  # noqa: N802  (Qt's name)
        left, top, width, height = self.place()
        if width <= 0 or height <= 0:
            self._on_click(0.5, 0.5)  # nothing is shown yet: asks for a preview
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
