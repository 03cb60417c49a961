"""Write a checkpoint: an Orbax folder of arrays and its card with the sha256 of every file."""

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
    """Write `arrays` (float32, by path in the module) under `parent / card.id`, replacing what was there.

    exact: as for `encode`. The card's `files` is filled in. The folder appears under its name only when it is
    complete.
    """
    import orbax.checkpoint as ocp  # a third of a second: only where weights are written or read

    parent = parent.resolve()  # Orbax wants absolute paths
    parent.mkdir(parents=True, exist_ok=True)
    target = parent / card.id
    with tempfile.TemporaryDirectory(dir=parent, prefix=f".{card.id}-") as scratch:
        folder = Path(scratch) / card.id
        folder.mkdir()
        checkpointer = ocp.Checkpointer(ocp.PyTreeCheckpointHandler(use_ocdbt=True))
        stored = nested(encode(arrays, card.storage, exact=exact))
        checkpointer.save(folder / ARRAYS_FOLDER, args=ocp.args.PyTreeSave(stored))
        checkpointer.close()
        (folder / ARRAYS_FOLDER / "commit_success.txt").unlink(missing_ok=True)  # names this machine's folders
        hashes = {name: sha256(path) for name, path in files_below(folder).items()}
        complete = dataclasses.replace(card, files=hashes)
        (folder / CARD_FILE).write_text(complete.to_json(), encoding="utf-8")
        if target.exists():
            target.rename(Path(scratch) / "replaced")
        folder.rename(target)
        shutil.rmtree(Path(scratch) / "replaced", ignore_errors=True)
    return target


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """{"a.b": 1} -> {"a": {"b": 1}}."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *path, last = name.split(".")
        node = tree
        for key in path:
            node = node.setdefault(key, {})
        node[last] = value
    return tree
