"""What Dioptre did to a document: kept in the image itself, tied to layers by their tattoos.

Tattoos are GIMP's lasting numbers for layers: they survive renaming, moving, saving as XCF and undo. The parasite
is undone with the step that wrote it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from dioptre_link.errors import DioptreError

from .host import Gimp

PARASITE = "dioptre"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Link:
    """One layer of the document, as a result knows it.

    tattoo: GIMP's lasting number. name: the layer's name then, to be able to speak of it when it is gone.
    sha256: of the pixels then; "" where nobody needs it.
    """

    tattoo: int
    name: str
    sha256: str = ""

    @staticmethod
    def to(layer: Gimp.Layer, *, sha256: str = "") -> Link:
        return Link(tattoo=layer.get_tattoo(), name=layer.get_name(), sha256=sha256)

    def find(self, image: Gimp.Image) -> Gimp.Layer | None:
        return image.get_layer_by_tattoo(self.tattoo)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One result: what made it, from which layers, into which layers.

    inputs: by the name of the input ("picture", "disparity"). outputs: by role ("result", "depth"…); "group" is
    the layer group around them.
    """

    operation: str
    options: Mapping[str, Any]
    inputs: Mapping[str, Link]
    outputs: Mapping[str, Link]
    values: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def layers(self, image: Gimp.Image) -> list[Gimp.Layer]:
        """Those of the result's own layers that are still there."""
        return [layer for link in self.outputs.values() if (layer := link.find(image)) is not None]

    def concerns(self, image: Gimp.Image, layer: Gimp.Item) -> bool:
        """Whether `layer` is an input or output of this result, or lies in its group."""
        tattoos = {link.tattoo for link in (*self.inputs.values(), *self.outputs.values())}
        while layer is not None:
            if layer.get_tattoo() in tattoos:
                return True
            layer = layer.get_parent()
        return False

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Entry:
        links = {
            side: {name: Link(**link) for name, link in fields[side].items()} for side in ("inputs", "outputs")
        }
        return Entry(**{**fields, **links})


def load(image: Gimp.Image) -> list[Entry]:
    """All results recorded in `image`, oldest first. Raises DioptreError when the record cannot be read."""
    parasite = image.get_parasite(PARASITE)
    if parasite is None:
        return []
    try:
        record = json.loads(bytes(parasite.get_data()))
        if record["version"] > VERSION:
            raise DioptreError(
                "This picture was worked on with a newer Dioptre.", hint="Update Dioptre to change it further."
            )
        return [Entry.from_dict(fields) for fields in record["results"]]
    except (ValueError, TypeError, KeyError) as error:
        raise DioptreError(
            f"The record of Dioptre's results in this picture is damaged ({error}).",
            hint="The layers themselves are whole; make the result again from its source layer.",
        ) from error


def save(image: Gimp.Image, entries: Iterable[Entry]) -> None:
    """Record `entries` in `image`; call it inside an undo group. Results without any layer left are dropped."""
    kept = [asdict(entry) for entry in entries if entry.layers(image)]
    data = json.dumps({"version": VERSION, "results": kept}, ensure_ascii=True, separators=(",", ":"))
    flags = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE
    image.attach_parasite(Gimp.Parasite.new(PARASITE, flags, data.encode("ascii")))


def readable(image: Gimp.Image) -> list[Entry]:
    """As `load`, but nothing when the record cannot be read: for looking things up, not for changing them."""
    try:
        return load(image)
    except DioptreError:
        return []


def add(image: Gimp.Image, entry: Entry) -> None:
    save(image, [*load(image), entry])


def put(image: Gimp.Image, entry: Entry, **changes: Any) -> None:
    """Record `entry` with `changes` in place of the one with its id."""
    changed = replace(entry, **changes)
    save(image, [changed if known.id == entry.id else known for known in load(image)])
