"""Networks in memory: loaded once a process, and let go after their step on a very large picture.

Importing this module imports no JAX.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dioptre.checkpoints.card import CARD_FILE
from dioptre.checkpoints.locate import locate, sha256
from dioptre_link.errors import UsageError

from .registry import ENTRIES, NetworkMissingError, is_installed

if TYPE_CHECKING:
    from .loaded import Loaded

_VERY_LARGE_PIXELS = 64_000_000


def load_model(model_id: str) -> Loaded:
    """The network of that id, its weights verified and in memory; loaded once a process.

    Raises UsageError for an unknown id, NetworkMissingError, and WeightsError for missing, damaged or foreign
    weights.
    """
    if model_id not in ENTRIES:
        raise UsageError(
            "There is no model named {model_id}.",
            hint="Known: {entries}.",
            model_id=repr(model_id),
            entries=", ".join(ENTRIES),
        )
    entry = ENTRIES[model_id]
    if entry.package and not is_installed(entry):
        raise NetworkMissingError(entry)
    folders = tuple(locate(checkpoint) for checkpoint in entry.checkpoints)
    return _load(model_id, tuple((folder, sha256(folder / CARD_FILE)) for folder in folders))


@cache
def _load(model_id: str, cards: tuple[tuple[Path, str], ...]) -> Loaded:
    """Keyed by the cards' checksums too: replaced weights are loaded again."""
    from .loaded import load  # JAX and Flax: only where a network is run

    return load(ENTRIES[model_id], dict(zip(ENTRIES[model_id].checkpoints, cards, strict=True)))


def unload_after(size: tuple[int, int]) -> None:
    """Let go of all networks after their step on a very large picture (height, width).

    The next step wants their memory; to load them again takes little beside the time of a step.
    """
    if size[0] * size[1] >= _VERY_LARGE_PIXELS:
        _load.cache_clear()
