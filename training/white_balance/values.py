"""Copy a network's values between training runs, and blend the values of two runs.

python -m training.white_balance.values FIRST SECOND --share 0.5 --out FILE
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors.numpy import load_file, save_file

from dioptre.models.white_balance.module import WhiteBalanceEstimator


def go_on_from(network: WhiteBalanceEstimator, stored: dict[str, np.ndarray]) -> None:
    """Copy the values of an earlier, narrower network into a network.

    Inputs that the earlier network did not have start with zero weight in the units that are copied.
    """
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


def between(first: dict[str, np.ndarray], second: dict[str, np.ndarray], *, share: float) -> dict[str, np.ndarray]:
    """Return the values that lie `share` of the way from the first to the second set of values."""
    return {name: (values + share * (second[name] - values)).astype(np.float32) for name, values in first.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    save_file(between(load_file(options.first), load_file(options.second), share=options.share), options.out)


if __name__ == "__main__":
    main()
