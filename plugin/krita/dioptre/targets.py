"""Determines the docker's target: the active layer, or the picture behind the active result."""

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
    """One layer to work on.

    Attributes:
        document: The document.
        picture: The layer to work on.
        depth: The depth layer to use instead of searching for one.
        entry: The result to replace, if any.
    """

    document: Document
    picture: Node
    depth: Node | None = None
    entry: Entry | None = None

    @property
    def replaced(self) -> str:
        """Name of the result that a run replaces, or "" if there is none."""
        if self.entry is None:
            return ""
        node = recipe.find(self.document, self.entry.outputs.get(GROUP))
        return (node or recipe.nodes(self.document, self.entry)[0]).name()


def active() -> tuple[Document | None, Node | None]:
    """Return the active document and layer."""
    document = Krita.instance().activeDocument()
    return document, document.activeNode() if document is not None else None


def find_target(operation: Operation, document: Document | None, node: Node | None) -> Target:
    """Return the layer to work on and the result to replace.

    If `node` belongs to a result of the same operation, the target is the picture behind that result. Otherwise
    `node` is the picture itself, and the operation's earlier result from it is replaced.

    Raises:
        RefusedError: There is no suitable layer.
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
    """Return the result that the active layer belongs to, for Edit.

    Raises:
        RefusedError: No result is active, or it cannot be edited.
    """
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
    """Return the picture and the given depth that a result was computed from."""
    picture = recipe.find(document, entry.inputs["picture"])
    if picture is None:
        raise refusals.input_gone(entry.described, is_depth=False, name=entry.inputs["picture"].name)
    depth = recipe.find(document, entry.inputs.get("disparity"))
    return Target(document=document, picture=picture, depth=depth, entry=entry)


def _present(document: Document, entry: Entry) -> bool:
    return bool(recipe.nodes(document, entry))


def _belongs(document: Document, entry: Entry, node: Node | None) -> bool:
    """Return whether the layer is an output of the result or lies inside its group."""
    own = {link.id for link in entry.outputs.values()}
    while node is not None:
        if recipe.node_id(document, node) in own:
            return True
        node = node.parentNode()
    return False
