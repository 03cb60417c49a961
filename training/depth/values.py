"""Save and load trained network parameters: `train.py` writes one file, `gpu.py` several small ones."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from .network import Network, Values, cut, joined, load_network

LARGEST_FILE_BYTES = 15 * 2**20


def flat(values: Values) -> dict[str, Any]:
    """Return the arrays by name: the path of keys, joined with dots."""
    return {".".join(map(str, path)): value for path, value in traverse_util.flatten_dict(values).items()}


def unflat(arrays: dict[str, Any], like: Values, *, origin: Path) -> Values:
    """Reverse `flat`.

    Args:
        arrays: Arrays by their path.
        like: Values with the expected names and shapes.
        origin: File or folder to name in an error.

    Raises:
        ValueError: The names or shapes differ from those of `like`.
    """
    if {n: v.shape for n, v in arrays.items()} != {n: v.shape for n, v in flat(like).items()}:
        raise ValueError(f"{origin} holds the values of another network")
    places = {".".join(map(str, place)): place for place in traverse_util.flatten_dict(like)}
    return traverse_util.unflatten_dict({places[name]: jnp.asarray(value) for name, value in arrays.items()})


def write_values(path: Path, values: Values) -> None:
    """Write the values to one file."""
    np.savez(path, allow_pickle=False, **{name: np.asarray(value) for name, value in flat(values).items()})


def read_values(path: Path, like: Values) -> Values:
    """Read a file that `write_values` wrote."""
    with np.load(path) as file:
        return unflat({name: file[name] for name in file.files}, like, origin=path)


def write_pieces(folder: Path, values: Values, *, largest_bytes: int = LARGEST_FILE_BYTES) -> list[Path]:
    """Write the arrays as float16 to values-N.npz files of a limited size.

    Large arrays are split along their first axis.

    Args:
        folder: Folder of the files.
        values: Nested arrays.
        largest_bytes: Largest size of each file's arrays.

    Returns:
        The paths of the files.
    """
    files: list[dict[str, np.ndarray]] = [{}]
    size = 0
    for name, value in flat(values).items():
        array = np.asarray(value, np.float16)
        pieces = -(-array.nbytes // largest_bytes)
        for number, piece in enumerate(np.array_split(array, pieces)):
            if size + piece.nbytes > largest_bytes:
                files.append({})
                size = 0
            files[-1][f"{name}/{number}" if pieces > 1 else name] = piece
            size += piece.nbytes
    paths = [folder / f"values-{number}.npz" for number in range(len(files))]
    for path, content in zip(paths, files, strict=True):
        np.savez(path, allow_pickle=False, **content)
    return paths


def read_pieces(folder: Path, like: Values) -> Values:
    """Read the files that `write_pieces` wrote, as float32."""
    found: dict[str, list[tuple[int, np.ndarray]]] = {}
    for path in sorted(folder.glob("values-*.npz")):
        with np.load(path) as file:
            for key in file.files:
                name, _, number = key.partition("/")
                found.setdefault(name, []).append((int(number or 0), file[key].astype(np.float32)))
    whole = {
        name: np.concatenate([v for _, v in sorted(parts, key=lambda p: p[0])]) for name, parts in found.items()
    }
    return unflat(whole, like, origin=folder)


def load(run: Path | None) -> tuple[Network, Values]:
    """Return the bundled network, optionally with the values of a run.

    Args:
        run: A trained.npz, the folder of a GPU run, or None for the bundled values.
    """
    network, trained = load_network()
    if run is None:
        return network, trained
    if run.is_dir():
        whole = jax.tree.map(jnp.asarray, joined(network.early, trained))
        return cut(network.graph, read_pieces(run, whole))
    return network, read_values(run, trained)
