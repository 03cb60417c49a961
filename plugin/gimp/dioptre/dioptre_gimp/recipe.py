"""Stores what Dioptre did to an image in a parasite that refers to layers by their tattoos.

Tattoos are GIMP's permanent layer numbers: they survive renaming, moving, saving as XCF and undo. Undo reverts the
parasite together with the step that wrote it, so write it inside an undo group.
"""

from __future__ import annotations

from dioptre_link.records import Entry, Link, Record

from .host import Gimp

PARASITE = "dioptre"


def of(image: Gimp.Image) -> Record:
    """Return the record of results in `image`."""

    def read() -> bytes:
        parasite = image.get_parasite(PARASITE)
        return bytes(parasite.get_data()) if parasite is not None else b""

    def write(data: bytes) -> None:
        flags = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE
        image.attach_parasite(Gimp.Parasite.new(PARASITE, flags, data))

    return Record(read, write)


def link(layer: Gimp.Layer, *, sha256: str = "") -> Link:
    return Link(id=layer.get_tattoo(), name=layer.get_name(), sha256=sha256)


def find(image: Gimp.Image, known: Link | None) -> Gimp.Layer | None:
    """Return the linked layer if it is still in the image."""
    return None if known is None else image.get_layer_by_tattoo(known.id)


def layers(image: Gimp.Image, entry: Entry) -> list[Gimp.Layer]:
    """Return the result's own layers that still exist."""
    return [layer for known in entry.outputs.values() if (layer := find(image, known)) is not None]


def concerns(entry: Entry, layer: Gimp.Item | None) -> bool:
    """Return whether `layer` is an input or output of a result, or lies inside its group."""
    while layer is not None:
        if layer.get_tattoo() in entry.layer_ids:
            return True
        layer = layer.get_parent()
    return False
