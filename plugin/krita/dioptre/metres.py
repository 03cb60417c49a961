"""Finds the metres of a depth layer, including those of copies, of which the document has no record.

Krita copies a layer with its name and pixels, and gives the copy another id. A copy is known by the metres in its
name; a copy that was renamed, by pixels equal to those of a recorded layer. All other layers have no known metres.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Sequence

from krita import Document, Node

from . import recipe
from .dioptre_link.editing.depth_names import metres_in
from .dioptre_link.metres import DepthMetres
from .dioptre_link.records import Entry, depth_metres, metres_by_content
from .raster import Raster


def of_node(document: Document, entries: Sequence[Entry], depth: Node) -> DepthMetres | None:
    """Return the metres of a depth layer by the document's record, or else by its name; None if unknown."""
    return depth_metres(entries, recipe.node_id(document, depth)) or metres_in(depth.name())


def of_pixels(depth: Raster, documents: Iterable[Document]) -> Generator[None, None, DepthMetres | None]:
    """Find, in steps, a recorded depth layer of the open documents that has the same pixels; return its metres.

    Layers with the same pixels but different metres, such as photos of the same scene through different lenses,
    leave the metres unknown.
    """
    known: dict[str, set[DepthMetres]] = {}
    for document in documents:
        for sha256, metres in metres_by_content(recipe.of(document).readable()):
            known.setdefault(sha256, set()).add(metres)
    if not known:
        return None
    digest = hashlib.sha256()  # Like `Raster.sha256`, which would block the GUI thread.
    for strip in depth.strips:
        digest.update(strip)
        yield
    found = known.get(digest.hexdigest(), set())
    return next(iter(found)) if len(found) == 1 else None
