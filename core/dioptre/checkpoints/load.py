"""Read a checkpoint strictly: no array may be missing, unused or of the wrong shape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .card import Card, WeightsError
from .locate import ARRAYS_FOLDER, files_below, verify
from .storage import Arrays, decode

Shapes = Mapping[str, tuple[int, ...]]
Types = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]
"""Shape and type of each value of a network by its path in the module."""

_PARTS = (".upper", ".lower")  # name suffixes of the two byte planes in which a large float16 array is stored
_SMALL_BYTES, _BYTES_PER_BYTE = (
    64 << 20,
    64,
)  # maximum unpacked size: this allowance plus this multiple of the file size (real checkpoints need 3)


def read(folder: Path, *, wanted: Shapes | None = None) -> tuple[Card, Arrays]:
    """Verify the SHA-256 of every file, then read the values as float32 arrays.

    Args:
        folder: folder of the checkpoint.
        wanted: the network's shapes by path in the module. The shapes that the checkpoint declares are compared
            with them before memory is allocated. If None, the declared size is compared with the size of the files.

    Returns:
        The checkpoint's card, and its values by their path in the module.

    Raises:
        WeightsError: files are missing, altered, unlisted, not a checkpoint, or do not fit the network.
    """
    import orbax.checkpoint as ocp  # imported only when needed, because the import takes a third of a second

    card = verify(folder)
    checkpointer = ocp.Checkpointer(ocp.PyTreeCheckpointHandler(use_ocdbt=True))
    try:
        tree = checkpointer.metadata(folder / ARRAYS_FOLDER).item_metadata.tree
        _require_sane(_announced(tree), folder, wanted, origin=card.id)
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
        stored = checkpointer.restore(folder / ARRAYS_FOLDER, args=ocp.args.PyTreeRestore(restore_args=as_numpy))
    except (ValueError, KeyError, OSError, AttributeError, TypeError) as error:
        raise WeightsError(
            "The weights of {model} cannot be read: {error}.", model=repr(card.id), error=error
        ) from error
    finally:
        checkpointer.close()
    arrays = decode(_flat(stored), card.storage)
    if wrong := sorted(name for name, values in arrays.items() if not np.isfinite(values).all()):
        raise WeightsError(
            "The weights of {model} contain NaN or infinite values: {faults}.",
            hint="The file was saved this way. Download it again or retrain.",
            model=repr(card.id),
            faults=", ".join(wrong[:3]),
        )
    return card, arrays


def _announced(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the metadata (shape, dtype and chunks) of each array in the checkpoint, by the array's path."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        inner = _announced(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
        flat |= inner
    return flat


def _require_sane(announced: Mapping[str, Any], folder: Path, wanted: Shapes | None, *, origin: str) -> None:
    """Raise WeightsError if reading would take more memory than the network or the size of the files justifies."""
    wrong = []
    for name, array in sorted(announced.items()):
        shape = tuple(array.shape)
        chunk = tuple(array.storage.chunk_shape) if array.storage is not None else shape
        base = name.rpartition(".")[0] if name.endswith(_PARTS) else name
        if wanted is not None and shape != wanted.get(name, wanted.get(base)):
            expected = wanted.get(name, wanted.get(base))
            wrong.append(f"{name} has shape {shape}, not {expected}" if expected else f"{name} is not used")
        elif len(chunk) != len(shape) or any(c > max(1, s) for c, s in zip(chunk, shape, strict=True)):
            wrong.append(f"{name} is stored in chunks of {chunk}, larger than itself")
    total = sum(math.prod(array.shape) * np.dtype(array.dtype).itemsize for array in announced.values())
    stored = sum(path.stat().st_size for path in files_below(folder).values())
    if not wrong and wanted is None and total > _SMALL_BYTES + _BYTES_PER_BYTE * stored:
        wrong = [f"they announce {total} bytes of values in {stored} bytes of files"]
    if wrong:
        raise WeightsError(
            "The weights of {origin} do not fit the network: {faults}.",
            hint="They belong to another network or version, or are damaged.",
            origin=origin,
            faults="; ".join(wrong[:5]),
        )


def require_match(arrays: Mapping[str, np.ndarray | jax.Array], wanted: Types, *, origin: str) -> None:
    """Raise WeightsError listing every difference between `arrays` and the wanted names, shapes and dtypes."""
    wrong = [f"{name} is missing" for name in sorted(wanted.keys() - arrays.keys())]
    wrong += [f"{name} is not used" for name in sorted(arrays.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & arrays.keys()):
        (shape, dtype), found = wanted[name], arrays[name]
        if found.shape != tuple(shape):
            wrong.append(f"{name} has shape {found.shape}, not {tuple(shape)}")
        elif found.dtype != dtype:
            wrong.append(f"{name} is {found.dtype}, not {np.dtype(dtype)}")
    if wrong:
        raise WeightsError(
            "The weights of {origin} do not fit the network: {faults}.",
            hint="They belong to another network or version.",
            origin=origin,
            faults="; ".join(wrong),
        )


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Arrays:
    flat: Arrays = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = np.asarray(value)
    return flat
