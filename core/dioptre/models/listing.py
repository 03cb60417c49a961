"""List all networks and their state on this machine, for editors and the command line.

This module does not import NumPy or JAX, because the worker lists networks before it loads those libraries.
"""

from __future__ import annotations

from pathlib import Path

from dioptre.checkpoints.card import Card, WeightsError
from dioptre.checkpoints.locate import installed
from dioptre_link.networks import Network

from .package_files import Package
from .published_file import PublishedFile
from .registry import ENTRIES, Entry, resolve


def networks() -> tuple[Network, ...]:
    """Return all networks in the registry's order."""
    here = installed()
    return tuple(_network(entry, here) for entry in ENTRIES.values())


def _network(entry: Entry, here: dict[str, Path]) -> Network:
    package: Package | PublishedFile | None = resolve(entry.package) if entry.package else None
    is_here = entry.checkpoints.keys() <= here.keys()
    cards = _cards(entry, here) if is_here else (resolve(entry.card)(),) if entry.card else ()
    return Network(
        id=entry.id,
        title=entry.title,
        kind=entry.kind.value,
        installed=is_here,
        download_bytes=0 if package is None else package.nbytes,
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
