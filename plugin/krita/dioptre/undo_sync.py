"""Makes actions undoable in one step that Krita's scripting can undo only in several steps, or not at all.

*A hidden source:* when a group replaces its source, undoing the group shows the source again and redoing hides it,
because visibility is not part of Krita's undo history.

*Update* inserts every new layer above the old one and removes the old one, which are two undo steps each. When the
user undoes or redoes the first of these steps, `UndoSync` does the same with the others and updates the record of
results.

*The active layer* stays the same. When a layer is removed, Krita activates a neighbour, sometimes only after the
script has set the active layer.

`UndoSync` acts only while Krita is not working on the document, because Krita drops an undo that is triggered
during other work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .dioptre_link.records import Entry
from .document import Document, Node, active, is_idle, is_open, own_id, record_of, trigger
from .toolkit import QObject, QTimer, QUuid

# Number of polls after a swap during which a layer is kept active; Krita may activate a neighbour with a delay.
SETTLING = 8
LOOK_MS = 100  # Poll interval, short enough that users do not notice the delay before the rest of an undo.
PATIENCE = 10  # Number of polls of an idle document before a missing step is triggered again.
ASKED = 3  # Number of attempts to trigger one step.


@dataclass(kw_only=True)
class _Hidden:
    """A source and the group that replaced it."""

    document: Document
    source: str
    group: str
    was_there: bool = True

    def look(self) -> None:
        is_there = _there(self.document, self.group)
        source = self.document.nodeByUniqueID(QUuid(self.source))
        if is_there != self.was_there and source is not None:
            source.setVisible(not is_there)
            # Without this call, the canvas ignores a scripted change of visibility.
            self.document.refreshProjection()
        self.was_there = is_there


@dataclass(kw_only=True)
class _Swapped:
    """Ids of old and new layers, in the order in which they were swapped."""

    document: Document
    pairs: Sequence[tuple[str, str]]
    entries: Sequence[tuple[Entry, Entry]] = ()  # Record entries with the old and with the new layers.
    painted: Callable[[], bool] = lambda: False  # Whether the stroke that the swap follows is still there.
    is_new: bool = True  # Whether the last complete state seen had the new layers.
    seen: tuple[bool, ...] = ()
    looks: int = 0  # Number of polls since `seen` last changed.

    def look(self) -> None:
        there = tuple(_there(self.document, one) for pair in self.pairs for one in pair)
        self.looks = self.looks + 1 if there == self.seen else 0
        self.seen = there
        old, new = there[::2], there[1::2]
        if not any(old) and all(new):
            self._is_now(new=True)
        elif all(old) and not any(new):
            self._is_now(new=False)
        elif self._half(old, new) and self.looks in range(0, ASKED * PATIENCE, PATIENCE) and self._is_active():
            trigger("edit_undo" if self.is_new else "edit_redo")

    def _is_now(self, *, new: bool) -> None:
        """Update the record, which is not part of Krita's undo history."""
        if new != self.is_new:
            for entries in self.entries:
                record_of(self.document).put(entries[new])
            if not new and self._is_active() and self.painted():
                trigger("edit_undo")  # The user takes back the stroke together with what followed it.
        self.is_new = new

    def _half(self, old: Sequence[bool], new: Sequence[bool]) -> bool:
        """Return whether the state is between two steps: earlier pairs are swapped, later pairs are not."""
        swapped = [2 if after and not before else 1 if after else 0 for before, after in zip(old, new, strict=True)]
        each_is_there = all(before or after for before, after in zip(old, new, strict=True))
        return each_is_there and swapped == sorted(swapped, reverse=True) and swapped.count(1) <= 1

    def _is_active(self) -> bool:
        document = active()[0]
        return document is not None and document == self.document


@dataclass(kw_only=True)
class _Activated:
    """A layer to keep active after a swap. `beside` lists the ids of layers that Krita may activate instead."""

    document: Document
    wanted: str
    beside: frozenset[str]
    left: int = SETTLING

    def look(self) -> None:
        active, wanted = self.document.activeNode(), self.document.nodeByUniqueID(QUuid(self.wanted))
        self.left -= 1
        if active is None or own_id(active) == self.wanted:
            return
        if wanted is None or own_id(active) not in self.beside:
            self.left = 0  # The user activated another layer, or an undo removed it.
            return
        self.document.setActiveNode(wanted)


class UndoSync(QObject):
    """Watches this session's changes in all open documents and completes their undo steps."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._watched: list[_Hidden | _Swapped | _Activated] = []
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    def hidden(self, document: Document, source: Node, group: Node) -> None:
        self._watch(_Hidden(document=document, source=own_id(source), group=own_id(group)))

    def swapped(
        self,
        document: Document,
        pairs: Sequence[tuple[Node, Node]],
        entries: Sequence[tuple[Entry, Entry]] = (),
        painted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Watch swapped layers.

        Args:
            document: The document.
            pairs: Pairs (old, new) of layers, in the order in which they were swapped.
            entries: Pairs of record entries before and after the swap.
            painted: Whether the stroke that the swap follows is still there, and is undone with it.
        """
        ids = [(own_id(old), own_id(new)) for old, new in pairs]
        if ids:
            self._watch(_Swapped(document=document, pairs=ids, entries=entries, painted=painted))

    def activated(self, document: Document, node: Node | None, swapped: Sequence[tuple[Node, Node]]) -> None:
        """Keep `node` active until Krita has processed the swap.

        Args:
            document: The document.
            node: The layer to keep active.
            swapped: Pairs (old, new) of the swapped layers.
        """
        if node is None or not swapped:
            return
        groups = [new.parentNode() for _, new in swapped if new.parentNode() is not None]
        beside = {own_id(one) for group in groups for one in (group, *group.childNodes()) if one is not None}
        wanted = own_id(node)
        self._watch(_Activated(document=document, wanted=wanted, beside=frozenset(beside - {wanted})))

    def look(self) -> None:
        self._watched = [
            one
            for one in self._watched
            if is_open(one.document) and not (isinstance(one, _Activated) and one.left <= 0)
        ]
        for one in self._watched:
            if is_idle(one.document):
                one.look()
        if not self._watched:
            self._timer.stop()

    def _watch(self, one: _Hidden | _Swapped | _Activated) -> None:
        self._watched.append(one)
        self._timer.start()


def _there(document: Document, text: str) -> bool:
    return document.nodeByUniqueID(QUuid(text)) is not None
