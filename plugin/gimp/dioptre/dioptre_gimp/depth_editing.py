"""Edit depth: show the depth layer over the photo for painting; Update shows the result again.

A parasite records the layers that were hidden, so that exactly these reappear, even after saving and reopening.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dioptre_link.catalogue.depth import OPERATION as DEPTH
from dioptre_link.errors import RefusedError
from dioptre_link.language import Message
from dioptre_link.operation import Role
from dioptre_link.records import GROUP, Entry, Link, picture_links

from . import sources
from .document import (
    Gimp,
    find_linked,
    record_of,
    show_plainly,
    show_through,
    store,
    stored,
    stored_json,
    undo_step,
)

PARASITE = "dioptre-edit-depth"


def begin(image: Gimp.Image, drawables: Sequence[Gimp.Drawable]) -> Gimp.Layer:
    """Show the depth of the selected result or picture over the photo, select it, and hide what covers it."""
    entries = record_of(image).load()
    depth = _depth_layer(image, entries, drawables)
    covering = [layer for layer in _covering(image, entries, depth) if layer.get_visible()]
    photos = (find_linked(image, link) for link in picture_links(entries, depth.get_tattoo()))
    photo = [layer for layer in photos if layer is not None][:1]  # A result may have taken its place.
    shown = [layer for layer in (depth, *_parents(depth), *photo) if not layer.get_visible()]
    with undo_step(image):
        _remember(image, covering, shown)
        for layer in covering:
            layer.set_visible(False)
        for layer in shown:
            layer.set_visible(True)
        show_through(depth)
    image.set_selected_layers([depth])
    return depth


def is_under_way(image: Gimp.Image) -> bool:
    """Return whether the depth is shown as this process showed it last."""
    return image.is_valid() and _state(image).get("process") == os.getpid()


def end(image: Gimp.Image, entry: Entry | None, changed: Gimp.Layer, *, paints: bool = False) -> None:
    """Show the result again and hide the depth layer that was shown for painting.

    Call it inside an `undo_step`. A selected layer that becomes hidden is deselected, because strokes on it would
    be invisible.

    Args:
        image: The image that holds the result.
        entry: The result's record; None if there is none.
        changed: The layer to select if the selected layers are hidden.
        paints: Whether the depth layer stays below the result, because the user goes on painting on it.
    """
    hidden, shown = _remembered(image)
    for tattoo in hidden:
        _set_visible(image.get_layer_by_tattoo(tattoo), visible=True)
    if not paints:
        show_plainly(image)
        for tattoo in shown:
            _set_visible(image.get_layer_by_tattoo(tattoo), visible=False)
        if stored(image, PARASITE):
            image.detach_parasite(PARASITE)
    result = None if entry is None else find_linked(image, entry.outputs.get(Role.RESULT.value))
    if entry is not None and result is not None:
        for layer in (result, find_linked(image, entry.outputs.get(GROUP))):
            _set_visible(layer, visible=True)
    selected = image.get_selected_layers()
    if not selected or not all(_is_seen(layer) for layer in selected):
        image.set_selected_layers([changed])


def _depth_layer(image: Gimp.Image, entries: Sequence[Entry], drawables: Sequence[Gimp.Drawable]) -> Gimp.Layer:
    """Return the depth layer that belongs to the selected layer.

    Raises:
        RefusedError: The layer has no Dioptre depth layer.
    """
    picture = sources.only_layer(drawables)
    tattoo = picture.get_tattoo()
    for entry in reversed(entries):
        found = [layer for link in _depth_links(entry) if (layer := find_linked(image, link)) is not None]
        if found and (
            record_of(image).concerns(entry, picture) or tattoo in {layer.get_tattoo() for layer in found}
        ):
            return next((layer for layer in found if layer.get_tattoo() == tattoo), found[0])
    raise RefusedError(
        "The layer “{name}” has no Dioptre depth layer.",
        hint="Create one with Filters ▸ Dioptre ▸ {depth}, or select another layer.",
        name=picture.get_name(),
        depth=Message(DEPTH.title),
    )


def _covering(image: Gimp.Image, entries: Sequence[Entry], depth: Gimp.Layer) -> Iterator[Gimp.Layer]:
    """Yield the layers that depend on the depth layer: groups of results, or its siblings in its own group."""
    tattoo, above = depth.get_tattoo(), {layer.get_tattoo() for layer in _parents(depth)}
    for entry in entries:
        if tattoo not in {link.id for link in _depth_links(entry)}:
            continue
        group = find_linked(image, entry.outputs.get(GROUP))
        if group is not None and group.get_tattoo() not in above:
            yield group
            continue
        for layer in record_of(image).layers(entry):
            if layer.get_tattoo() not in above | {tattoo} and not layer.is_group():
                yield layer


def _depth_links(entry: Entry) -> list[Link]:
    """Return the depth layers of a result: its own, and the one that it was given."""
    links = (entry.outputs.get(Role.DEPTH.value), entry.inputs.get("disparity"))
    return [link for link in links if link is not None]


def _parents(layer: Gimp.Layer) -> Iterator[Gimp.Layer]:
    while (layer := layer.get_parent()) is not None:
        yield layer


def _is_seen(layer: Gimp.Layer) -> bool:
    return all(one.get_visible() for one in (layer, *_parents(layer)))


def _set_visible(layer: Gimp.Layer | None, *, visible: bool) -> None:
    if layer is not None and layer.get_visible() != visible:
        layer.set_visible(visible)


def _remember(image: Gimp.Image, hidden: Sequence[Gimp.Layer], shown: Sequence[Gimp.Layer]) -> None:
    """Record the layers that this run hides and shows, in addition to those of earlier Edit depth runs."""
    before_hidden, before_shown = _remembered(image)
    state = {
        "hidden": [*before_hidden, *(layer.get_tattoo() for layer in hidden)],
        "shown": [*before_shown, *(layer.get_tattoo() for layer in shown)],
        "process": os.getpid(),
    }
    store(image, PARASITE, json.dumps(state).encode("ascii"))


def _remembered(image: Gimp.Image) -> tuple[list[int], list[int]]:
    try:
        hidden, shown = ([int(tattoo) for tattoo in _state(image).get(name, ())] for name in ("hidden", "shown"))
    except (ValueError, TypeError, OverflowError):
        # The parasite is damaged; fall back to showing the result.
        return [], []
    return hidden, shown


def _state(image: Gimp.Image) -> Mapping[str, Any]:
    state = stored_json(image, PARASITE)
    return state if isinstance(state, dict) else {}
