"""Edit depth: shows the depth layer instead of the results made with it; Update shows the results again.

Krita's undo history does not include visibility, but Update or the layer list can restore it.
"""

from __future__ import annotations

from krita import Document, Node

from . import recipe
from .dioptre_link.editing import refusals
from .dioptre_link.editing.results import to_update
from .dioptre_link.errors import RefusedError
from .dioptre_link.operation import Role
from .dioptre_link.records import Entry, Link


def begin(document: Document | None, node: Node | None) -> Node:
    """Show and activate the depth layer behind the result that `node` belongs to.

    Raises:
        RefusedError: There is no document, no result, or no depth layer.
    """
    if document is None:
        raise refusals.no_document()
    entries = to_update(
        recipe.of(document).load(),
        lambda entry: recipe.concerns(document, entry, node) and bool(recipe.nodes(document, entry)),
    )
    link = next((found for entry in reversed(entries) if (found := _depth_link(entry)) is not None), None)
    depth = recipe.find(document, link)
    if link is None or depth is None:
        raise RefusedError(
            "This result has no depth layer.", hint="Select a result that uses depth, or its depth layer."
        )
    for entry in recipe.of(document).readable():
        if (used := _depth_link(entry)) is not None and used.id == link.id:
            for role in (Role.RESULT, Role.SUBJECT, Role.BACKGROUND, Role.FOREGROUND):
                if (result := recipe.find(document, entry.outputs.get(role.value))) is not None:
                    result.setVisible(False)
    _show_with_groups(depth)
    document.refreshProjection()
    document.setActiveNode(depth)
    return depth


def is_edited(document: Document, entry: Entry) -> bool:
    """Return whether the result is hidden while its depth layer is shown for painting."""
    depth = recipe.find(document, _depth_link(entry))
    result = recipe.find(document, entry.outputs.get(Role.RESULT.value))
    return depth is not None and result is not None and depth.visible() and not result.visible()


def end(document: Document, entry: Entry) -> None:
    """Show a result again instead of its depth. The caller refreshes the canvas."""
    for link, visible in ((_depth_link(entry), False), (entry.outputs.get(Role.RESULT.value), True)):
        if (node := recipe.find(document, link)) is not None:
            node.setVisible(visible)


def _depth_link(entry: Entry) -> Link | None:
    return entry.outputs.get(Role.DEPTH.value) or entry.inputs.get("disparity")


def _show_with_groups(node: Node) -> None:
    shown: Node | None = node
    while shown is not None and shown.parentNode() is not None:
        shown.setVisible(True)
        shown = shown.parentNode()
