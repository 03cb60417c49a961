"""A picture that fills the available space: the wheel zooms, a drag pans, and a click selects a point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .dioptre_link.editing import picking
from .dioptre_link.editing.brush import Painting
from .dioptre_link.editing.picking import Click
from .dioptre_link.language import translated
from .qt import QColor, QEvent, QImage, QLabel, QPainter, QPen, QPixmap, QPointF, QRectF, QSizePolicy, Qt

LEAST_PX = 160
RING_PX = 9
# Colours of clicks that add to the selection, and of clicks that subtract from it.
PLUS, MINUS = QColor(90, 230, 110), QColor(255, 90, 80)
# Colour (RGBA) of marks that Dioptre places automatically; those of the user are white.
AMBER = (255, 190, 60, 255)
MEASURED, DOT_PX = QColor(110, 200, 255), 4  # Marks of places whose distance is known.
# A white line over a dark one is visible on every picture.
OUTLINE = ((QColor(0, 0, 0, 160), 4), (QColor(255, 255, 255), 2))
MOST_ZOOM = 8.0
ZOOM_STEP = 1.25  # Zoom factor per wheel notch.
DRAGGED_PX = 4  # A press that moves at least this many pixels is a drag.
BAND_PX, BAR_PX, INDENT_PX = 22, 4, 6

INVITATION = "Click here to preview the active layer with these settings"

Place = tuple[float, float, float, float]
_LEFT = Qt.MouseButton.LeftButton


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
        self._on_click = on_click
        self._image: QImage | None = None
        self._over: Sequence[QImage] = ()
        self._left: QImage | None = None
        self._frame: Place | None = None
        self._marker: tuple[float, float] | None = None
        self._automatic: tuple[float, float] | None = None
        self._sign, self._fraction = "", 0.0
        self._zoom, self._centre = 1.0, (0.5, 0.5)
        self._pressed: tuple[float, float] | None = None
        self._dragged = False
        self._painting: Painting | None = None
        self._paints = False  # Whether a stroke is in progress.
        self._brush_radius = 0.0
        self._pointer: QPointF | None = None  # Position of the brush.
        self._picked: Sequence[tuple[tuple[float, float], bool]] = ()
        self._measured: Sequence[tuple[tuple[float, float], str]] = ()
        self._on_box: Callable[[tuple[float, float], tuple[float, float]], None] | None = None
        # Corner where a box was started, as fractions of the picture's width and height.
        self._box_from: tuple[float, float] | None = None
        self._box: Place | None = None  # The box that is being drawn.

    def show_images(
        self,
        image: QImage | None,
        *,
        over: Sequence[QImage],
        left: QImage | None,
        frame: Place | None,
        marker: tuple[float, float] | None,
        automatic: tuple[float, float] | None,
    ) -> None:
        """Show a picture and what is drawn over it.

        All positions are fractions of the picture's width and height.

        Args:
            image: The picture; None clears the canvas and resets the zoom.
            over: Images drawn over the picture.
            left: Image whose left half replaces the picture's left half.
            frame: Box to outline.
            marker: The clicked point.
            automatic: The automatic focus point.
        """
        if image is None:
            self._zoom, self._centre = 1.0, (0.5, 0.5)
        self._image, self._over, self._left = image, over, left
        self._frame, self._marker, self._automatic = frame, marker, automatic
        self.update()

    def show_picks(
        self,
        picked: Sequence[tuple[tuple[float, float], bool]],
        on_box: Callable[[tuple[float, float], tuple[float, float]], None] | None,
    ) -> None:
        """Show clicked points, and choose whether a drag draws a box.

        Args:
            picked: Each clicked point, in fractions of the picture's width and height, and whether it adds to
                the selection.
            on_box: Called with the corners of a box drawn with the left button; None makes a drag pan.
        """
        self._picked, self._on_box = picked, on_box
        self.update()

    def show_distances(self, measured: Sequence[tuple[tuple[float, float], str]]) -> None:
        """Mark places, in fractions of the picture's width and height, with their distances."""
        self._measured = measured
        self.update()

    def show_words(self, words: str) -> None:
        """Set the text shown while there is no picture."""
        if words != self.text():
            self.setText(words)

    def set_brush(self, painting: Painting | None, radius: float) -> None:
        """Let the left button paint, or restore clicking.

        Args:
            painting: Receives the strokes; None turns the brush off.
            radius: Radius of the brush's outline, as a fraction of the picture's longer side.
        """
        self._painting, self._brush_radius = painting, radius
        self.setMouseTracking(painting is not None)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus if painting is None else Qt.FocusPolicy.ClickFocus)
        if painting is None:
            self._pointer, self._paints = None, False
        self.update()

    def show_progress(self, sign: str, fraction: float | None) -> None:
        """Show text and a progress bar over the picture.

        Args:
            sign: Text of the band over the picture, or "" for no band.
            fraction: Progress from 0 to 1, or None for no bar.
        """
        self._sign, self._fraction = sign, -1.0 if fraction is None else fraction
        self.update()

    def place(self) -> Place:
        """Return the position of the whole picture in the widget: left, top, width, height."""
        if self._image is None or self._image.width() == 0:
            return 0.0, 0.0, 0.0, 0.0
        fit = min(self.width() / self._image.width(), self.height() / self._image.height())
        width, height = self._image.width() * fit * self._zoom, self._image.height() * fit * self._zoom
        return (
            _start(self.width(), width, self._centre[0]),
            _start(self.height(), height, self._centre[1]),
            width,
            height,
        )

    def paintEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if self._image is None:
            super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._image is not None:
            self._paint_picture(painter)
        if self._sign:
            self._paint_sign(painter)
        painter.end()

    def _paint_picture(self, painter: QPainter) -> None:
        left, top, width, height = self.place()
        whole = QRectF(left, top, width, height)
        painter.fillRect(whole, QColor(128, 128, 128))
        for image in (self._image, *self._over):
            if image is not None:
                painter.drawPixmap(whole, QPixmap.fromImage(image), QRectF(image.rect()))
        if self._left is not None:
            half = QRectF(left, top, width / 2, height)
            source = QRectF(0, 0, self._left.width() / 2, self._left.height())
            painter.drawPixmap(half, QPixmap.fromImage(self._left), source)
            middle = left + width / 2
            for colour, line in OUTLINE:
                painter.setPen(QPen(colour, line))
                painter.drawLine(QPointF(middle, top), QPointF(middle, top + height))
        for colour, line in OUTLINE:
            painter.setPen(QPen(colour, line))
            if (box := self._box or self._frame) is not None:
                x, y, w, h = box
                painter.drawRect(QRectF(left + x * width, top + y * height, w * width, h * height))
            if self._marker is not None:
                x, y = self._marker
                painter.drawEllipse(QPointF(left + x * width, top + y * height), RING_PX, RING_PX)
        self._paint_picks(painter, whole)
        self._paint_distances(painter, whole)
        if self._painting is not None and self._pointer is not None:
            radius = self._brush_radius * max(width, height)
            for colour, line in OUTLINE:
                painter.setPen(QPen(colour, line / 2))
                painter.drawEllipse(self._pointer, radius, radius)
        if self._automatic is not None:
            x, y = self._automatic
            middle_of = QPointF(left + x * width, top + y * height)
            for pen in (QPen(OUTLINE[0][0], OUTLINE[0][1]), QPen(QColor(*AMBER), OUTLINE[1][1])):
                painter.setPen(pen)
                painter.drawEllipse(middle_of, RING_PX, RING_PX)
                painter.drawEllipse(middle_of, 1, 1)

    def _paint_picks(self, painter: QPainter, whole: QRectF) -> None:
        """Draw a ring with a plus or minus sign at each clicked point."""
        for (x, y), adds in self._picked:
            middle = QPointF(whole.x() + x * whole.width(), whole.y() + y * whole.height())
            for pen in (QPen(OUTLINE[0][0], OUTLINE[0][1]), QPen(PLUS if adds else MINUS, OUTLINE[1][1])):
                painter.setPen(pen)
                painter.drawEllipse(middle, RING_PX, RING_PX)
                painter.drawLine(middle - QPointF(4, 0), middle + QPointF(4, 0))
                if adds:
                    painter.drawLine(middle - QPointF(0, 4), middle + QPointF(0, 4))

    def _paint_distances(self, painter: QPainter, whole: QRectF) -> None:
        """Draw a dot and a distance at each place whose distance is known."""
        room = (float(self.width()), float(self.height()))
        for (x, y), words in self._measured:
            middle = QPointF(whole.x() + x * whole.width(), whole.y() + y * whole.height())
            painter.setPen(QPen(QColor(0, 0, 0, 200), 1.5))
            painter.setBrush(MEASURED)
            painter.drawEllipse(middle, DOT_PX, DOT_PX)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            text = painter.boundingRect(QRectF(0, 0, *room), int(Qt.TextFlag.TextSingleLine), words)
            tag = (text.width() + INDENT_PX, text.height())
            band = QRectF(*picking.tag_place((middle.x(), middle.y()), tag, room), *tag)
            painter.fillRect(band, QColor(0, 0, 0, 170))
            painter.setPen(QPen(MEASURED))
            painter.drawText(band, int(Qt.AlignmentFlag.AlignCenter), words)

    def _paint_sign(self, painter: QPainter) -> None:
        """Draw a dark band with text and the progress bar, because the picture below is not the result yet."""
        if self._image is not None:
            painter.fillRect(self.rect(), QColor(0, 0, 0, 70))
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap
        room = QRectF(0, 0, self.width() - 2 * INDENT_PX, self.height())
        high = max(BAND_PX, painter.boundingRect(room, int(flags), self._sign).height() + INDENT_PX)
        band = QRectF(0, self.height() - high, self.width(), high)
        painter.fillRect(band, QColor(0, 0, 0, 170))
        painter.setPen(QPen(QColor(255, 255, 255)))
        painter.drawText(band.adjusted(INDENT_PX, 0, -INDENT_PX, 0), int(flags), self._sign)
        if self._fraction >= 0:
            bar = QRectF(0, self.height() - high - BAR_PX, self.width(), BAR_PX)
            painter.fillRect(bar, QColor(0, 0, 0, 170))
            bar.setWidth(self.width() * min(max(self._fraction, 0.02), 1.0))
            painter.fillRect(bar, self.palette().highlight().color())

    # -- pointer -------------------------------------------------------------------------------------------------

    def wheelEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        """Zoom around the pointer; at the smallest zoom, zooming out scrolls the panel instead."""
        up = event.angleDelta().y() > 0
        if self._painting is not None and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._painting.resized(1 if up else -1)
            event.accept()
            return
        if self._image is None or (not up and self._zoom <= 1.0):
            event.ignore()
            return
        where = event.position()
        x, y = self._share(where.x(), where.y())
        zoom = min(max(self._zoom * (ZOOM_STEP if up else 1 / ZOOM_STEP), 1.0), MOST_ZOOM)
        kept = 1 - self._zoom / zoom
        self._centre = (
            self._centre[0] + (x - self._centre[0]) * kept,
            self._centre[1] + (y - self._centre[1]) * kept,
        )
        self._zoom = zoom
        event.accept()
        self.update()

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        where = _where(event)
        if self._painting is not None and self._image is not None and event.button() == Qt.MouseButton.LeftButton:
            x, y = self._share(where.x(), where.y())
            if 0 <= x < 1 and 0 <= y < 1:
                self._paints = True
                self._painting.began((x, y), _click_of(event))
            return
        self._pressed, self._dragged = (where.x(), where.y()), False
        boxes = self._on_box is not None and self._image is not None
        self._box_from = self._share(where.x(), where.y()) if boxes and event.button() == _LEFT else None

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        where = _where(event)
        if self._painting is not None:
            self._pointer = where
            if self._paints and self._image is not None:
                self._painting.moved(self._share(where.x(), where.y()))
            self.update()
        if self._pressed is None or self._image is None:
            return
        moved = where.x() - self._pressed[0], where.y() - self._pressed[1]
        if self._box_from is not None:
            if self._dragged or max(map(abs, moved)) >= DRAGGED_PX:
                self._dragged = True
                self._box = _between(self._box_from, self._share(where.x(), where.y()))
                self.update()
            return
        if self._zoom <= 1.0 or (not self._dragged and max(map(abs, moved)) < DRAGGED_PX):
            return
        self._dragged, self._pressed = True, (where.x(), where.y())
        width, height = self.place()[2:]
        self._centre = (
            min(max(self._centre[0] - moved[0] / width, 0.0), 1.0),
            min(max(self._centre[1] - moved[1] / height, 0.0), 1.0),
        )
        self.update()

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if self._paints and event.button() == Qt.MouseButton.LeftButton:
            self._paints = False
            if self._painting is not None:
                self._painting.ended()
            return
        pressed, self._pressed = self._pressed, None
        box, self._box = self._box, None
        if box is not None and self._on_box is not None:
            self._on_box((box[0], box[1]), (box[0] + box[2], box[1] + box[3]))
            return
        if pressed is None or self._dragged:
            return
        if self._image is None:
            self._on_click(0.5, 0.5, Click.CHOOSE)  # Without a picture, a click requests a preview.
            return
        where = _where(event)
        x, y = self._share(where.x(), where.y())
        if 0 <= x < 1 and 0 <= y < 1:
            self._on_click(x, y, _click_of(event))

    def leaveEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        self._pointer = None
        self.update()
        super().leaveEvent(event)

    def event(self, event: Any) -> bool:
        """Claim Ctrl+Z for the brush instead of Krita's shortcut while the canvas has the focus."""
        if event.type() == QEvent.Type.ShortcutOverride and self._is_undo(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if self._painting is not None and self._is_undo(event):
            self._painting.undone()
        else:
            super().keyPressEvent(event)

    def _is_undo(self, event: Any) -> bool:
        control = Qt.KeyboardModifier.ControlModifier
        return self._painting is not None and event.key() == Qt.Key.Key_Z and event.modifiers() == control

    def _share(self, x: float, y: float) -> tuple[float, float]:
        left, top, width, height = self.place()
        return (x - left) / width, (y - top) / height


def _click_of(event: Any) -> Click:
    held, keys = event.modifiers(), Qt.KeyboardModifier
    shift, alt, control = (bool(held & key) for key in (keys.ShiftModifier, keys.AltModifier, keys.ControlModifier))
    return picking.click_of(shift=shift, alt=alt, control=control)


def _between(one: tuple[float, float], other: tuple[float, float]) -> Place:
    left, top = min(one[0], other[0]), min(one[1], other[1])
    return left, top, abs(other[0] - one[0]), abs(other[1] - one[1])


def _start(room: float, length: float, centre: float) -> float:
    """Return where the picture starts along an axis: centred if it is shorter than `room`, else without a gap."""
    if length <= room:
        return (room - length) / 2
    return min(max(room / 2 - centre * length, room - length), 0.0)


def _where(event: Any) -> QPointF:
    return event.localPos() if hasattr(event, "localPos") else event.position()
