"""Applies a computed selection as Krita's selection, a selection mask, a transparency mask, or a cut-out layer."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from typing import Any

from . import layers
from .dioptre_link.catalogue.selection import CHANNEL, LAYER, MASK, RESULT
from .dioptre_link.editing.traits import selecting_options
from .dioptre_link.language import translated
from .dioptre_link.operation import Operation, Role
from .document import DEPTH, Node, ScratchDocuments, Selection, empty_selection, is_idle
from .sources import Source
from .transfer import Made, Outcome
from .undo_sync import UndoSync

# Longest wait, in seconds, for the crop that discards the cached outline; it usually takes milliseconds.
OUTLINE_S = 10.0


def make(
    source: Source, described: Operation, options: Mapping[str, Any], outcome: Outcome, undo_sync: UndoSync
) -> Generator[None, None, tuple[Node, tuple[str, ...]]]:
    """Apply the selection as `options` request, as one undo step; return the resulting node and messages."""
    source.node()
    own = selecting_options(options)[RESULT]
    if own == LAYER:
        node = yield from _cut_out(source, outcome, undo_sync)
        return node, outcome.messages
    mask = next(made for made in outcome.layers if made.role is Role.SELECTION)
    selection = yield from _selection(source, mask)
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


def _selection(source: Source, mask: Made) -> Generator[None, None, Selection]:
    """Return the mask as a Krita selection, which has 8 bits per pixel.

    A new Krita selection caches an empty outline that `setPixelData` does not invalidate, so the canvas would show
    no outline.
    """
    rect = layers.rect_of(mask, source.picture.rect)
    selection = yield from _without_known_outline()
    selection.setPixelData(b"".join(mask.raster.strips), *rect)
    return selection


def _without_known_outline() -> Generator[None, None, Selection]:
    """Return an empty selection without a cached outline, so that Krita computes the outline on display.

    Cropping a document discards the cached outline of its selection and of any selection combined with it.
    """
    with ScratchDocuments() as scratch:
        document = scratch.document(DEPTH)
        pixel = empty_selection()
        pixel.select(0, 0, 1, 1, 255)
        document.setSelection(pixel)
        document.crop(0, 0, 1, 1)
        began_s = time.monotonic()
        while not is_idle(document) and time.monotonic() - began_s < OUTLINE_S:
            yield
        empty = empty_selection()
        empty.subtract(document.selection())
        scratch.close_soon()
    return empty


def _cut_out(source: Source, outcome: Outcome, undo_sync: UndoSync) -> Generator[None, None, Node]:
    """Add the cut-out as a layer above the picture, and hide the picture."""
    document = source.document
    made = next(one for one in outcome.layers if one.role is Role.SUBJECT)
    alone = Outcome(layers=(made,))
    with ScratchDocuments() as scratch:
        (built,) = yield from layers.build(source, alone, scratch)
        picture = source.node()
        layers.take_over_look(picture, built.node, [built.node])
        hides = picture.visible()
        picture.parentNode().addChildNode(built.node, picture)
        picture.setVisible(False)
        node = layers.own(document, built.node)
        node.setVisible(True)
        document.refreshProjection()
        undo_sync.made(document, picture, node, hides=hides)
        document.setModified(True)
        scratch.close_soon()
    return node
