"""Makes actions undoable in one step that Krita's scripting can undo only in several steps, or not at all.

*A hidden source:* when a group replaces its source, undoing the group shows the source again and redoing hides it,
because visibility is not part of Krita's undo history.

*Update* inserts every new layer above the old one and removes the old one, which are two undo steps each. When the
user undoes or redoes the first of these steps, `UndoSync` does the same with the others and updates the record of
results.

*The active layer* stays the same, also when such a change is undone, and when an update is redone. When a layer is
removed or comes back, Krita activates a neighbour or that layer, sometimes only after the script has set the active
layer. A result that a redo brings back is active unless the user has activated another layer since the undo.

`UndoSync` acts only while Krita is not working on the document, because Krita drops an undo that is triggered
during other work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .dioptre_link.records import Entry
from .document import Document, Node, is_active, is_idle, is_open, own_id, record_of, trigger
from .toolkit import QObject, QTimer, QUuid

# Number of polls after a swap during which a layer is kept active; Krita may activate a neighbour with a delay.
SETTLING = 8
LOOK_MS = 100  # Poll interval, short enough that users do not notice the delay before the rest of an undo.
PATIENCE = 10  # Number of polls of an idle document before a missing step is triggered again.
ASKED = 3  # Number of attempts to trigger one step.


@dataclass(kw_only=True)
class _Made:
    """A result and its source, which the result hides if `hides` is set."""

    document: Document
    source: str
    result: str
    hides: bool
    was_there: bool = True

    @property
    def ids(self) -> Sequence[str]:
        return self.source, self.result

    def look(self) -> bool:
        is_there, source = _there(self.document, self.result), self.document.nodeByUniqueID(QUuid(self.source))
        changed, self.was_there = is_there != self.was_there and source is not None, is_there
        if changed and self.hides:
            source.setVisible(not is_there)
            # Without this call, the canvas ignores a scripted change of visibility.
            self.document.refreshProjection()
        return changed

    def follower(self, active: str, *, led: bool) -> str:
        if self.was_there:
            return self.result if led else active
        return active if _there(self.document, active) else self.source


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

    @property
    def ids(self) -> Sequence[str]:
        return [one for pair in self.pairs for one in pair]

    def look(self) -> bool:
        there = tuple(_there(self.document, one) for one in self.ids)
        changed = self.seen not in ((), there)
        self.looks = self.looks + 1 if there == self.seen else 0
        self.seen = there
        old, new = there[::2], there[1::2]
        if not any(old) and all(new):
            self._is_now(new=True)
        elif all(old) and not any(new):
            self._is_now(new=False)
        elif self._half(old, new) and self.looks < ASKED * PATIENCE:
            if self.looks % PATIENCE == 0 and is_active(self.document):
                trigger("edit_undo" if self.is_new else "edit_redo")
            changed = True  # The rest of the steps, which may activate another layer, is to come.
        return changed

    def follower(self, active: str, *, led: bool) -> str:
        if _there(self.document, active):
            return active
        pair = next((pair for pair in self.pairs if active in pair), (active,))
        return next((one for one in pair if _there(self.document, one)), active)

    def _is_now(self, *, new: bool) -> None:
        """Update the record, which is not part of Krita's undo history."""
        if new != self.is_new:
            for entries in self.entries:
                record_of(self.document).put(entries[new])
            if not new and is_active(self.document) and self.painted():
                trigger("edit_undo")  # The user takes back the stroke together with what followed it.
        self.is_new = new

    def _half(self, old: Sequence[bool], new: Sequence[bool]) -> bool:
        """Return whether the state is between two steps: earlier pairs are swapped, later pairs are not."""
        swapped = [2 if after and not before else 1 if after else 0 for before, after in zip(old, new, strict=True)]
        each_is_there = all(before or after for before, after in zip(old, new, strict=True))
        return each_is_there and swapped == sorted(swapped, reverse=True) and swapped.count(1) <= 1


