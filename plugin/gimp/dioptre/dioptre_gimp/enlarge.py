"""Super-resolution of a whole image: GIMP scales everything, then the layers receive the network's pixels.

GIMP's own scaling takes care of everything that needs no network: canvas, groups, positions, masks, channels,
selection, guides, paths, sample points, text and vectors. It gives every layer a new buffer, and undo restores the
old buffer, so the network's pixels can be written straight into the new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from dioptre_link.client import Result, Worker
from dioptre_link.editing.events import Step, Steps
from dioptre_link.editing.results import size_told
from dioptre_link.errors import RefusedError
from dioptre_link.operation import Operation, Role
from dioptre_link.records import GROUP, Entry, Link

from . import layers, sources, transfer
from .document import (
    DEPTH,
    Gimp,
    all_layers,
    check_room,
    cubic,
    find_linked,
    keep,
    link_to,
    mark,
    must,
    picture_format,
    read_whole,
    record_of,
    size_of,
    undo_step,
    unlocked,
)
from .layers import Outcome
from .sources import Source

_DATA = tuple(role.value for role in layers.DATA_ROLES)
_WORDS = "Text layers were enlarged as pixels. If you edit the text, GIMP redraws it at the original size."
_DRAWN = ("VectorLayer", "LinkLayer")  # Layer types, new in GIMP 3.2, that GIMP redraws at the new size.


@dataclass(frozen=True, kw_only=True)
class Part:
    """One layer and its enlarged pixels.

    Attributes:
        source: The layer and its depth.
        sent: The inputs as they were sent to the worker.
        result: The worker's result.
        depth: The depth layer that is enlarged together with this layer, if any.
    """

    source: Source
    sent: transfer.Sent
    result: Result
    depth: Gimp.Layer | None


def run_image(worker: Worker, operation: Operation, options: Mapping[str, Any], source: Source) -> Steps[Outcome]:
    """Enlarge every layer and then the image, in one undo step; only the last step changes the document."""
    image, scale = source.image, operation.scale(options)
    planned = plan(source, scale)
    parts: list[Part] = []
    taken: set[int] = set()
    try:
        for number, one in enumerate(planned):
            depth = one.depth if one.depth is not None and one.depth.get_tattoo() not in taken else None
            taken |= {depth.get_tattoo()} if depth is not None else set()
            made = _enlarged(worker, operation, options, one, depth)
            share = transfer.BEFORE_LAYERS / len(planned)
            parts.append((yield from transfer.within(made, number * share, share)))
        for part in parts:
            yield Step(fraction=transfer.BEFORE_LAYERS, phase="Enlarging the image")
            if (yield from transfer.changed(part.source, part.sent)):
                raise RefusedError(
                    "The layer “{name}” was changed in the meantime.",
                    hint="Try again.",
                    name=part.source.picture.get_name(),
                )
        check_room(sum(made.buffer.pixels.nbytes for part in parts for made in part.result.layers))
        with undo_step(image), unlocked(image):
            _apply(image, scale, parts)
    finally:
        for part in parts:
            part.result.delete()
    words = [words for part in parts for words in (*part.sent.messages, *part.result.messages)]
    words.append(size_told(*size_of(image)))
    if any(isinstance(part.source.picture, Gimp.TextLayer) for part in parts):
        words.append(_WORDS)
    return Outcome(layer=source.picture, messages=tuple(dict.fromkeys(words)))


def plan(source: Source, scale: float) -> list[Source]:
    """Return the layers that the network enlarges, the selected layer first.

    Raises:
        RefusedError: The enlarged image would exceed GIMP's limit, or no layer can be enlarged.
    """
    image = source.image
    sources.check_size(image.get_width() * scale, image.get_height() * scale)
    entries = record_of(image).readable()
    found = [layer for layer in all_layers(image.get_layers()) if _has_pixels(layer)]
    depths = {layer.get_tattoo(): sources.fitting_depth(image, entries, layer) for layer in found}
    if source.depth is not None:
        depths[source.picture.get_tattoo()] = source.depth
    data = {depth.get_tattoo() for depth in depths.values() if depth is not None} | _recorded_data(entries)
    pictures = [layer for layer in found if layer.get_tattoo() not in data]
    for layer in pictures:
        sources.check_size(layer.get_width() * scale, layer.get_height() * scale)
    if not pictures:
        raise RefusedError(
            "The image has no layer that can be enlarged.", hint="A depth layer cannot be enlarged on its own."
        )
    chosen = source.picture.get_tattoo()
    pictures.sort(key=lambda layer: layer.get_tattoo() != chosen)
    return [Source(image=image, picture=layer, depth=depths[layer.get_tattoo()]) for layer in pictures]


def _has_pixels(layer: Gimp.Layer) -> bool:
    drawn = tuple(getattr(Gimp, name) for name in _DRAWN if hasattr(Gimp, name))
    return not layer.is_group() and not isinstance(layer, drawn)


def _recorded_data(entries: Sequence[Entry]) -> set[int | str]:
    return {link.id for entry in entries for role, link in entry.outputs.items() if role in _DATA}


def _enlarged(
    worker: Worker, operation: Operation, options: Mapping[str, Any], source: Source, depth: Gimp.Layer | None
) -> Steps[Part]:
    with ExitStack() as files:
        sent = yield from transfer.send(worker, source, files)
        result = yield from transfer.work(worker, operation, options, source, sent)
    return Part(source=source, sent=sent, result=result, depth=depth)


def _apply(image: Gimp.Image, scale: float, parts: Sequence[Part]) -> None:
    entries = record_of(image).readable()
    unpainted = _unpainted(image, entries)
    size = [max(1, round(side * scale)) for side in (image.get_width(), image.get_height())]
    with cubic():
        must(image.scale(*size), "enlarge the image")
    _, x, y = image.get_resolution()
    image.set_resolution(min(x * scale, 65536.0), min(y * scale, 65536.0))  # Keep the printed size.
    for part in parts:
        colour = picture_format(image, alpha=True)
        for made in part.result.layers:  # Surplus rows or columns from rounding a fractional scale are dropped.
            if made.role is Role.RESULT:
                read_whole(made.buffer, part.source.picture, colour)
            elif made.role is Role.DEPTH and part.depth is not None:
                read_whole(made.buffer, part.depth, DEPTH)
                mark(part.depth, keep(image, part.depth, made.buffer))
    if entries:
        record_of(image).save(_scaled(image, entry, scale, unpainted) for entry in entries)


def _unpainted(image: Gimp.Image, entries: Sequence[Entry]) -> set[int | str]:
    """Return the ids of layers that have not changed since Dioptre created them."""
    links = [(Role(role), link) for entry in entries for role, link in entry.outputs.items() if role != GROUP]
    found = [(role, link, find_linked(image, link)) for role, link in links if link.sha256]
    return {
        link.id for role, link, layer in found if layer is not None and _hash_now(layer, role, link) == link.sha256
    }


def _hash_now(layer: Gimp.Layer, role: Role, link: Link) -> str:
    return layers.layer_hash(layer, role, mask=layers.made_mask(link.sha256) and layers.mask_hash(layer.get_mask()))


def _scaled(image: Gimp.Image, entry: Entry, scale: float, unpainted: set[int | str]) -> Entry:
    """Return the record as if the result had been created at the new size, so that Update keeps working."""
    described = entry.known
    outputs = {
        role: link_to(layer, sha256=_hash_now(layer, Role(role), link))
        if link.id in unpainted and (layer := find_linked(image, link)) is not None
        else link
        for role, link in entry.outputs.items()
    }
    options = entry.options if described is None else described.scaled(entry.options, scale)
    return replace(entry, options=options, outputs=outputs)
