"""Cache of networks in memory: each is loaded once per process, and released after a step on a very large picture.

Importing this module does not import JAX.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dioptre.checkpoints.card import CARD_FILE, WeightsError
from dioptre.checkpoints.locate import locate, sha256
from dioptre_link.errors import UsageError
from dioptre_link.language import Message

from .registry import ENTRIES, Entry, is_installed

if TYPE_CHECKING:
    from .loaded import Loaded
    from .precision import Precision

_VERY_LARGE_PIXELS = 64_000_000


class NetworkMissingError(WeightsError):
    """A network that users can add is not installed.

    The hint names a command. For networks that can be downloaded, the worker replaces it for editors.

    Attributes:
        can_be_fetched: whether the network can be downloaded.
    """

    code = "network-missing"

    def __init__(self, entry: Entry) -> None:
        super().__init__("The network “{title}” is not installed.", hint=how_to_add(entry), title=entry.title)
        self.can_be_fetched = bool(entry.package)


def how_to_add(entry: Entry) -> Message:
    """Return the sentence that tells users how to add a network."""
    return Message("Add it with: dioptre models add {network}", network=entry.id)


def load_model(model_id: str) -> Loaded:
    """Return the network with this id, verified and in memory; it is loaded only once per process.

    It computes in the precision that `precision.precision_of` returns at the call. Networks in different precisions
    share their values.

    Raises:
        UsageError: there is no such network.
        NetworkMissingError: users can add the network, but it is not installed.
        WeightsError: its weights are missing, damaged or do not fit the network.
    """
    if model_id not in ENTRIES:
        raise UsageError(
            "There is no network named {model_id}.",
            hint="Available: {entries}.",
            model_id=repr(model_id),
            entries=", ".join(ENTRIES),
        )
    entry = ENTRIES[model_id]
    if entry.convert and not is_installed(entry):
        raise NetworkMissingError(entry)
    folders = tuple(locate(checkpoint) for checkpoint in entry.checkpoints)
    from .precision import precision_of  # imports JAX, which is needed only to run a network

    cards = tuple((folder, sha256(folder / CARD_FILE)) for folder in folders)
    return _load(model_id, cards, precision_of(entry))


@cache
def _load(model_id: str, cards: tuple[tuple[Path, str], ...], precision: Precision) -> Loaded:
    """Load a network; the cards' checksums are part of the cache key, so replaced weights are loaded again."""
    from .loaded import load

    entry = ENTRIES[model_id]
    return load(entry, dict(zip(entry.checkpoints, cards, strict=True)), precision=precision)


def unload_after(size: tuple[int, int]) -> None:
    """Release all networks if the step just finished was on a very large picture.

    The next step needs the memory, and reloading them is quick compared with a step on such a picture.

    Args:
        size: height and width of the picture in pixels.
    """
    if size[0] * size[1] >= _VERY_LARGE_PIXELS:
        _load.cache_clear()
