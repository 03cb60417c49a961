"""Write a checkpoint: an Orbax folder of arrays, and a card with the SHA-256 of every file."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .card import CARD_FILE, Card
from .locate import ARRAYS_FOLDER, files_below, sha256
from .storage import encode


def save(parent: Path, card: Card, arrays: Mapping[str, np.ndarray], *, exact: Collection[str] = ()) -> Path:
    """Write `arrays` to `parent / card.id`, replacing any existing checkpoint.

    The folder gets its name only once it is complete.

    Args:
        parent: folder that holds the checkpoints.
        card: the card; its `files` entry is filled in.
        arrays: float32 values by their path in the module.
        exact: names of arrays to keep in float32, as in `encode`.

    Returns:
        The checkpoint's folder.
    """
    import orbax.checkpoint as ocp  # imported only when needed, because the import takes a third of a second

    parent = parent.resolve()  # Orbax requires absolute paths
    parent.mkdir(parents=True, exist_ok=True)
    target = parent / card.id
    with tempfile.TemporaryDirectory(dir=parent, prefix=f".{card.id}-") as scratch:
        folder = Path(scratch) / card.id
        folder.mkdir()
        checkpointer = ocp.Checkpointer(ocp.PyTreeCheckpointHandler(use_ocdbt=True))
        stored = nested(encode(arrays, card.storage, exact=exact))
        checkpointer.save(folder / ARRAYS_FOLDER, args=ocp.args.PyTreeSave(stored))
        checkpointer.close()
        (folder / ARRAYS_FOLDER / "commit_success.txt").unlink(missing_ok=True)  # contains paths on this machine
        hashes = {name: sha256(path) for name, path in files_below(folder).items()}
        complete = dataclasses.replace(card, files=hashes)
        (folder / CARD_FILE).write_text(complete.to_json(), encoding="utf-8")
        if target.exists():
            target.rename(Path(scratch) / "replaced")
        folder.rename(target)
        shutil.rmtree(Path(scratch) / "replaced", ignore_errors=True)
    return target


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Nest a flat mapping with dotted keys: {"a.b": 1} becomes {"a": {"b": 1}}."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *path, last = name.split(".")
        node = tree
        for key in path:
            node = node.setdefault(key, {})
        node[last] = value
    return tree
