"""Stores what Dioptre did to a document in annotations that refer to nodes by their unique ids.

The ids survive renaming, moving, undo and saving as KRA. Annotations are not part of the undo history: after an
undo, the record simply finds none of the removed layers. Update replaces nodes with new ones, because that can be
undone while new pixels in the old nodes could not. `VERSIONS` lists the nodes that count as one; the record refers
to all of them by the id of the first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from krita import Document, Node

from .dioptre_link.operation import Role
from .dioptre_link.records import NOWHERE, Entry, Link, Record, depth_links, picture_links
from .qt import QByteArray, QUuid

ANNOTATION = "dioptre"
VERSIONS = "dioptre-versions"
MAX_VERSIONS = 30  # Maximum number of recorded versions per node, more than anyone will undo.
MAX_NODES = 100


def of(document: Document) -> Record:
    """Return the record of results in `document`."""

    def write(data: bytes) -> None:
        document.setAnnotation(ANNOTATION, "How Dioptre's layers were made", QByteArray(data))

    return Record(lambda: bytes(document.annotation(ANNOTATION) or b""), write)


def link(document: Document, node: Node, *, sha256: str = "", rect: tuple[int, int, int, int] = NOWHERE) -> Link:
    return Link(id=node_id(document, node), name=node.name(), sha256=sha256, rect=rect)


def versions(document: Document) -> list[list[Link]]:
    """Return chains of links to nodes that replaced each other, oldest first; [] if the annotation is damaged."""
    data = bytes(document.annotation(VERSIONS) or b"")
    try:
        return [[Link.from_dict(fields) for fields in one] for one in json.loads(data)] if data else []
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return []


def add_version(document: Document, old: Link, new: Link) -> None:
    """Record that a node replaced another one; both links contain the nodes' own ids."""
    known = versions(document)
    same = next((one for one in known if any(link.id == old.id for link in one)), None)
    if same is None:
        known.append(same := [old])
    same.append(new)
    del same[1 : max(1, len(same) - MAX_VERSIONS)]  # The first id names the whole chain and must stay.
    data = json.dumps([[asdict(link) for link in one] for one in known[-MAX_NODES:]], separators=(",", ":"))
    document.setAnnotation(VERSIONS, "Which layers are versions of each other", QByteArray(data.encode("ascii")))


def current(document: Document, known: Link | None) -> tuple[Node, Link] | None:
    """Return the node's current version in the document and the link of that version, or None."""
    if known is None:
        return None
    for one in versions(document):
        if one[0].id == known.id:
            each = ((_with_id(document, str(link.id)), link) for link in reversed(one))
            return next(((node, link) for node, link in each if node is not None), None)
    node = _with_id(document, str(known.id))
    return None if node is None else (node, known)


def find(document: Document, known: Link | None) -> Node | None:
    """Return the current version of the linked node if it is in the document."""
    found = current(document, known)
    return None if found is None else found[0]


def find_node(document: Document, text: str) -> Node | None:
    """Return the current version of the node with this id."""
    return find(document, Link(id=text, name=""))


def nodes(document: Document, entry: Entry) -> list[Node]:
    """Return the result's own nodes that are in the document."""
    return _found(document, entry.outputs.values())


def concerns(document: Document, entry: Entry, node: Node | None) -> bool:
    """Return whether `node` is an input or output of a result, or lies inside its group."""
    while node is not None:
        if node_id(document, node) in entry.layer_ids:
            return True
        node = node.parentNode()
    return False


def depth_of(document: Document, entries: Sequence[Entry], picture: Node) -> Node | None:
    """Return the newest depth layer computed from or used with `picture`, or with its source if it is a result."""
    own = node_id(document, picture)
    behind = (
        entry.outputs.get(Role.DEPTH.value) or entry.inputs.get("disparity")
        for entry in reversed(entries)
        if any(link.id == own for link in entry.outputs.values())
    )
    links = [*depth_links(entries, own), *(link for link in behind if link is not None and link.id != own)]
    return next(iter(_found(document, links)), None)


def picture_of(document: Document, entries: Sequence[Entry], depth: Node) -> Node | None:
    """Return the picture that `depth` was estimated from."""
    return next(iter(_found(document, picture_links(entries, node_id(document, depth)))), None)


def node_id(document: Document, node: Node) -> str:
    """Return the id by which the record refers to the node."""
    text = own_id(node)
    return next((str(one[0].id) for one in versions(document) if any(link.id == text for link in one)), text)


def own_id(node: Node) -> str:
    """Return the node's own unique id."""
    return node.uniqueId().toString()


def all_nodes(node: Node) -> Iterator[Node]:
    """Yield all nodes below `node` in the tree, from the bottom."""
    for child in node.childNodes():
        if child is not None:  # Krita lists None for a node that an undo is removing right now.
            yield child
            yield from all_nodes(child)


def _with_id(document: Document, text: str) -> Node | None:
    return document.nodeByUniqueID(QUuid(text))


def _found(document: Document, links: Iterable[Link]) -> list[Node]:
    return [node for known in links if (node := find(document, known)) is not None]
