"""A network's values in a file, between training and packing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx
from safetensors.numpy import load_file, save_file


def save_network(state: Any, path: Path) -> None:
    """The network's values by their path in the module."""
    flat = nnx.to_flat_state(state)
    save_file({".".join(map(str, name)): np.asarray(value.get_value()) for name, value in flat}, path)


def load_network(state: Any, path: Path) -> Any:
    """The state with its values from a file of `save_network`; what else the file holds is left alone."""
    values = load_file(path)
    return nnx.from_flat_state(
        [(name, value.replace(values[".".join(map(str, name))])) for name, value in nnx.to_flat_state(state)]
    )
