"""Train the coarse network of soft alpha on the views of `views.py`; resumes where it stopped.

python -m training.matte.train VIEWS RUN [--steps N] [--seconds N]

RUN contains `state.msgpack` (values, their average, the optimiser's state, the step) and `average.safetensors`.
Views may still be written during the training; new ones are used. The last of every 16 views is held out; its error
in the band is printed next to that of the input: the mean of the subject network's and U²-Net-P's maps.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from dioptre import runtime

runtime.prepare()

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx, serialization
from jax import Array

from training.values import save_network

from .batches import Batch, Views, together
from .loss import loss_of
from .network import GRID, SIDE, SoftAlpha
from .schedule import rate_of

DECAY, AVERAGED = 0.02, 0.998
STEPS = 12_000
SAVE_EVERY = 50
_DROPPED = 0.2  # Fraction of each tap's channels that are dropped in training.


def answer(network: SoftAlpha, batch: Any, key: Array | None) -> Array:
    """Run the network on a batch of views.

    Args:
        network: The network.
        batch: Stacked views.
        key: Random key that chooses the dropped channels; None drops none.

    Returns:
        Alpha (n, SIDE, SIDE).
    """
    features = jnp.moveaxis(batch["features"].astype(jnp.float32), 1, 0)
    if key is not None:
        kept = jax.random.bernoulli(key, 1 - _DROPPED, (*features.shape[:2], 1, 1, features.shape[-1]))
        features *= kept / (1 - _DROPPED)
    maps = jnp.moveaxis(batch["maps"].astype(jnp.float32) / 255, 1, -1)
    maps = jax.image.resize(maps, (len(maps), SIDE, SIDE, 2), "linear")
    return network(features, batch["picture"].astype(jnp.float32) / 255, maps)


def held_out_error(run: Any, state: Any, files: list[Path]) -> tuple[float, float]:
    """Return the mean errors, in the band of exact alphas, of the network and of the mean of its two input maps."""
    errors = []
    for path in files[:24]:
        view = np.load(path)
        alpha, weight = view["alpha"] / 255.0, view["weight"] / 255.0
        band = (alpha > 0.02) & (alpha < 0.98) & (weight > 0.99)
        if band.sum() < 200:
            continue
        batch = together([{**{n: view[n] for n in view}, "features": _grid(view["features"])}])
        known = np.asarray(
            jax.image.resize(jnp.asarray(batch["maps"][0], jnp.float32) / 255, (2, SIDE, SIDE), "linear")
        ).mean(0)
        errors.append([np.abs(made - alpha)[band].mean() for made in (np.asarray(run(state, batch))[0], known)])
    mean = np.mean(errors, axis=0) if errors else np.full(2, np.nan)
    return float(mean[0]), float(mean[1])


def _grid(features: np.ndarray) -> np.ndarray:
    return features.reshape(len(features), GRID, GRID, -1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("views", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    arguments = parser.parse_args()
    arguments.run.mkdir(parents=True, exist_ok=True)
    graph, state = nnx.split(SoftAlpha(rngs=nnx.Rngs(0)))
    rate = rate_of(arguments.steps)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(rate, weight_decay=DECAY))

    @jax.jit
    def step(state: Any, memory: Any, average: Any, batch: Batch, key: Array) -> tuple[Any, Any, Any, Array]:
        truth, weight = (jnp.asarray(batch[name], jnp.float32) / 255 for name in ("alpha", "weight"))

        def loss(values: Any) -> Array:
            return loss_of(answer(nnx.merge(graph, values), batch, key), truth, weight)

        value, gradient = jax.value_and_grad(loss)(state)
        update, memory = optimiser.update(gradient, memory, state)
        state = optax.apply_updates(state, update)
        average = jax.tree.map(lambda a, b: AVERAGED * a + (1 - AVERAGED) * b, average, state)
        return state, memory, average, value

    run = jax.jit(lambda values, batch: answer(nnx.merge(graph, values), batch, None))
    kept = {"state": state, "memory": optimiser.init(state), "average": state}
    number, file = 0, arguments.run / "state.msgpack"
    leaves, shape = jax.tree.flatten(kept)
    if file.exists():
        restored = serialization.msgpack_restore(file.read_bytes())
        number, leaves = int(restored["step"]), [restored["leaves"][str(k)] for k in range(len(leaves))]
        kept = jax.tree.unflatten(shape, leaves)
    views, start, losses = Views(arguments.views), time.monotonic(), []
    views.look()
    ended = number >= arguments.steps
    while not ended:
        batch = views.batch(np.random.default_rng([number, 1]))
        kept["state"], kept["memory"], kept["average"], value = step(
            kept["state"], kept["memory"], kept["average"], batch, jax.random.fold_in(jax.random.key(0), number)
        )
        losses.append(float(value))
        number += 1
        ended = number >= arguments.steps or time.monotonic() - start >= arguments.seconds
        if number % SAVE_EVERY == 0 or ended:
            saved = {str(k): np.asarray(leaf) for k, leaf in enumerate(jax.tree.leaves(kept))}
            unfinished = file.with_suffix(".unfinished")
            unfinished.write_bytes(serialization.msgpack_serialize({"step": number, "leaves": saved}))
            unfinished.replace(file)
            save_network(kept["average"], arguments.run / "average.safetensors")
            made, known = held_out_error(run, kept["average"], views.held_out)
            print(
                f"{number} loss {np.mean(losses):.4f} band {made:.4f} (known maps {known:.4f}) views "
                f"{len(views.learned)} {time.monotonic() - start:.0f} s",
                flush=True,
            )
            losses = []


if __name__ == "__main__":
    main()
