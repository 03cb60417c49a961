"""Where a document keeps what Dioptre did to it: annotations, tied to nodes by their unique ids.

The ids survive renaming, moving, undo and saving as KRA. The annotations are no part of the undo history: a record
of layers that were undone simply finds none of them. Update puts new nodes in the place of old ones (that can be
undone, new pixels in the old nodes could not); `VERSIONS` tells which nodes are one and the same to the record,
which calls all of them by the first one's id.
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
MAX_VERSIONS = 30  # of one node: more than anyone will undo
MAX_NODES = 100


def of(document: Document) -> Record:
    """The results recorded in `document`."""

    def write(data: bytes) -> None:
        document.setAnnotation(ANNOTATION, "How Dioptre's layers were made", QByteArray(data))

    return Record(lambda: bytes(document.annotation(ANNOTATION) or b""), write)


def link(document: Document, node: Node, *, sha256: str = "", rect: tuple[int, int, int, int] = NOWHERE) -> Link:
    return Link(id=node_id(document, node), name=node.name(), sha256=sha256, rect=rect)


def versions(document: Document) -> list[list[Link]]:
    """Nodes that took each other's place, the oldest first; each with its own id. Nothing when it is damaged."""
    data = bytes(document.annotation(VERSIONS) or b"")
    try:
        return [[Link.from_dict(fields) for fields in one] for one in json.loads(data)] if data else []
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return []


def add_version(document: Document, old: Link, new: Link) -> None:
    """Record that a node took another's place; both links with the nodes' own ids."""
    known = versions(document)
    same = next((one for one in known if any(link.id == old.id for link in one)), None)
    if same is None:
        known.append(same := [old])
    same.append(new)
    del same[1 : max(1, len(same) - MAX_VERSIONS)]  # the first one's id is the name of all
    data = json.dumps([[asdict(link) for link in one] for one in known[-MAX_NODES:]], separators=(",", ":"))
    document.setAnnotation(VERSIONS, "Which layers are versions of each other", QByteArray(data.encode("ascii")))


def current(document: Document, known: Link | None) -> tuple[Node, Link] | None:
    """The node that is in the document now, and what is known of this very version of it."""
    if known is None:
        return None
    for one in versions(document):
        if one[0].id == known.id:
            each = ((_with_id(document, str(link.id)), link) for link in reversed(one))
            return next(((node, link) for node, link in each if node is not None), None)
    node = _with_id(document, str(known.id))
    return None if node is None else (node, known)


def find(document: Document, known: Link | None) -> Node | None:
    """The node, if it is in the document now."""
    found = current(document, known)
    return None if found is None else found[0]


def find_node(document: Document, text: str) -> Node | None:
    """The node with this id, in whichever version is in the document now."""
    return find(document, Link(id=text, name=""))


def nodes(document: Document, entry: Entry) -> list[Node]:
    """Those of a result's own nodes that are in the document."""
    return _found(document, entry.outputs.values())


def concerns(document: Document, entry: Entry, node: Node | None) -> bool:
    """Whether `node` is an input or output of a result, or lies in its group."""
    while node is not None:
        if node_id(document, node) in entry.layer_ids:
            return True
        node = node.parentNode()
    return False


def depth_of(document: Document, entries: Sequence[Entry], picture: Node) -> Node | None:
    """The newest depth layer that was made from `picture`, used with it, or behind the result that it is."""
    own = node_id(document, picture)
    behind = (
        entry.outputs.get(Role.DEPTH.value) or entry.inputs.get("disparity")
        for entry in reversed(entries)
        if any(link.id == own for link in entry.outputs.values())
    )
    links = [*depth_links(entries, own), *(link for link in behind if link is not None and link.id != own)]
    return next(iter(_found(document, links)), None)


def picture_of(document: Document, entries: Sequence[Entry], depth: Node) -> Node | None:
    """The picture that `depth` was estimated from."""
    return next(iter(_found(document, picture_links(entries, node_id(document, depth)))), None)


def node_id(document: Document, node: Node) -> str:
    """By which the record knows the node."""
    text = own_id(node)
    return next((str(one[0].id) for one in versions(document) if any(link.id == text for link in one)), text)


def own_id(node: Node) -> str:
    """Of this very node."""
    return node.uniqueId().toString()


def all_nodes(node: Node) -> Iterator[Node]:
    """Everything below `node`, from the bottom."""
    for child in node.childNodes():
        if child is not None:  # as Krita has it for one that an undo is just taking away
            yield child
            yield from all_nodes(child)


def _with_id(document: Document, text: str) -> Node | None:
    return document.nodeByUniqueID(QUuid(text))


def _found(document: Document, links: Iterable[Link]) -> list[Node]:
    return [node for known in links if (node := find(document, known)) is not None]
