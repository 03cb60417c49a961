"""Super-resolution of a whole document into a new one.

Krita enlarges a copy (masks, groups, vector layers, offsets, resolution), then the pixels of its paint layers are
replaced by the network's. The copy is saved and reopened, because Krita does not list a cloned document.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from .dioptre_link.catalogue import super_resolution
from .dioptre_link.client import Worker
from .dioptre_link.editing import refusals
from .dioptre_link.editing.results import size_told
from .dioptre_link.errors import Cancelled, DioptreError, RefusedError
from .dioptre_link.operation import Role
from .dioptre_link.scratch import temporary_folder
from .document import (
    Document,
    Node,
    Rect,
    ScratchDocuments,
    all_nodes,
    clearing,
    exchanged,
    is_idle,
    node_id,
    opened,
    own_id,
    record_of,
    show_document,
    title_of,
    writing,
)
from .jobs import JobManager, Run
from .sources import Picture, check_size, part_on_canvas
from .toolkit import QUuid
from .transfer import Made, Order, Report, Ticket, compute, in_part

STRATEGY = "Bicubic"  # Scaling filter for everything that no network enlarges, such as masks and depth.


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The paint layers to enlarge.

    Attributes:
        document: The document to enlarge.
        size: Width and height of the document in pixels.
        scale: Scale factor.
        options: The operation's options.
        pictures: Pixels of the paint layers.
        nodes: Unique ids of the paint layers.
    """

    document: Document
    size: tuple[int, int]
    scale: float
    options: Mapping[str, Any]
    pictures: tuple[Picture, ...]
    nodes: tuple[str, ...]


def start(manager: JobManager, document: Document | None, options: Mapping[str, Any] | None = None) -> Run:
    """Start a run that enlarges every paint layer of `document` into a new document.

    Raises:
        RefusedError: The document cannot be enlarged.
    """
    described = super_resolution.OPERATION
    given = described.check(options or {})
    return manager.put(
        "Super-resolution of the whole document", plan(document, given), work, lambda done: show(*done), document
    )


def plan(document: Document | None, options: Mapping[str, Any]) -> Generator[None, None, Plan]:
    """Check the document at once, then read its paint layers in steps.

    Raises:
        RefusedError: The document cannot be enlarged.
    """
    if document is None:
        raise refusals.no_document()
    data = {
        link.id
        for entry in record_of(document).readable()
        for role, link in entry.outputs.items()
        if role in (Role.DEPTH.value, Role.CONFIDENCE.value)
    }
    paint = [
        node
        for node in all_nodes(document.rootNode())
        if node.type() == "paintlayer" and node.bounds().width() > 0 and node_id(document, node) not in data
    ]
    if not paint:
        raise RefusedError("The document has no paint layer that can be enlarged.")
    animated = next((node for node in paint if node.animated()), None)
    if animated is not None:
        raise RefusedError(
            "The layer “{name}” is animated. Dioptre cannot enlarge animations.",
            hint="Enlarge single layers instead; their current frame is used.",
            name=animated.name(),
        )
    for node in paint:
        check_size(node)
    return _read(document, options, paint)


def _read(document: Document, options: Mapping[str, Any], paint: list[Node]) -> Generator[None, None, Plan]:
    while not is_idle(document):
        yield
    frozen = [part_on_canvas(document, node) for node in paint]
    pictures = []
    for one in frozen:
        pictures.append((yield from one))
    return Plan(
        document=document,
        size=(document.width(), document.height()),
        scale=super_resolution.OPERATION.scale(options),
        options=options,
        pictures=tuple(pictures),
        nodes=tuple(map(own_id, paint)),
    )


def work(made: Plan, worker: Worker, ticket: Ticket, report: Report) -> tuple[Plan, list[Made]]:
    """Enlarge the layers one after the other, on the worker thread."""
    layers = []
    for number, picture in enumerate(made.pictures):
        if ticket.cancelled:
            raise Cancelled
        order = Order(operation=super_resolution.OPERATION.name, options=made.options, picture=picture)
        outcome = compute(order, worker, ticket, in_part(report, number, len(made.pictures)))
        layers.append(next(layer for layer in outcome.layers if layer.role is Role.RESULT))
    return made, layers


def show(made: Plan, layers: list[Made]) -> Generator[None, None, tuple[Node, tuple[str, ...]]]:
    """Build the new document and open it."""
    size = round(made.size[0] * made.scale), round(made.size[1] * made.scale)
    with temporary_folder() as folder:
        path = folder / "enlarged.kra"
        copy = made.document.clone()
        copy.setBatchmode(True)
        try:
            resolution = round(made.document.resolution() * made.scale)
            copy.scaleImage(*size, resolution, resolution, STRATEGY)
            copy.waitForDone()
            yield
            for text, picture, layer in zip(made.nodes, made.pictures, layers, strict=True):
                node = copy.nodeByUniqueID(QUuid(text))
                if node is not None:
                    yield from _filling(node, picture, layer, made.scale)
            copy.refreshProjection()
            copy.waitForDone()
            if not copy.saveAs(str(path)):
                raise DioptreError(
                    "Krita could not write the enlarged document.", hint="Check that the disk is not full."
                )
        finally:
            copy.setModified(False)
            copy.close()
        yield
        document = opened(str(path))
    if document is None:
        raise DioptreError("Krita could not open the enlarged document.")
    document.setFileName("")
    document.setName(f"{title_of(made.document)} ×{made.scale:g}")
    document.setHorizontalGuides([place * made.scale for place in made.document.horizontalGuides()])
    document.setVerticalGuides([place * made.scale for place in made.document.verticalGuides()])
    document.setModified(True)
    show_document(document)
    return document.rootNode(), (size_told(*size),)


def _filling(node: Node, picture: Picture, layer: Made, scale: float) -> Generator[None, None, None]:
    """Write the network's pixels over Krita's enlargement, which stays visible where the network has none."""
    rect = Rect(round(picture.rect.x * scale), round(picture.rect.y * scale), layer.width, layer.height)
    whole = Rect.of(node)
    # The sizes differ only by rounding or by Krita's soft edge, so replace the whole layer.
    if max(abs(one - other) for one, other in zip(whole, rect, strict=True)) <= scale:
        yield from clearing(node, whole)
    with ScratchDocuments() as scratch:
        yield from writing(node, rect, layer.raster, exchanged(picture.space), scratch)