@dataclass(kw_only=True)
class _Activated:
    """A layer to keep active after a swap. `beside` lists the ids of layers that Krita may activate instead."""

    document: Document
    wanted: str
    beside: frozenset[str]
    left: int = SETTLING

    def look(self, active: Node | None) -> None:
        wanted = self.document.nodeByUniqueID(QUuid(self.wanted))
        self.left -= 1
        if active is not None and own_id(active) == self.wanted:
            return
        if wanted is None or (active is not None and own_id(active) not in self.beside):
            self.left = 0  # The user activated another layer, or an undo removed it.
            return
        self.document.setActiveNode(wanted)


@dataclass(kw_only=True)
class _Changes:
    """This session's changes in one document, and its active layer."""

    document: Document
    changes: list[_Made | _Swapped] = field(default_factory=list)
    active: str = ""  # Id of the layer that is active, or that is to be so after an undo or redo.
    led: bool = False  # Whether an undo or redo has activated that layer, and not the user.
    kept: _Activated | None = None

    def look(self) -> None:
        node = self.document.activeNode()  # First, because Krita handles waiting events meanwhile, such as an undo.
        if not is_open(self.document) or not is_idle(self.document):
            return
        turned = [one for one in self.changes if one.look()]
        if turned and self.active:
            wanted = self.active
            for one in turned:
                wanted = one.follower(wanted, led=self.led)
            self.led = self.led or wanted != self.active
            self.keep(wanted, [each for one in turned for each in one.ids])
        if self.kept is not None:
            self.kept.look(node)
            self.kept = self.kept if self.kept.left > 0 else None
        elif not turned:
            active = "" if node is None else own_id(node)
            self.active, self.led = active, self.led and active == self.active

    def keep(self, wanted: str, near: Sequence[str]) -> None:
        """Keep a layer active until Krita has processed a change of the layers `near`."""
        nodes = [self.document.nodeByUniqueID(QUuid(one)) for one in near]
        nodes += [node.parentNode() for node in nodes if node is not None]
        groups = [node for node in nodes if node is not None]
        beside = {own_id(one) for group in groups for one in (group, *group.childNodes()) if one is not None}
        beside |= {*near}  # Those that come back later, too.
        self.active = wanted
        self.kept = _Activated(document=self.document, wanted=wanted, beside=frozenset(beside - {wanted}))


class UndoSync(QObject):
    """Watches this session's changes in all open documents and completes their undo steps."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._watched: list[_Changes] = []
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    def made(self, document: Document, source: Node, result: Node, *, hides: bool) -> None:
        """Watch a result, its group or layer, and whether its source is hidden while it is there."""
        change = _Made(document=document, source=own_id(source), result=own_id(result), hides=hides)
        self._of(document).changes.append(change)

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
            change = _Swapped(document=document, pairs=ids, entries=entries, painted=painted)
            self._of(document).changes.append(change)

    def activated(self, document: Document, node: Node | None, swapped: Sequence[tuple[Node, Node]]) -> None:
        """Keep `node` active until Krita has processed the swap, and no other layer any more.

        Args:
            document: The document.
            node: The layer to keep active.
            swapped: Pairs (old, new) of the swapped layers.
        """
        changes = self._of(document)
        changes.kept, changes.active, changes.led = None, "" if node is None else own_id(node), False
        if node is not None and swapped:
            changes.keep(own_id(node), [own_id(new) for _, new in swapped])

    def look(self) -> None:
        self._watched = [one for one in self._watched if is_open(one.document) and (one.changes or one.kept)]
        for one in self._watched:
            if is_idle(one.document):
                one.look()
        if not self._watched:
            self._timer.stop()

    def _of(self, document: Document) -> _Changes:
        """Return the changes of a document, which are watched from now on."""
        found = next((one for one in self._watched if one.document == document), None)
        if found is None:
            found = _Changes(document=document)
            self._watched.append(found)
            self._timer.start()
        return found


def _there(document: Document, text: str) -> bool:
    return document.nodeByUniqueID(QUuid(text)) is not None
