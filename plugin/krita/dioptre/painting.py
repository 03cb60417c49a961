"""The strokes on a depth layer, from Edit depth to Update.

With *Update after each stroke*, the result is shown as soon as a stroke is followed by a pause, and the depth layer
below it stays active for the next stroke.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from .dioptre_link.editing.strokes import SEEN_PX, Strokes
from .dioptre_link.operation import Role
from .dioptre_link.records import Entry, Link
from .document import (
    Document,
    Node,
    Rect,
    active,
    find_node,
    is_idle,
    is_open,
    node_id,
    record_of,
)
from .sources import freeze
from .toolkit import QApplication, QImage, Qt

WAITING = object()  # What a step of a run yields while it waits for the user to end a stroke.


def depth_link(entry: Entry) -> Link | None:
    """Return the link of the depth layer that a result has or uses."""
    return entry.outputs.get(Role.DEPTH.value) or entry.inputs.get("disparity")


class Painting:
    """A depth layer that the user paints on, from Edit depth to Update.

    Attributes:
        document: The document.
        depth: The layer's id in the record.
        before: The layer without its latest strokes.
        seen: The reduced layer at the latest look, the first of which is at the beginning.
        rect: The layer's place then.
    """

    def __init__(self, document: Document, depth: Node) -> None:
        self.document, self.depth = document, node_id(document, depth)
        self.rect = Rect.of(depth)
        self.before = freeze(document, depth, self.rect)
        self.seen = small(depth)
        self._before_is = pixels_of(self.seen)
        self._strokes = Strokes(self._before_is)

    def are_over(self, *, busy: bool, follows: bool) -> bool:
        """Return whether the layer is active and has new strokes that a result uses, the last of which is over.

        Args:
            busy: Whether a job runs, after which a later look tells.
            follows: Whether anything follows strokes.
        """
        node = self.shown()
        if node is None or QApplication.mouseButtons() != Qt.MouseButton.NoButton or not is_idle(self.document):
            return False
        self.seen, self.rect = small(node), Rect.of(node)
        now = pixels_of(self.seen)
        over = self._strokes.are_over(now, waits=busy or not follows or self.result() is None)
        if self._strokes.is_known and not busy and now != self._before_is:
            self.before, self._before_is = freeze(self.document, node, self.rect), now
        return over

    def shown(self) -> Node | None:
        """Return the layer if it is active and visible."""
        document, node = active()
        if document != self.document or node is None or not node.visible():
            return None
        return node if node_id(document, node) == self.depth else None

    def is_still(self) -> Callable[[], bool]:
        """Return a test whether the layer has the pixels that it has now."""
        now = self.pixels()
        return lambda: now is not None and self.pixels() == now

    def pixels(self) -> bytes | None:
        """Return what identifies the layer's pixels; None if it is gone."""
        node = find_node(self.document, self.depth)
        return None if node is None else pixels_of(small(node))

    def is_as_before(self) -> bool:
        """Return whether the user has not painted since the last strokes were over."""
        now = self.pixels()
        return now is not None and self._strokes.knows(now)

    def is_undone(self, began: bytes | None) -> bool:
        """Return whether the user has taken back the strokes that an update began with."""
        return self._strokes.are_undone(began, self.pixels())

    def follow(self, node: Node) -> None:
        """Count a change of the layer as one that the user has not made."""
        self._strokes.follow(pixels_of(small(node)))

    def result(self) -> Entry | None:
        """Return the newest result that uses the layer."""
        found = (one for one in reversed(record_of(self.document).readable()) if self.concerns(one))
        return next((one for one in found if Role.RESULT.value in one.outputs), None)

    def concerns(self, entry: Entry) -> bool:
        """Return whether a result has or uses the layer."""
        link = depth_link(entry)
        return link is not None and link.id == self.depth


def small(node: Node) -> QImage:
    """Return the layer, reduced along each side; Krita leaves a gap instead of enlarging a layer."""
    return node.thumbnail(*(max(1, min(side, SEEN_PX)) for side in Rect.of(node)[2:]))


def pixels_of(seen: QImage) -> bytes:
    """Return what identifies the pixels of a reduced layer."""
    return hashlib.sha256(seen.constBits().asstring(seen.sizeInBytes())).digest()


_under_way: list[Painting] = []  # At most one.


def begin(document: Document, depth: Node) -> None:
    """Watch the strokes on a depth layer from now on, or still, with those that nothing has followed yet."""
    if not any((one.document, one.depth) == (document, node_id(document, depth)) for one in _under_way):
        _under_way[:] = [Painting(document, depth)]


def under_way() -> Painting | None:
    """Return the painting that is under way, if its layer is there: an undo may bring it back."""
    if not all(is_open(one.document) for one in _under_way):
        end()
    return next((one for one in _under_way if find_node(one.document, one.depth) is not None), None)


def end() -> None:
    """Watch nothing any more."""
    _under_way.clear()
