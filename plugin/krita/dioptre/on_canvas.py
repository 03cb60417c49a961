"""The preview on Krita's canvas: a widget over it that is transparent except where the picture lies.

It takes the clicks and strokes of an operation. Everything else, such as the wheel, reaches the canvas below: a
drag that means nothing to the operation is a stroke or a selection of Krita's tool, which hides the preview until
its end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .canvas import Canvas
from .dioptre_link.editing.picking import Click
from .dioptre_link.editing.state import Point
from .dioptre_link.language import translated
from .document import Document, Rect, View, canvas_widget, on_undo, shown_view
from .toolkit import (
    QApplication,
    QEvent,
    QImage,
    QPainter,
    QPoint,
    QPointF,
    QRectF,
    Qt,
    QTimer,
    QTransform,
    QWidget,
)

UNDO_MS = 300  # Within which Krita has undone a stroke, or the layers with which the preview goes.
OnClick = Callable[[float, float, Click], None]
OnKey = Callable[[Any], bool]


def is_key(event: QEvent) -> bool:
    """Return whether an event concerns a key."""
    kinds = QEvent.Type
    return event.type() in (kinds.ShortcutOverride, kinds.KeyPress, kinds.KeyRelease)


class OnCanvas:
    """Keeps a widget over the canvas of the previewed document while Krita shows that document."""

    def __init__(self, on_click: OnClick, on_key: OnKey, on_stroke: Callable[[], None] | None) -> None:
        """Show nothing yet.

        Args:
            on_click: Called with the place of a click, in fractions of the layer.
            on_key: Handles a key event of the canvas, and returns whether to keep it from Krita.
            on_stroke: Called when Krita's tool has drawn on the canvas, or that was undone; None leaves the
                pointer to Krita.
        """
        self._given = on_click, on_key, on_stroke
        self._overlay: Overlay | None = None

    def over(self, document: Document, rect: Rect) -> Overlay | None:
        """Return the widget over the place of a layer; None, and no widget, if another document is shown."""
        view = shown_view(document)
        under = None if view is None else canvas_widget()
        if self._overlay is not None and self._overlay.parentWidget() is not under:
            self.remove()
        if view is None or under is None:
            return None
        if (overlay := self._overlay) is None:
            overlay = self._overlay = Overlay(under, *self._given)
            overlay.destroyed.connect(lambda *_, gone=overlay: self._lost(gone))
        overlay.lie(view, rect)
        return overlay

    def remove(self) -> None:
        """Show nothing any more."""
        overlay, self._overlay = self._overlay, None
        if overlay is not None:
            overlay.parentWidget().removeEventFilter(overlay)
            overlay.hide()
            overlay.deleteLater()

    def _lost(self, overlay: Overlay) -> None:
        """Forget a widget that Krita has deleted with its canvas."""
        if self._overlay is overlay:
            self._overlay = None


class Overlay(Canvas):
    """Shows a preview over a canvas, turned and mirrored like that.

    Attributes:
        takes: Whether a click of the left button is for the preview, and not for Krita's tool.
    """

    def __init__(
        self, under: QWidget, on_click: OnClick, on_key: OnKey, on_stroke: Callable[[], None] | None
    ) -> None:
        super().__init__(on_click)
        self.setObjectName("dioptre_on_canvas")
        self.setText("")
        self.setMinimumSize(0, 0)
        self._on_key, self._on_stroke = on_key, on_stroke
        self._press: Any = None  # A copy of the event that a click or a stroke of Krita's tool has begun with.
        self._passes = False  # Whether that is a stroke of Krita's tool.
        self.takes = True
        self._leave_pointer(leaves=False)
        self._see_through = True
        self._view: View | None = None
        self._rect = Rect(0, 0, 1, 1)
        self._turn = QTransform()  # From the picture at its size on the screen to the widget.
        self.setParent(under)
        self.setGeometry(under.rect())
        under.installEventFilter(self)
        on_undo(self._follow_undo)
        self.lower()  # Below Krita's own buttons on the canvas.
        self.show()

    @property
    def longest_px(self) -> float:
        """Length of the picture's longer side on the screen, in pixels of the screen."""
        return max(self.place()[2:]) * float(self.devicePixelRatioF())

    def lie(self, view: View, rect: Rect) -> None:
        """Follow a rectangle of the document that a view shows."""
        self._view, self._rect = view, rect
        self._follow()

    def show_images(self, image: QImage | None, *, see_through: bool = True, **others: Any) -> None:
        """Show a picture and what is drawn over it, as in the docker.

        Args:
            image: The picture; None shows Krita's canvas.
            see_through: Whether to show Krita's canvas left of the line, too.
            others: As in the docker.
        """
        if see_through != self._see_through:
            self._see_through = see_through
            self.update()
        super().show_images(image, **others)
        self.viewport.picture = self._rect[2:]

    def set_brush(self, painting: Any, radius: float) -> None:
        super().set_brush(painting, radius)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Krita's canvas needs the keys.

    def _follow(self) -> None:
        """Lie where Krita shows the layer now."""
        if self._view is None:
            return
        to_widget = self._view.flakeToImageTransform().inverted()[0] * self._view.flakeToCanvasTransform()
        scale = math.sqrt(abs(to_widget.determinant()))
        if not scale:  # The view is closed.
            return
        turn = QTransform.fromScale(1 / scale, 1 / scale)
        turn = turn * QTransform.fromTranslate(self._rect.x, self._rect.y) * to_widget
        laid = 0.0, 0.0, self._rect.width * scale, self._rect.height * scale
        if (laid, turn) != (self.viewport.laid, self._turn):
            self.viewport.laid, self._turn = laid, turn
            self.update()

    # -- drawing -------------------------------------------------------------------------------------------------

    def paintEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if self._passes:  # The stroke is seen where it is drawn.
            painter = QPainter(self)
            self._paint_sign(painter, translated("Preview hidden while you paint"))
            painter.end()
        else:
            super().paintEvent(event)

    def _room(self) -> Point:
        return self.place()[2:]

    def _paint_picture(self, painter: QPainter, whole: QRectF) -> None:
        painter.setTransform(self._turn)
        super()._paint_picture(painter, whole)
        painter.resetTransform()

    def _paint_images(self, painter: QPainter, whole: QRectF) -> None:
        if not self._see_through:
            super()._paint_images(painter, whole)
            return
        painter.save()
        if self._left is not None:
            painter.setClipRect(whole.adjusted(whole.width() * self._divider, 0, 0, 0))
        self._paint_layers(painter, whole)
        painter.restore()

    # -- pointer and keys ----------------------------------------------------------------------------------------

    def _at(self, event: Any) -> Point:
        at = self._turn.inverted()[0].map(QPointF(*super()._at(event)))
        return at.x(), at.y()

    def _take_keys(self) -> None:
        """Give the canvas the keys, and receive them before Krita, whose filter is the first after each focus."""
        self.parentWidget().setFocus(Qt.FocusReason.MouseFocusReason)
        self.parentWidget().installEventFilter(self)

    def enterEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        self._take_keys()  # As Krita's canvas does.
        super().enterEvent(event)

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self._press = event.clone() if hasattr(event, "clone") else type(event)(event)  # Qt 6, or Qt 5.
        if self.takes:
            super().mousePressEvent(event)
        else:
            self._begin_stroke()
        self._take_keys()  # Afterwards, as Krita may handle the button's release meanwhile.

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        super().mouseMoveEvent(event)
        if self._press is not None and not self._passes and self.viewport.drags_freely:
            self._begin_stroke()
        if self._passes or event.buttons() & ~Qt.MouseButton.LeftButton:
            event.ignore()

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        super().mouseReleaseEvent(event)
        self._press = None
        if self._passes:
            event.ignore()
            QTimer.singleShot(0, self._end_stroke)  # Krita's canvas takes the release first.

    def tabletEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        """Treat a pen like the mouse, because Krita's canvas would paint with it."""
        handle = {
            QEvent.Type.TabletPress: self.mousePressEvent,
            QEvent.Type.TabletMove: self.mouseMoveEvent,
            QEvent.Type.TabletRelease: self.mouseReleaseEvent,
        }
        handle[event.type()](event)

    def moveEvent(self, event: Any) -> None:  # noqa: N802  (Qt's name)
        """Stay where the canvas is, which moves its children when it scrolls without OpenGL."""
        super().moveEvent(event)
        if self.pos() != QPoint(0, 0):
            self.move(0, 0)

    def _hold_space(self, *, held: bool) -> None:
        """Leave the pointer to Krita's canvas, which it pans, zooms or turns while the key is held."""
        self._leave_pointer(leaves=held)
        if held:  # Krita would take the release before this widget sees it.
            QApplication.instance().installEventFilter(self)
        else:
            QApplication.instance().removeEventFilter(self)

    def _leave_pointer(self, *, leaves: bool) -> None:
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents, leaves or self._on_stroke is None)

    def eventFilter(self, under: Any, event: Any) -> bool:  # noqa: N802  (Qt's name)
        """Follow the canvas, and watch the keys that it receives."""
        kind = event.type()
        if is_key(event):
            if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
                self._hold_space(held=kind != QEvent.Type.KeyRelease)
            return self.event(event) if self._is_undo(event) else self._on_key(event)
        if under is not self.parentWidget():
            return False
        if kind == QEvent.Type.Paint:
            self._follow()
        elif kind == QEvent.Type.Resize:
            self.setGeometry(under.rect())
        elif kind == QEvent.Type.FocusOut:
            self._hold_space(held=False)
        return False

    def _begin_stroke(self) -> None:
        self._passes = True
        self.update()
        QApplication.sendEvent(self.parentWidget(), self._press)

    def _follow_undo(self) -> None:
        QTimer.singleShot(UNDO_MS, self._end_stroke)

    def _end_stroke(self) -> None:
        if self._on_stroke is not None:
            self._on_stroke()
        self._passes = False
        self.update()
