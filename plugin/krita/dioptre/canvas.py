"""A picture that fills the available space: the wheel zooms, a drag pans, and a click selects a point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .dioptre_link.editing import picking
from .dioptre_link.editing.brush import Painting
from .dioptre_link.editing.picking import Click, Mark
from .dioptre_link.editing.scene import Marks
from .dioptre_link.editing.state import Point
from .dioptre_link.editing.viewport import Box, Viewport
from .dioptre_link.language import translated
from .toolkit import (
    QColor,
    QEvent,
    QImage,
    QLabel,
    QPainter,
    QPen,
    QPixmap,
    QPointF,
    QRectF,
    QSize,
    QSizePolicy,
    Qt,
)

LEAST_PX = 160
RING_PX = 9
# Half the lines within a ring.
SIGNS = {
    Mark.ADDED: (QPointF(4, 0), QPointF(0, 4)),
    Mark.REMOVED: (QPointF(4, 0),),
    Mark.AUTOMATIC: (QPointF(1, 0), QPointF(0, 1)),
}
MEASURED, DOT_PX = QColor(110, 200, 255), 4  # Marks of places whose distance is known.
# A white line over a dark one is visible on every picture.
OUTLINE = ((QColor(0, 0, 0, 160), 4), (QColor(255, 255, 255), 2))
BAND_PX, BAR_PX, INDENT_PX = 22, 4, 6
BEHIND = QColor(128, 128, 128)  # Colour behind transparent areas.
HANDLE_PX = 9  # Radius of the handle on the line between before and after.

INVITATION = "Click here to preview the active layer with these settings"


class Canvas(QLabel):
    """Widget that shows the picture. `on_click` receives fractions of it, or (0.5, 0.5) without a picture."""

    def __init__(self, on_click: Callable[[float, float, Click], None]) -> None:
        super().__init__()
        self.setObjectName("dioptre_preview")
        self.setAccessibleName(translated("Preview"))
        self.setMinimumSize(LEAST_PX, LEAST_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setWordWrap(True)
        self.setText(translated(INVITATION))
        self.viewport = Viewport(self._room, on_click, self.update)
        self.viewport.on_divider = self._move_divider
        self._divider = 0.5
        self._shape: tuple[int, int] = (3, 2)  # Width and height of the latest picture: at first, of any photo.
        self._shown: tuple[object, ...] = ()
        self._image: QImage | None = None
        self._over: Sequence[QImage] = ()
        self._left: QImage | None = None
        self._frame: Sequence[float] | None = None
        self._marks: Marks | None = None
        self._sign, self._fraction = "", 0.0
        self._brush_radius = 0.0

    def show_images(
        self,
        image: QImage | None,
        *,
        over: Sequence[QImage] = (),
        left: QImage | None = None,
        frame: Sequence[float] | None = None,
        marks: Marks | None = None,
    ) -> None:
        """Show a picture and what is drawn over it.

        Args:
            image: The picture; None clears the canvas and resets the zoom.
            over: Images drawn over the picture.
            left: Image that replaces the picture on the left of a line, which can be dragged.
            frame: Box to outline, in fractions of the picture.
            marks: Points to mark.
        """
        shown = image, tuple(over), left, frame, marks
        if shown == self._shown:
            return
        self._shown = shown
        self.viewport.picture = None if image is None else (image.width(), image.height())
        if image is None:
            self.viewport.reset()
        else:
            self._shape = image.width(), image.height()
        self.viewport.divider = None if left is None else self._divider
        self._image, self._over, self._left = image, over, left
        self._frame, self._marks = frame, marks
        rings = () if marks is None else marks.rings
        self.viewport.marks = [place for place, mark in rings if mark is not Mark.AUTOMATIC]
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        return QSize(LEAST_PX, LEAST_PX)  # Whatever the picture or the words: the docker decides.

    def height_for(self, width: int) -> int:
        """Return the height at which the latest picture fills a width, in pixels."""
        return max(LEAST_PX, round(width * self._shape[1] / max(self._shape[0], 1)))

    def _move_divider(self, at: float) -> None:
        self._divider = self.viewport.divider = at
        self.update()

    def set_brush(self, painting: Painting | None, radius: float) -> None:
        """Let the left button paint, or restore clicking.

        Args:
            painting: Receives the strokes; None turns the brush off.
            radius: Radius of the brush's outline, as a fraction of the picture's longer side.
        """
        if (painting, radius) == (self.viewport.painting, self._brush_radius):
            return
        self._brush_radius = radius
        self.viewport.set_painting(painting)
        self.setMouseTracking(painting is not None)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus if painting is None else Qt.FocusPolicy.ClickFocus)
        self.update()

    def show_progress(self, sign: str, fraction: float | None) -> None:
        """Show text and a progress bar over the picture.

        Args:
            sign: Text of the band over the picture, or "" for no band.
            fraction: Progress from 0 to 1, or None for no bar.
        """
        fraction = -1.0 if fraction is None else fraction
        changed, self._sign, self._fraction = (bool(sign) != bool(self._sign)), sign, fraction
        # Only the band, as the picture is large on Krita's canvas.
        self.update(self.rect() if changed else self.rect().adjusted(0, self.height() * 2 // 3, 0, 0))

    def place(self) -> Box:
        """Return the position of the whole picture in the widget: left, top, width, height."""
        return self.viewport.place()

    def paintEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if self.viewport.picture is None:
            super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.viewport.picture is not None:
            self._paint_picture(painter, QRectF(*self.place()))
        if self._sign:
            self._paint_sign(painter, self._sign)
        painter.end()

    def _room(self) -> Point:
        return self.width(), self.height()

    def _paint_picture(self, painter: QPainter, whole: QRectF) -> None:
        left, top, width, height = whole.getRect()
        self._paint_images(painter, whole)
        if self._left is not None:
            self._paint_divider(painter, left + width * self._divider)
        if (box := self.viewport.box or self._frame) is not None:
            x, y, w, h = box
            for colour, line in OUTLINE:
                painter.setPen(QPen(colour, line))
                painter.drawRect(QRectF(left + x * width, top + y * height, w * width, h * height))
        if self._marks is not None:
            self._paint_marks(painter, whole, self._marks)
        if self.viewport.painting is not None and (brush := self.viewport.brush_at) is not None:
            radius = self._brush_radius * max(width, height)
            for colour, line in OUTLINE:
                painter.setPen(QPen(colour, line / 2))
                painter.drawEllipse(QPointF(*brush), radius, radius)

    def _paint_images(self, painter: QPainter, whole: QRectF) -> None:
        painter.fillRect(whole, BEHIND)
        self._paint_layers(painter, whole)
        if self._left is not None:
            part = QRectF(whole.x(), whole.y(), whole.width() * self._divider, whole.height())
            source = QRectF(0, 0, self._left.width() * self._divider, self._left.height())
            painter.fillRect(part, BEHIND)
            painter.drawPixmap(part, QPixmap.fromImage(self._left), source)

    def _paint_layers(self, painter: QPainter, whole: QRectF) -> None:
        for image in (self._image, *self._over):
            if image is not None:
                painter.drawPixmap(whole, QPixmap.fromImage(image), QRectF(image.rect()))

    def _paint_divider(self, painter: QPainter, x: float) -> None:
        """Draw the line between before and after, with a handle that invites to drag it."""
        for colour, line in OUTLINE:
            painter.setPen(QPen(colour, line))
            painter.drawLine(QPointF(x, 0), QPointF(x, self._room()[1]))
        middle = QPointF(x, self._room()[1] / 2)
        painter.setPen(QPen(*OUTLINE[0]))
        painter.setBrush(OUTLINE[1][0])
        painter.drawEllipse(middle, HANDLE_PX, HANDLE_PX)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(0, 0, 0), 2))
        for side in (-1, 1):
            tip = middle + QPointF(side * 6, 0)
            for up in (-3, 3):
                painter.drawLine(tip, tip + QPointF(-side * 3, up))

    def _paint_marks(self, painter: QPainter, whole: QRectF, marks: Marks) -> None:
        """Draw rings at the points, with a plus, a minus or a dot, and a distance beside each known place."""

        def at(place: Point) -> QPointF:
            return QPointF(whole.x() + place[0] * whole.width(), whole.y() + place[1] * whole.height())

        for place, mark in marks.rings:
            self._ring(painter, at(place), mark)
        for place in marks.dots:
            painter.setPen(QPen(QColor(0, 0, 0, 200), 1.5))
            painter.setBrush(MEASURED)
            painter.drawEllipse(at(place), DOT_PX, DOT_PX)
            painter.setBrush(Qt.BrushStyle.NoBrush)
        for place, words in marks.worded:
            self._paint_words(painter, at(place), words)

    def _ring(self, painter: QPainter, middle: QPointF, mark: Mark) -> None:
        for pen in (QPen(OUTLINE[0][0], OUTLINE[0][1]), QPen(QColor(*mark.value), OUTLINE[1][1])):
            painter.setPen(pen)
            painter.drawEllipse(middle, RING_PX, RING_PX)
            for end in SIGNS.get(mark, ()):
                painter.drawLine(middle - end, middle + end)

    def _paint_words(self, painter: QPainter, middle: QPointF, words: str) -> None:
        room = self._room()
        text = painter.boundingRect(QRectF(0, 0, *room), int(Qt.TextFlag.TextSingleLine), words)
        tag = (text.width() + INDENT_PX, text.height())
        band = QRectF(*picking.tag_place((middle.x(), middle.y()), tag, room), *tag)
        painter.fillRect(band, QColor(0, 0, 0, 170))
        painter.setPen(QPen(MEASURED))
        painter.drawText(band, int(Qt.AlignmentFlag.AlignCenter), words)

    def _paint_sign(self, painter: QPainter, sign: str) -> None:
        """Draw a dark band with text and the progress bar, because the picture below is not the result yet."""
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap
        room = QRectF(0, 0, self.width() - 2 * INDENT_PX, self.height())
        high = max(BAND_PX, painter.boundingRect(room, int(flags), sign).height() + INDENT_PX)
        band = QRectF(0, self.height() - high, self.width(), high)
        painter.fillRect(band, QColor(0, 0, 0, 170))
        painter.setPen(QPen(QColor(255, 255, 255)))
        painter.drawText(band.adjusted(INDENT_PX, 0, -INDENT_PX, 0), int(flags), sign)
        if self._fraction >= 0:
            bar = QRectF(0, self.height() - high - BAR_PX, self.width(), BAR_PX)
            painter.fillRect(bar, QColor(0, 0, 0, 170))
            bar.setWidth(self.width() * min(max(self._fraction, 0.02), 1.0))
            painter.fillRect(bar, self.palette().highlight().color())

    # -- pointer -------------------------------------------------------------------------------------------------

    def wheelEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        """Zoom around the pointer; at the smallest zoom, zooming out scrolls the panel instead."""
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        notches = 1.0 if event.angleDelta().y() > 0 else -1.0
        if self.viewport.scrolled(self._at(event), notches, control=control):
            event.accept()
        else:
            event.ignore()

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        self.viewport.pressed(self._at(event), _click_of(event), left=event.button() == Qt.MouseButton.LeftButton)

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        self.viewport.moved(self._at(event))

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        self.viewport.released(self._at(event), _click_of(event), left=event.button() == Qt.MouseButton.LeftButton)

    def _at(self, event: Any) -> Point:
        """Return an event's position; Qt 5 names it differently for a mouse, a wheel and a pen."""
        where = next(getattr(event, name) for name in ("position", "localPos", "posF") if hasattr(event, name))()
        return where.x(), where.y()

    def leaveEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        self.viewport.left()
        super().leaveEvent(event)

    def event(self, event: Any) -> bool:
        """Claim Ctrl+Z for the brush instead of Krita's shortcut while the canvas has the focus."""
        if event.type() == QEvent.Type.ShortcutOverride and self._is_undo(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if self.viewport.painting is not None and self._is_undo(event):
            self.viewport.painting.undone()
        else:
            super().keyPressEvent(event)

    def _is_undo(self, event: Any) -> bool:
        control = Qt.KeyboardModifier.ControlModifier
        return self.viewport.painting is not None and event.key() == Qt.Key.Key_Z and event.modifiers() == control


def _click_of(event: Any) -> Click:
    held, keys = event.modifiers(), Qt.KeyboardModifier
    shift, alt, control = (bool(held & key) for key in (keys.ShiftModifier, keys.AltModifier, keys.ControlModifier))
    return picking.click_of(shift=shift, alt=alt, control=control)
