"""Write and read a checkpoint: an Orbax folder of arrays, and a card with the SHA-256 of every file.

Reading is strict: no array may be missing, unused or of the wrong shape. `float16-planes` splits every large array
into the upper and the lower bytes of its float16 values. The upper bytes (sign, exponent and two bits of the
fraction) hold little information. Separated from the lower bytes they compress well: checkpoints are 15% smaller
than with `float16`, with the same values. Small arrays stay float32, and so do the arrays listed in `exact`, for
which half precision is too coarse.
"""

from __future__ import annotations

import dataclasses
import math
import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from dioptre.programs import Types

from .card import CARD_FILE, REINSTALL, Card, WeightsError
from .locate import ARRAYS_FOLDER, files_below, sha256, verify

STORAGES = ("float32", "float16", "float16-planes")
_PLANES = ("upper", "lower")
_METADATA = b"/.zarray"  # end of the key under which an array is described
_WORTHWHILE = 4096  # minimum number of values in an array to split; splitting smaller ones saves no space

Arrays = dict[str, np.ndarray]
"""Values of a network by their path in the module, e.g. "backbone.blocks.norm1.scale"."""
_PARTS = (".upper", ".lower")  # name suffixes of the two byte planes in which a large float16 array is stored
_SMALL_BYTES, _BYTES_PER_BYTE = (
    64 << 20,
    64,
)  # maximum unpacked size: this allowance plus this multiple of the file size (real checkpoints need 3)


def encode(arrays: Mapping[str, np.ndarray], storage: str, *, exact: Collection[str] = ()) -> Arrays:
    """Convert float32 arrays to a storage format; the inverse of `decode` up to rounding.

    Args:
        arrays: values by their path in the module.
        storage: the format, one of `STORAGES`.
        exact: arrays that `float16-planes` keeps in float32, as full names or dotted prefixes of names.

    Raises:
        ValueError: the format is unknown, or a value is too large for half precision.
    """
    if storage not in STORAGES:
        raise ValueError(f"unknown storage {storage!r}; known: {', '.join(STORAGES)}")
    if storage == "float32":
        return {name: np.asarray(value, np.float32) for name, value in arrays.items()}
    if storage == "float16":
        return {name: _half(value, name) for name, value in arrays.items()}
    stored: Arrays = {}
    for name, value in arrays.items():
        if value.size < _WORTHWHILE or any(f"{name}.".startswith(f"{start}.") for start in exact):
            stored[name] = np.asarray(value, np.float32)
        else:
            bits = _half(value, name).view(np.uint16)
            stored[f"{name}.upper"] = (bits >> 8).astype(np.uint8)
            stored[f"{name}.lower"] = (bits & 0xFF).astype(np.uint8)
    return stored


def decode(stored: Mapping[str, np.ndarray], storage: str) -> Arrays:
    """Convert stored arrays to float32; raise WeightsError listing every array of the wrong dtype.

    Args:
        stored: the arrays as read from the checkpoint.
        storage: the storage format of these arrays.
    """
    if storage not in STORAGES:
        raise WeightsError(
            "The weights are stored as {storage}, which this version cannot read.",
            hint="Update Dioptre.",
            storage=repr(storage),
        )
    if storage != "float16-planes":
        _require_types(stored, {name: np.dtype(storage) for name in stored})
        return {name: value.astype(np.float32) for name, value in stored.items()}
    split = {name.rpartition(".")[0] for name, value in stored.items() if name.endswith(_PLANES)}
    absent = [f"{base}.{part}" for base in sorted(split) for part in _PLANES if f"{base}.{part}" not in stored]
    if absent:
        raise WeightsError(
            "The weights are incomplete; missing: {absent}.", hint=REINSTALL, absent=", ".join(absent)
        )
    whole = {name for name in stored if name.rpartition(".")[0] not in split}
    _require_types(stored, {name: np.dtype(np.float32 if name in whole else np.uint8) for name in stored})
    arrays = {name: stored[name] for name in whole}
    for base in split:
        bits = (stored[f"{base}.upper"].astype(np.uint16) << 8) | stored[f"{base}.lower"]
        arrays[base] = bits.view(np.float16).astype(np.float32)
    return arrays


def _half(value: np.ndarray, name: str) -> np.ndarray:
    if np.abs(value).max(initial=0.0) > np.finfo(np.float16).max:
        raise ValueError(f"{name} holds values too large for float16")
    return np.ascontiguousarray(value, np.float16)


def _require_types(stored: Mapping[str, np.ndarray], expected: Mapping[str, np.dtype[np.generic]]) -> None:
    wrong = [f"{n} is {stored[n].dtype}, not {t}" for n, t in sorted(expected.items()) if stored[n].dtype != t]
    if wrong:
        raise WeightsError("The weights have the wrong types: {faults}.", hint=REINSTALL, faults="; ".join(wrong))


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


Shapes = Mapping[str, tuple[int, ...]]


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
    card = verify(folder)
    try:
        opened = _opened(folder / ARRAYS_FOLDER)
        _require_sane(opened, folder, wanted, origin=card.id)
        reading = {name: array.read() for name, array in opened.items()}
        stored = {name: np.asarray(values.result()) for name, values in reading.items()}
    except (ValueError, OSError) as error:
        raise WeightsError(
            "The weights of {model} cannot be read: {error}.", hint=REINSTALL, model=repr(card.id), error=error
        ) from error
    arrays = decode(stored, card.storage)
    if wrong := sorted(name for name, values in arrays.items() if not np.isfinite(values).all()):
        raise WeightsError(
            "The weights of {model} contain NaN or infinite values: {faults}.",
            hint="The file was saved this way. Download it again or retrain.",
            model=repr(card.id),
            faults=", ".join(wrong[:3]),
        )
    return card, arrays


def _opened(folder: Path) -> dict[str, Any]:
    """Open each array in a folder that Orbax wrote, by the array's path, without reading its values.

    TensorStore reads them itself in a fifth of the time that Orbax takes.
    """
    import tensorstore  # imported only when needed, as JAX's users may have no checkpoint to read

    store = {"driver": "ocdbt", "base": {"driver": "file", "path": f"{folder}/"}}
    keys = tensorstore.KvStore.open(store).result().list().result()
    names = [key.removesuffix(_METADATA).decode("utf-8") for key in keys if key.endswith(_METADATA)]
    opening = {
        name: tensorstore.open({"driver": "zarr", "kvstore": {**store, "path": f"{name}/"}}, open=True, read=True)
        for name in names
    }
    return {name: array.result() for name, array in opening.items()}


def _require_sane(announced: Mapping[str, Any], folder: Path, wanted: Shapes | None, *, origin: str) -> None:
    """Raise WeightsError if reading would take more memory than the network or the size of the files justifies."""
    wrong = []
    for name, array in sorted(announced.items()):
        shape = tuple(array.shape)
        chunk = tuple(array.chunk_layout.read_chunk.shape)
        base = name.rpartition(".")[0] if name.endswith(_PARTS) else name
        if wanted is not None and shape != wanted.get(name, wanted.get(base)):
            expected = wanted.get(name, wanted.get(base))
            wrong.append(f"{name} has shape {shape}, not {expected}" if expected else f"{name} is not used")
        elif len(chunk) != len(shape) or any(c > max(1, s) for c, s in zip(chunk, shape, strict=True)):
            wrong.append(f"{name} is stored in chunks of {chunk}, larger than itself")
    total = sum(math.prod(array.shape) * array.dtype.numpy_dtype.itemsize for array in announced.values())
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
