"""Save a network's values to a file after training, and load them again for packing or further training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx
from safetensors.numpy import load_file, save_file

from dioptre.checkpoints.blueprint import by_path


def save_network(state: Any, path: Path) -> None:
    """Save the network's values under their paths in the module."""
    save_file({name: np.asarray(variable.get_value()) for name, variable in by_path(state).items()}, path)


def load_network(state: Any, path: Path) -> Any:
    """Return the state with the values from a file that `save_network` wrote; the file's other values are ignored.

    Raises:
        KeyError: The file lacks one of the network's values.
    """
    values = load_file(path)
    return nnx.from_flat_state(
        [(name, value.replace(values[".".join(map(str, name))])) for name, value in nnx.to_flat_state(state)]
    )
