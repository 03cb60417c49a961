"""Read a checkpoint and put it into a network, strictly: nothing is missing, unused or of another shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from flax import nnx

from .card import Card, WeightsError
from .locate import ARRAYS_FOLDER, verify
from .storage import Arrays, decode

M = TypeVar("M", bound=nnx.Module)


def read(folder: Path) -> tuple[Card, Arrays]:
    """Verify every file's sha256, then read the values as float32 arrays by their path in the module.

    Raises WeightsError when files are missing, altered, unlisted, or do not form a checkpoint.
    """
    import orbax.checkpoint as ocp  # a third of a second: only where weights are written or read

    card = verify(folder)
    checkpointer = ocp.Checkpointer(ocp.PyTreeCheckpointHandler(use_ocdbt=True))
    try:
        tree = checkpointer.metadata(folder / ARRAYS_FOLDER).item_metadata.tree
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
        stored = checkpointer.restore(folder / ARRAYS_FOLDER, args=ocp.args.PyTreeRestore(restore_args=as_numpy))
    except (ValueError, KeyError, OSError, AttributeError, TypeError) as error:
        raise WeightsError(f"The weights of {card.id!r} cannot be read: {error}.") from error
    finally:
        checkpointer.close()
    arrays = decode(_flat(stored), card.storage)
    if wrong := sorted(name for name, values in arrays.items() if not np.isfinite(values).all()):
        raise WeightsError(
            f"The weights of {card.id!r} have values that are not numbers: {', '.join(wrong[:3])}.",
            hint="They were made so: get them again, or train them anew.",
        )
    return card, arrays


class _OneKey(nnx.RngStream):
    """Gives the same key each time: values are read, not drawn, and counting draws takes most of the building."""

    def __call__(self) -> jax.Array:
        key: jax.Array = self.key[...]
        return key


def fill(make: Callable[[nnx.Rngs], M], arrays: Mapping[str, np.ndarray | jax.Array], *, origin: str) -> M:
    """Build the network that `make` describes with `arrays` as its values; nothing is initialised in vain.

    origin: named in errors. Raises WeightsError that lists all missing, unused, misshapen and wrongly typed arrays.
    """

    def described() -> M:
        rngs = nnx.Rngs()
        rngs.default = _OneKey(0, tag="default")  # type: ignore[attr-defined]
        return make(rngs)

    graph, state = nnx.split(nnx.eval_shape(described))
    wanted = {".".join(map(str, path)): variable for path, variable in nnx.to_flat_state(state)}
    require_match(arrays, {name: (v.shape, v.dtype) for name, v in wanted.items()}, origin=origin)
    values = jax.device_put({name: arrays[name] for name in wanted})
    for name, variable in wanted.items():
        variable.set_value(values[name])
    return nnx.merge(graph, state)


def require_match(
    arrays: Mapping[str, np.ndarray | jax.Array],
    wanted: Mapping[str, tuple[tuple[int, ...], Any]],
    *,
    origin: str,
) -> None:
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
            f"The weights of {origin} do not fit the network: {'; '.join(wrong)}.",
            hint="They belong to another network or another version of it.",
        )


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Arrays:
    flat: Arrays = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = np.asarray(value)
    return flat
