"""Makes one undo step of what Krita's scripting can only do in several, or not at all, as an undo step.

*A source that was hidden* because a group took its place is shown again when the group is undone, and hidden when
that is redone: visibility is no part of Krita's undo history.

*Update* puts every new layer above the old one and takes the old one away: two steps each. When the user undoes or
redoes the first of these steps, `UndoSync` does the same with the others, and the record of results follows.

*The active layer* stays what it was. Krita makes a neighbour of a layer that is taken away active, and may get to
that only after the script has set the active layer.

It looks and asks only while Krita does nothing to the document: an undo that is asked for in the middle of
something is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from krita import Document, Krita, Node

from . import recipe
from .dioptre_link.records import Entry
from .qt import QObject, QTimer, QUuid
from .sources import is_idle

SETTLING = 8  # looks at a document at rest after a swap; Krita's own choice came at once, on a busy machine later
LOOK_MS = 100  # between looks: the rest of an undo follows before the eye misses it
PATIENCE = 10  # looks at a document at rest before a step that did not come is asked for again
ASKED = 3  # times in all, for one step


@dataclass(kw_only=True)
class _Hidden:
    """A source and the group that took its place."""

    document: Document
    source: str
    group: str
    was_there: bool = True

    def look(self) -> None:
        is_there = _there(self.document, self.group)
        source = self.document.nodeByUniqueID(QUuid(self.source))
        if is_there != self.was_there and source is not None:
            source.setVisible(not is_there)
            self.document.refreshProjection()  # scripted visibility alone leaves the canvas as it is
        self.was_there = is_there


@dataclass(kw_only=True)
class _Swapped:
    """Old and new layers by their ids, in the order in which they were swapped."""

    document: Document
    pairs: Sequence[tuple[str, str]]
    entries: Sequence[tuple[Entry, Entry]] = ()  # of the record, with the old layers and with the new ones
    is_new: bool = True  # the last whole state that was seen
    seen: tuple[bool, ...] = ()
    looks: int = 0  # since `seen` was first seen

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
            Krita.instance().action("edit_undo" if self.is_new else "edit_redo").trigger()

    def _is_now(self, *, new: bool) -> None:
        """The record is no part of Krita's undo history: it follows."""
        if new != self.is_new:
            for entries in self.entries:
                recipe.of(self.document).put(entries[new])
        self.is_new = new

    def _half(self, old: Sequence[bool], new: Sequence[bool]) -> bool:
        """Whether this is a state between the steps: pairs before it swapped, pairs after it not."""
        swapped = [2 if after and not before else 1 if after else 0 for before, after in zip(old, new, strict=True)]
        each_is_there = all(before or after for before, after in zip(old, new, strict=True))
        return each_is_there and swapped == sorted(swapped, reverse=True) and swapped.count(1) <= 1

    def _is_active(self) -> bool:
        active = Krita.instance().activeDocument()
        return active is not None and active == self.document


@dataclass(kw_only=True)
class _Activated:
    """The layer to be active after a swap. beside: ids of layers that Krita may have made active instead."""

    document: Document
    wanted: str
    beside: frozenset[str]
    left: int = SETTLING

    def look(self) -> None:
        active, wanted = self.document.activeNode(), self.document.nodeByUniqueID(QUuid(self.wanted))
        self.left -= 1
        if active is None or recipe.own_id(active) == self.wanted:
            return
        if wanted is None or recipe.own_id(active) not in self.beside:
            self.left = 0  # the user chose another one, or an undo took it away
            return
        self.document.setActiveNode(wanted)


class UndoSync(QObject):
    """Watches what was done in this session, as long as its documents are open."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._watched: list[_Hidden | _Swapped | _Activated] = []
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    def hidden(self, document: Document, source: Node, group: Node) -> None:
        self._watch(_Hidden(document=document, source=recipe.own_id(source), group=recipe.own_id(group)))

    def swapped(
        self, document: Document, pairs: Sequence[tuple[Node, Node]], entries: Sequence[tuple[Entry, Entry]] = ()
    ) -> None:
        """pairs: (old, new), in the order in which they were swapped. entries: of the record, before and after."""
        ids = [(recipe.own_id(old), recipe.own_id(new)) for old, new in pairs]
        if ids:
            self._watch(_Swapped(document=document, pairs=ids, entries=entries))

    def activated(self, document: Document, node: Node | None, swapped: Sequence[tuple[Node, Node]]) -> None:
        """Keep `node` active until Krita has got to the swap. swapped: (old, new) of the layers."""
        if node is None or not swapped:
            return
        groups = [new.parentNode() for _, new in swapped if new.parentNode() is not None]
        beside = {recipe.own_id(one) for group in groups for one in (group, *group.childNodes()) if one is not None}
        wanted = recipe.own_id(node)
        self._watch(_Activated(document=document, wanted=wanted, beside=frozenset(beside - {wanted})))

    def look(self) -> None:
        documents = Krita.instance().documents()
        self._watched = [
            one
            for one in self._watched
            if any(one.document == each for each in documents)
            and not (isinstance(one, _Activated) and one.left <= 0)
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
