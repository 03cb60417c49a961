"""Registry of all networks, which collects the entries that their packages export.

Features name only the networks that they prefer. Importing this module does not import JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dioptre.checkpoints.card import CARD_FILE, Card, WeightsError
from dioptre.checkpoints.locate import installed, sha256
from dioptre_link.catalogue.depth import BEST
from dioptre_link.errors import UsageError
from dioptre_link.language import Message
from dioptre_link.networks import Network

from . import depth_anything_v2, is_net, modnet, moge2, rrdb, span, srvgg, subject, white_balance
from .entry import IMAGENET_DEVIATION as IMAGENET_DEVIATION
from .entry import IMAGENET_MEAN as IMAGENET_MEAN
from .entry import Entry as Entry
from .entry import ModelKind as ModelKind
from .entry import Preprocessing as Preprocessing
from .entry import resolve as resolve

_NETWORKS = (depth_anything_v2, moge2, subject, is_net, modnet, white_balance, span, srvgg, rrdb)

ENTRIES: Mapping[str, Entry] = {entry.id: entry for network in _NETWORKS for entry in network.ENTRIES}
"""The networks by id, in the order in which they are listed."""

DEFAULTS: Mapping[ModelKind, str] = {entry.kind: entry.id for entry in ENTRIES.values() if entry.default}
"""The id of the bundled network of each kind."""

_NO_ANALYSIS = (ModelKind.SUPER_RESOLUTION, ModelKind.WHITE_BALANCE)


def find(model_id: str, *, kind: ModelKind) -> Entry:
    """Return the entry with this id and kind; "default" means the bundled network.

    Raises:
        UsageError: there is no such network; the message lists those of this kind.
    """
    known = [entry.id for entry in ENTRIES.values() if entry.kind is kind]
    name = DEFAULTS.get(kind, model_id) if model_id == "default" else model_id
    if name not in known:
        raise UsageError(
            "There is no {kind} network named {model_id}.",
            hint="Available: {names}.",
            kind=kind.value,
            model_id=repr(model_id),
            names=", ".join(known),
        )
    return ENTRIES[name]


def chosen_depth_network(model_id: str) -> Entry:
    """Return the depth network with this id.

    "default" means the bundled network, "best" the installed network with the highest rank.

    Raises:
        UsageError: there is no such network.
    """
    if model_id != BEST:
        return find(model_id, kind=ModelKind.DEPTH)
    here = [entry for entry in ENTRIES.values() if entry.kind is ModelKind.DEPTH and is_installed(entry)]
    bundled = ENTRIES[DEFAULTS[ModelKind.DEPTH]]
    return max(here, key=lambda entry: 0 if entry.depth is None else entry.depth.rank, default=bundled)


def is_installed(entry: Entry) -> bool:
    """Return whether all checkpoints of a network are installed. Their contents are verified only on loading."""
    return entry.checkpoints.keys() <= installed().keys()


def analysis_checksums() -> dict[str, str]:
    """Return the SHA-256 of the card of every installed checkpoint that may affect depth or the subject."""
    here = installed()
    used = {name for entry in ENTRIES.values() if entry.kind not in _NO_ANALYSIS for name in entry.checkpoints}
    return {name: sha256(here[name] / CARD_FILE) for name in sorted(used & here.keys())}


def converter(entry: Entry) -> Callable[[Path], Any]:
    """Return the function that reads the entry's weights from a file; raise UsageError if users cannot add them."""
    if not entry.convert:
        raise UsageError(
            "{title} is bundled with Dioptre; you do not need to add its weights.", title=Message(entry.title)
        )
    return resolve(entry.convert)


def networks() -> tuple[Network, ...]:
    """Return all networks in the registry's order."""
    here = installed()
    return tuple(_network(entry, here) for entry in ENTRIES.values())


def _network(entry: Entry, here: dict[str, Path]) -> Network:
    is_here = entry.checkpoints.keys() <= here.keys()
    cards = _cards(entry, here) if is_here else (entry.card(),) if entry.card else ()
    return Network(
        id=entry.id,
        title=entry.title,
        kind=entry.kind.value,
        installed=is_here,
        download_bytes=0 if entry.package is None else entry.package.nbytes,
        licence=", ".join(sorted({card.licence for card in cards})),
        licence_doubts=" ".join(dict.fromkeys(card.licence_doubts for card in cards if card.licence_doubts)),
    )


def _cards(entry: Entry, here: dict[str, Path]) -> tuple[Card, ...]:
    """Return the readable cards; a damaged card is reported when its network is loaded, not in a list."""
    cards = []
    for checkpoint in entry.checkpoints:
        try:
            cards.append(Card.read(here[checkpoint]))
        except WeightsError:
            continue
    return tuple(cards)
