"""What becomes of a selection that was computed: Krita's selection, a mask of either kind, or a cut-out layer."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from krita import Node, Selection

from . import layers
from .dioptre_link.catalogue.selection import CHANNEL, LAYER, MASK
from .dioptre_link.editing.selecting import own_options
from .dioptre_link.language import translated
from .dioptre_link.operation import Operation, Role
from .link import Made, Outcome
from .sources import Source
from .spaces import ScratchDocuments
from .undo_sync import UndoSync


def make(
    source: Source, described: Operation, options: Mapping[str, Any], outcome: Outcome, undo_sync: UndoSync
) -> Generator[None, None, tuple[Node, tuple[str, ...]]]:
    """Put the selection where `options` say, and return the node that stands for it; one undo step."""
    source.node()
    mask = next(made for made in outcome.layers if made.role is Role.SELECTION)
    own = own_options(options)["result"]
    if own == LAYER:
        node = yield from _cut_out(source, outcome, undo_sync)
        return node, outcome.messages
    selection = _selection(source, mask)
    document, picture = source.document, source.node()
    if own in (CHANNEL, MASK):
        create = document.createTransparencyMask if own == MASK else document.createSelectionMask
        node = create(translated(described.title))
        node.setSelection(selection)
        picture.addChildNode(node, None)
        document.refreshProjection()
    else:
        document.setSelection(selection)
        node = picture
    document.setModified(True)
    return node, outcome.messages


def _selection(source: Source, mask: Made) -> Selection:
    """The mask as Krita has it: 8 bits a pixel, of any place."""
    rect = layers.rect_of(mask, source.picture.rect)
    selection = Selection()
    selection.setPixelData(b"".join(mask.raster.strips), *rect)
    return selection


def _cut_out(source: Source, outcome: Outcome, undo_sync: UndoSync) -> Generator[None, None, Node]:
    """A layer above the picture, which is hidden."""
    document = source.document
    made = next(one for one in outcome.layers if one.role is Role.SUBJECT)
    alone = Outcome(layers=(made,))
    with ScratchDocuments() as scratch:
        (built,) = yield from layers.build(source, alone, scratch)
        picture = source.node()
        was_visible = picture.visible()
        picture.parentNode().addChildNode(built.node, picture)
        picture.setVisible(False)
        node = layers.own(document, built.node)
        node.setVisible(True)
        document.refreshProjection()
        if was_visible:
            undo_sync.hidden(document, picture, node)
        document.setModified(True)
        scratch.close_soon()
    return node
