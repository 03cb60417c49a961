"""The record of Dioptre's results that an editor stores in a document, linking each result to its layers.

The editor stores the bytes (GIMP: a parasite, Krita: an annotation) and provides persistent layer ids; everything
else is handled here.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from . import strict_json
from .catalogue.depth import BEST, network_of, with_network
from .chain import CHAIN, described
from .errors import DioptreError, UsageError
from .language import Message
from .metres import DepthMetres
from .migrations import migrated_options, without_retired
from .operation import Operation, Role

VERSION = 3  # must equal the version of recipes, whose migrations also update older entries
# Maximum number of entries. Results whose layers were deleted are kept, since an undo may restore the layers, but
# only up to this number.
MAX_ENTRIES = 100
GROUP = "group"  # key in `outputs` of the layer group that contains the result; the other keys are roles
NOWHERE = (0, 0, 0, 0)
_LIMIT = 1 << 31  # of ids and coordinates in both editors
_LOG = logging.getLogger(__name__)
BEST_NETWORK = "best_depth_model"  # key in `values` of the depth network that was used for the depth model "best"


@dataclass(frozen=True, kw_only=True)
class Link:
    """A reference from a result to a layer of the document.

    Attributes:
        id: the editor's persistent id, which survives renaming and moving.
        name: the layer's name when the link was recorded, for messages about a deleted layer.
        sha256: checksum of the layer's pixels when the link was recorded; "" if it is not needed.
        rect: x, y, width and height of those pixels, for editors whose layers have no fixed size.
    """

    id: int | str
    name: str
    sha256: str = ""
    rect: tuple[int, int, int, int] = NOWHERE

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Link:
        """Return the link in `fields`; raise ValueError, TypeError, KeyError or AttributeError if it is damaged."""
        x, y, width, height = fields.get("rect", NOWHERE)
        link = Link(**{**fields, "rect": (x, y, width, height)})
        _require(isinstance(link.id, str) or (type(link.id) is int and abs(link.id) < _LIMIT), "a layer's id")
        _require(isinstance(link.name, str) and isinstance(link.sha256, str), "a layer's name")
        _require(all(type(side) is int and abs(side) < _LIMIT for side in link.rect), "a layer's rectangle")
        return link


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A result: how it was computed, from which layers, and in which layers it is stored.

    Attributes:
        operation: name of the operation.
        options: its options.
        inputs: source layers, by the name of the input ("picture", "disparity").
        outputs: result layers, by role ("result", "depth"…), and `GROUP`.
        values: values that were decided automatically.
        models: SHA-256 of the networks that were used, by id.
        when: local time, ISO 8601.
        id: unique id of the result.
        notes: sentences for the user about options that no longer exist, for the next run; they are not stored.
    """

    operation: str
    options: Mapping[str, Any]
    inputs: Mapping[str, Link]
    outputs: Mapping[str, Link]
    values: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    when: str = field(default_factory=lambda: datetime.now().isoformat(timespec="seconds"))
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    notes: tuple[Message, ...] = field(default=(), compare=False)

    @property
    def layer_ids(self) -> set[int | str]:
        """Ids of all input and output layers."""
        return {link.id for link in (*self.inputs.values(), *self.outputs.values())}

    @property
    def described(self) -> Operation:
        """The operation that computed the result; raises UsageError if this version of Dioptre cannot repeat it."""
        return described(self.operation, self.options)

    @property
    def known(self) -> Operation | None:
        """The operation that computed the result; None if this version of Dioptre cannot repeat it."""
        try:
            return self.described
        except UsageError:
            return None

    @property
    def places(self) -> bool:
        """Whether the result is a layer placed in a picture; False if this version of Dioptre cannot repeat it."""
        return self.known is not None and self.known.places

    @property
    def chosen_options(self) -> Mapping[str, Any]:
        """The options as the user chose them: "best" where `options` names the network that it stood for."""
        network = self.values.get(BEST_NETWORK)
        if network is None or network_of(self.options) != network:
            return self.options
        return with_network(self.options, BEST)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON types, which `from_dict` reads."""
        known = self.known
        options = self.options if known is None else known.written(self.options)
        stored = asdict(replace(self, options=options))
        del stored["notes"]
        return stored

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Entry:
        """Return the entry in `fields`; raise ValueError, TypeError, KeyError or AttributeError if it is damaged.

        An unknown operation is accepted.
        """
        links = {
            side: {name: Link.from_dict(link) for name, link in fields[side].items()}
            for side in ("inputs", "outputs")
        }
        entry = Entry(**{**fields, **links})
        _require("picture" in entry.inputs, "no picture")
        _require(all(isinstance(text, str) for text in (entry.operation, entry.when, entry.id)), "text")
        _require(all(isinstance(each, dict) for each in (entry.options, entry.values, entry.models)), "values")
        if (known := entry.known) is not None:
            known.check(entry.options)
        _with_network_named(entry)
        return entry


class Record:
    """All results recorded in a document."""

    def __init__(self, read: Callable[[], bytes], write: Callable[[bytes], object]) -> None:
        """Set up access to the record of a document.

        Args:
            read: returns the stored bytes, empty if there are none.
            write: replaces the stored bytes.
        """
        self._read = read
        self._write = write

    def load(self) -> list[Entry]:
        """Return all results, oldest first; damaged entries are left out and logged, since their layers are intact.

        Raises:
            DioptreError: a newer version of Dioptre wrote the record.
        """
        data = self._read()
        if not data:
            return []
        with _damage_logged("the record"):
            record = strict_json.parsed_parts(data)
            version, results = int(record["version"]), list(record["results"])
            if version > VERSION:
                raise DioptreError(
                    "This document was edited with a newer version of Dioptre.",
                    hint="Update Dioptre to continue editing it.",
                )
            entries = []
            for fields in results:
                with _damage_logged("an entry"):
                    entries.append(Entry.from_dict(_present(strict_json.parsed(json.dumps(fields)), version)))
            return entries
        return []

    def readable(self) -> list[Entry]:
        """Return all results, or none if a newer version wrote the record; for lookups, not for changes."""
        try:
            return self.load()
        except DioptreError:
            return []

    def save(self, entries: Iterable[Entry]) -> None:
        """Store the newest `MAX_ENTRIES` results as ASCII."""
        record = {"version": VERSION, "results": [entry.to_dict() for entry in list(entries)[-MAX_ENTRIES:]]}
        self._write(json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode("ascii"))

    def add(self, entry: Entry) -> None:
        """Append a result to the record."""
        self.save([*self.load(), _with_network_named(entry)])

    def put(self, entry: Entry, **changes: Any) -> None:
        """Replace the recorded entry that has the same id with `entry` and `changes`."""
        changed = replace(entry, **changes)
        self.save([_updated(changed, known) if known.id == entry.id else known for known in self.load()])


@contextmanager
def _damage_logged(what: str) -> Iterator[None]:
    """Log what is damaged in a record, and go on."""
    try:
        yield
    except (UsageError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        _LOG.warning("%s of Dioptre's results in a document is damaged: %s: %s", what, type(error).__name__, error)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


def _updated(entry: Entry, earlier: Entry) -> Entry:
    """Return the record of a result that replaces an earlier one, and remember that its network was once "best"."""
    network = earlier.values.get(BEST_NETWORK)
    if network is not None and network_of(entry.options) == network:
        return replace(entry, values={**entry.values, BEST_NETWORK: network})
    return _with_network_named(entry)


def _with_network_named(entry: Entry) -> Entry:
    """Replace "best" in the options by the depth network that was used.

    *Update* then uses that network even if a better one has been installed since.
    """
    network = entry.values.get(BEST_NETWORK)
    if network is None:
        return entry
    if entry.operation != CHAIN:
        return replace(entry, options=_named(entry.options, network))
    steps = [{**step, "options": _named(step["options"], network)} for step in entry.options["steps"]]
    return replace(entry, options={**entry.options, "steps": steps})


def _named(options: Mapping[str, Any], network: str) -> Mapping[str, Any]:
    return with_network(options, network) if network_of(options) == BEST else options


def _present(fields: Mapping[str, Any], version: int) -> Mapping[str, Any]:
    """Migrate an entry to the current version, without options that no longer exist."""
    present = dict(fields)
    for name in ("options", "values"):
        before = fields.get(name, {})
        after = migrated_options(fields["operation"], before, version=version, to=VERSION)
        present[name] = after if name == "options" else {key: after[key] for key in before}
    with suppress(UsageError):  # it names what no longer exists when the result is edited
        if fields["operation"] != CHAIN:
            present["options"], present["notes"] = without_retired(present["options"])
            return present
        steps = present["options"]["steps"]
        read = [without_retired(step["options"]) for step in steps]
        kept = [{**step, "options": options} for step, (options, _) in zip(steps, read, strict=True)]
        present["options"] = {**present["options"], "steps": kept}
        present["notes"] = tuple(dict.fromkeys(note for _, notes in read for note in notes))
    return present


def depth_links(entries: Sequence[Entry], picture: int | str) -> Iterator[Link]:
    """Yield depth layers computed from or used with the layer `picture`, newest first; some may be deleted."""
    for entry in reversed(entries):
        if entry.inputs["picture"].id == picture:
            given = (entry.outputs.get(Role.DEPTH.value), entry.inputs.get("disparity"))
            yield from (link for link in given if link is not None)


def picture_links(entries: Sequence[Entry], depth: int | str) -> Iterator[Link]:
    """Yield pictures that the layer `depth` was estimated from, newest first; some may be deleted."""
    for entry in reversed(entries):
        made = entry.outputs.get(Role.DEPTH.value)
        if made is not None and made.id == depth:
            yield entry.inputs["picture"]


def depth_metres(entries: Sequence[Entry], depth: int | str) -> DepthMetres | None:
    """Return the metres of the layer `depth`, from the newest result that created it; None if they are not known.

    Painting on the layer and repairing it keep its scale.
    """
    for entry in reversed(entries):
        made = entry.outputs.get(Role.DEPTH.value)
        if made is not None and made.id == depth:
            return DepthMetres.of_values(entry.values)
    return None


def metres_by_content(entries: Sequence[Entry]) -> Iterator[tuple[str, DepthMetres]]:
    """Yield the pixel checksum and the metres of each recorded depth layer whose metres are known."""
    for entry in entries:
        made, metres = entry.outputs.get(Role.DEPTH.value), DepthMetres.of_values(entry.values)
        if made is not None and made.sha256 and metres is not None:
            yield made.sha256, metres


def made_from(entries: Sequence[Entry], picture: int | str) -> set[int | str]:
    """Return the ids of all layers computed from the layer `picture`."""
    return {
        link.id for entry in entries if entry.inputs["picture"].id == picture for link in entry.outputs.values()
    }
