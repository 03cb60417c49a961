"""The values of a network, between training runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors.numpy import save_file

from dioptre.models.white_balance.module import WhiteBalanceEstimator


def go_on_from(network: WhiteBalanceEstimator, stored: dict[str, np.ndarray]) -> None:
    """Take over the values of an earlier, narrower network; what its units did not see counts for nothing yet."""
    state = nnx.state(network)
    for path, variable in nnx.to_flat_state(state):
        values = stored.get(".".join(map(str, path)))
        if values is None:
            continue
        room = np.array(variable.get_value())
        if values.ndim > 1:
            room[..., : values.shape[-1]] = 0
        room[tuple(slice(0, length) for length in values.shape)] = values
        variable.set_value(jnp.array(room))
    nnx.update(network, state)


def save_network(state: Any, path: Path) -> None:
    """The network's values by their path in the module."""
    flat = nnx.to_flat_state(state)
    save_file({".".join(map(str, name)): np.asarray(value.get_value()) for name, value in flat}, path)
