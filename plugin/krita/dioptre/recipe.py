"""What Dioptre did to a document: kept in an annotation of the document, tied to nodes by their unique ids.

The ids survive renaming, moving, undo and saving as KRA. The annotation is no part of the undo history: a record
of layers that were undone simply finds none of them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from krita import Document, Node

from .dioptre_link.errors import DioptreError
from .dioptre_link.operations import Role
from .qt import QByteArray, QUuid
from .spaces import Rect

ANNOTATION = "dioptre"
VERSION = 1
NOWHERE = Rect(0, 0, 0, 0)
MAX_ENTRIES = 100  # results that lost their layers are kept (an undo may bring them back), but not for ever


@dataclass(frozen=True, kw_only=True)
class Link:
    """One node of the document, as a result knows it.

    name: the node's name then. sha256: of its pixels in `rect` then; "" where nobody needs it.
    """

    id: str
    name: str
    sha256: str = ""
    rect: Rect = NOWHERE

    @staticmethod
    def to(node: Node, *, sha256: str = "", rect: Rect = NOWHERE) -> Link:
        return Link(id=node_id(node), name=node.name(), sha256=sha256, rect=rect)

    def find(self, document: Document) -> Node | None:
        return find_node(document, self.id)

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Link:
        return Link(**{**fields, "rect": Rect(*fields["rect"])})


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One result: what made it, from which nodes, into which nodes.

    inputs: by the name of the input ("picture", "disparity"). outputs: by role ("result", "depth"…); "group" is
    the group layer around them. when: local time, ISO 8601.
    """

    operation: str
    options: Mapping[str, Any]
    inputs: Mapping[str, Link]
    outputs: Mapping[str, Link]
    values: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    when: str = field(default_factory=lambda: datetime.now().isoformat(timespec="seconds"))
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def nodes(self, document: Document) -> list[Node]:
        """Those of the result's own nodes that are in the document."""
        return [node for link in self.outputs.values() if (node := link.find(document)) is not None]

    def concerns(self, node: Node | None) -> bool:
        """Whether `node` is an input or output of this result, or lies in its group."""
        ids = {link.id for link in (*self.inputs.values(), *self.outputs.values())}
        while node is not None:
            if node_id(node) in ids:
                return True
            node = node.parentNode()
        return False

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Entry:
        links = {
            side: {name: Link.from_dict(link) for name, link in fields[side].items()}
            for side in ("inputs", "outputs")
        }
        return Entry(**{**fields, **links})


def node_id(node: Node) -> str:
    text: str = node.uniqueId().toString()
    return text


def find_node(document: Document, text: str) -> Node | None:
    """The node with this id, if it is in the document now."""
    return document.nodeByUniqueID(QUuid(text))


def load(document: Document) -> list[Entry]:
    """All results recorded in `document`, oldest first. Raises DioptreError when the record cannot be read."""
    data = bytes(document.annotation(ANNOTATION) or b"")
    if not data:
        return []
    try:
        record = json.loads(data)
        if record["version"] > VERSION:
            raise DioptreError(
                "This document was worked on with a newer Dioptre.", hint="Update Dioptre to change it further."
            )
        return [Entry.from_dict(fields) for fields in record["results"]]
    except (ValueError, TypeError, KeyError) as error:
        raise DioptreError(
            f"The record of Dioptre's results in this document is damaged ({error}).",
            hint="The layers themselves are whole; make the result again from its source layer.",
        ) from error


def readable(document: Document) -> list[Entry]:
    """As `load`, but nothing when the record cannot be read: for looking things up, not for changing them."""
    try:
        return load(document)
    except DioptreError:
        return []


def save(document: Document, entries: Iterable[Entry]) -> None:
    record = {"version": VERSION, "results": [asdict(entry) for entry in list(entries)[-MAX_ENTRIES:]]}
    data = json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    document.setAnnotation(ANNOTATION, "How Dioptre's layers were made", QByteArray(data))


def add(document: Document, entry: Entry) -> None:
    save(document, [*load(document), entry])


def put(document: Document, entry: Entry, **changes: Any) -> None:
    """Record `entry` with `changes` in place of the one with its id."""
    changed = replace(entry, **changes)
    save(document, [changed if known.id == entry.id else known for known in load(document)])


def depth_of(document: Document, entries: Sequence[Entry], picture: Node) -> Node | None:
    """The newest depth layer that was made from `picture`, or used with it."""
    for entry in reversed(entries):
        if entry.inputs["picture"].id == node_id(picture):
            for link in (entry.outputs.get(Role.DEPTH.value), entry.inputs.get("disparity")):
                if link is not None and (node := link.find(document)) is not None:
                    return node
    return None


def picture_of(document: Document, entries: Sequence[Entry], depth: Node) -> Node | None:
    """The picture that `depth` was estimated from."""
    for entry in reversed(entries):
        made = entry.outputs.get(Role.DEPTH.value)
        if made is not None and made.id == node_id(depth):
            return entry.inputs["picture"].find(document)
    return None


def all_nodes(node: Node) -> Iterator[Node]:
    """Everything below `node`, from the bottom."""
    for child in node.childNodes():
        yield child
        yield from all_nodes(child)
