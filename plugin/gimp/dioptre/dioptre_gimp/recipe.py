"""Where an image keeps what Dioptre did to it: a parasite, tied to layers by their tattoos.

Tattoos are GIMP's lasting numbers for layers: they survive renaming, moving, saving as XCF and undo. The parasite
is undone with the step that wrote it; write it inside an undo group.
"""

from __future__ import annotations

from dioptre_link.records import Entry, Link, Record

from .host import Gimp

PARASITE = "dioptre"


def of(image: Gimp.Image) -> Record:
    """The results recorded in `image`."""

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
    """The layer, if it is still in the image."""
    return None if known is None else image.get_layer_by_tattoo(known.id)


def layers(image: Gimp.Image, entry: Entry) -> list[Gimp.Layer]:
    """Those of a result's own layers that are still there."""
    return [layer for known in entry.outputs.values() if (layer := find(image, known)) is not None]


def concerns(entry: Entry, layer: Gimp.Item | None) -> bool:
    """Whether `layer` is an input or output of a result, or lies in its group."""
    while layer is not None:
        if layer.get_tattoo() in entry.layer_ids:
            return True
        layer = layer.get_parent()
    return False
