"""What Dioptre did to a document, as an editor keeps it in the document itself: results, tied to its layers.

The editor gives the bytes (GIMP: a parasite, Krita: an annotation) and the layers' lasting ids; everything else
about the record is here.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from .chain import described
from .errors import DioptreError, RefusedError, UsageError
from .language import Message
from .migrations import migrated_options
from .operation import Operation, Role

VERSION = 2  # the recipes' too, whose migrations bring older entries to the present options
MAX_ENTRIES = 100  # results that lost their layers are kept (an undo may bring them back), but not for ever
GROUP = "group"  # beside the roles: the layer group around a result
NOWHERE = (0, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Link:
    """One layer of a document, as a result knows it.

    id: by which the editor finds it again, however it is named and wherever it is moved. name: its name then, to be
    able to speak of it when it is gone. sha256: of its pixels then; "" where nobody needs it. rect: x, y, width and
    height of those pixels, where the editor's layers have no size of their own.
    """

    id: int | str
    name: str
    sha256: str = ""
    rect: tuple[int, int, int, int] = NOWHERE

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Link:
        x, y, width, height = fields.get("rect", NOWHERE)
        return Link(**{**fields, "rect": (x, y, width, height)})


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One result: what made it, from which layers, into which layers.

    inputs: by the name of the input ("picture", "disparity"). outputs: by role ("result", "depth"…), and `GROUP`.
    when: local time, ISO 8601.
    """

    operation: str
    options: Mapping[str, Any]
    inputs: Mapping[str, Link]
    outputs: Mapping[str, Link]
    values: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    when: str = field(default_factory=lambda: datetime.now().isoformat(timespec="seconds"))
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def layer_ids(self) -> set[int | str]:
        """Of all its inputs and outputs."""
        return {link.id for link in (*self.inputs.values(), *self.outputs.values())}

    @property
    def described(self) -> Operation:
        """What made it. Raises UsageError for an operation of a newer Dioptre."""
        return described(self.operation, self.options)

    @property
    def known(self) -> Operation | None:
        """What made it; None for an operation of a newer Dioptre."""
        try:
            return self.described
        except UsageError:
            return None

    def gone(self, described: Operation, name: str) -> RefusedError:
        """Says that the input of that name is no longer in the document."""
        what = "depth layer" if name == "disparity" else name
        return RefusedError(
            "{title} cannot be updated: its {what}, the layer “{name}”, was deleted.",
            hint="Undo the deletion, or run the operation again on another layer.",
            title=Message(described.title),
            what=what,
            name=self.inputs[name].name,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON types; `from_dict` reads them."""
        known = self.known
        options = self.options if known is None else known.written(self.options)
        return asdict(replace(self, options=options))

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Entry:
        links = {
            side: {name: Link.from_dict(link) for name, link in fields[side].items()}
            for side in ("inputs", "outputs")
        }
        return Entry(**{**fields, **links})


class Record:
    """The results of one document."""

    def __init__(self, read: Callable[[], bytes], write: Callable[[bytes], object]) -> None:
        """read: the bytes that the document keeps, empty when there are none. write: replaces them."""
        self._read = read
        self._write = write

    def load(self) -> list[Entry]:
        """All results, oldest first. Raises DioptreError when the record cannot be read."""
        data = self._read()
        if not data:
            return []
        try:
            record = json.loads(data)
            if record["version"] > VERSION:
                raise DioptreError(
                    "This document was edited with a newer version of Dioptre.",
                    hint="Update Dioptre to continue editing it.",
                )
            return [Entry.from_dict(_present(fields, record["version"])) for fields in record["results"]]
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise DioptreError(
                "The record of Dioptre's results in this document is damaged ({error}).",
                hint="The layers are intact. Run the operation again on the source layer.",
                error=error,
            ) from error

    def readable(self) -> list[Entry]:
        """As `load`, but nothing when the record cannot be read: for looking things up, not for changing them."""
        try:
            return self.load()
        except DioptreError:
            return []

    def save(self, entries: Iterable[Entry]) -> None:
        """Keep the newest `MAX_ENTRIES`, as ASCII."""
        record = {"version": VERSION, "results": [entry.to_dict() for entry in list(entries)[-MAX_ENTRIES:]]}
        self._write(json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode("ascii"))

    def add(self, entry: Entry) -> None:
        self.save([*self.load(), entry])

    def put(self, entry: Entry, **changes: Any) -> None:
        """Record `entry` with `changes` in place of the one with its id."""
        changed = replace(entry, **changes)
        self.save([changed if known.id == entry.id else known for known in self.load()])


def _present(fields: Mapping[str, Any], version: int) -> Mapping[str, Any]:
    """An entry as the present version has it."""
    present = dict(fields)
    for name in ("options", "values"):
        before = fields.get(name, {})
        after = migrated_options(fields["operation"], before, version=version, to=VERSION)
        present[name] = after if name == "options" else {key: after[key] for key in before}
    return present


def depth_links(entries: Sequence[Entry], picture: int | str) -> Iterator[Link]:
    """Depth layers that were made from the layer `picture` or used with it, newest first; some may be gone."""
    for entry in reversed(entries):
        if entry.inputs["picture"].id == picture:
            given = (entry.outputs.get(Role.DEPTH.value), entry.inputs.get("disparity"))
            yield from (link for link in given if link is not None)


def picture_links(entries: Sequence[Entry], depth: int | str) -> Iterator[Link]:
    """Pictures that the layer `depth` was estimated from, newest first; some may be gone."""
    for entry in reversed(entries):
        made = entry.outputs.get(Role.DEPTH.value)
        if made is not None and made.id == depth:
            yield entry.inputs["picture"]


def made_from(entries: Sequence[Entry], picture: int | str) -> set[int | str]:
    """The ids of all layers that were made from the layer `picture`."""
    return {
        link.id for entry in entries if entry.inputs["picture"].id == picture for link in entry.outputs.values()
    }
