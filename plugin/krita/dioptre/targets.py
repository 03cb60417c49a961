"""What the docker works on: the active layer, or the picture behind the result that is active."""

from __future__ import annotations

from dataclasses import dataclass

from krita import Document, Krita, Node

from . import recipe
from .dioptre_link.catalogue import OPERATIONS
from .dioptre_link.editing import refusals
from .dioptre_link.editing.results import to_edit, to_replace
from .dioptre_link.errors import RefusedError
from .dioptre_link.operation import Operation
from .dioptre_link.records import GROUP, Entry


@dataclass(frozen=True, kw_only=True)
class Target:
    """One layer to work on. depth: to use instead of the one that is looked for. entry: the result to replace."""

    document: Document
    picture: Node
    depth: Node | None = None
    entry: Entry | None = None

    @property
    def replaced(self) -> str:
        """The name of the result that a run replaces; "" where there is none."""
        if self.entry is None:
            return ""
        node = recipe.find(self.document, self.entry.outputs.get(GROUP))
        return (node or recipe.nodes(self.document, self.entry)[0]).name()


def active() -> tuple[Document | None, Node | None]:
    """The active document and layer."""
    document = Krita.instance().activeDocument()
    return document, document.activeNode() if document is not None else None


def find_target(operation: Operation, document: Document | None, node: Node | None) -> Target:
    """The layer to work on and the result to replace. Raises RefusedError.

    A result of the same operation stands for the picture that it was made from. Any other layer is the picture
    itself; an earlier result of the operation from it is replaced.
    """
    if document is None:
        raise refusals.no_document()
    if node is None:
        raise refusals.no_layer()
    entries = recipe.of(document).readable()
    for entry in reversed(entries):
        if entry.operation == operation.name and _belongs(document, entry, node) and _present(document, entry):
            return _behind(document, entry)
    key = recipe.node_id(document, node)
    earlier = to_replace(entries, operation, key, lambda entry: _present(document, entry))
    return Target(document=document, picture=node) if earlier is None else _behind(document, earlier)


def find_edited(document: Document | None, node: Node | None) -> tuple[Target, Entry]:
    """What Edit changes: the result that the active layer belongs to. Raises RefusedError."""
    if document is None:
        raise refusals.no_document()
    entry = to_edit(
        recipe.of(document).load(), lambda one: _present(document, one) and _belongs(document, one, node)
    )
    if entry.operation not in OPERATIONS:
        raise RefusedError(
            "“{name}” comes from a recipe with several steps, which cannot be edited.",
            hint="Undo it or delete its group, then run the recipe or its steps again.",
            name=entry.described.title,
        )
    return _behind(document, entry), entry


def _behind(document: Document, entry: Entry) -> Target:
    """The picture and the given depth that a result was made from."""
    picture = recipe.find(document, entry.inputs["picture"])
    if picture is None:
        raise entry.gone(entry.described, "picture")
    depth = recipe.find(document, entry.inputs.get("disparity"))
    return Target(document=document, picture=picture, depth=depth, entry=entry)


def _present(document: Document, entry: Entry) -> bool:
    return bool(recipe.nodes(document, entry))


def _belongs(document: Document, entry: Entry, node: Node | None) -> bool:
    """Whether the layer is an output of the result or lies in its group."""
    own = {link.id for link in entry.outputs.values()}
    while node is not None:
        if recipe.node_id(document, node) in own:
            return True
        node = node.parentNode()
    return False
