"""Save a network's values to a file after training, and the state of a run, to continue it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file, save_file

from dioptre.checkpoints.blueprint import by_path


def save_network(state: Any, path: Path) -> None:
    """Save the network's values under their paths in the module."""
    save_file({name: np.asarray(variable.get_value()) for name, variable in by_path(state).items()}, path)


def save_progress(progress: Any, path: Path, *, step: int) -> None:
    """Save the state of a training run after `step` steps; the former file is replaced only when it is complete."""
    arrays = {str(number): np.asarray(leaf) for number, leaf in enumerate(jax.tree.leaves(progress))}
    partial = path.with_suffix(".partial")
    save_file(arrays | {"step": np.array(step)}, partial)
    partial.replace(path)


def load_progress(progress: Any, path: Path) -> tuple[Any, int]:
    """Return the state of a training run and its number of steps from a file that `save_progress` wrote.

    Args:
        progress: a state of the same structure, which is returned with 0 steps if there is no file.
        path: the file.
    """
    if not path.exists():
        return progress, 0
    leaves, tree = jax.tree.flatten(progress)
    stored = load_file(path)
    leaves = [jnp.asarray(stored[str(number)]) for number in range(len(leaves))]
    return jax.tree.unflatten(tree, leaves), int(stored["step"])
