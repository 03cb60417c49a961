"""Train the belief, and the layer that it alone depends on, to leave light that belongs to the scene.

    python -m training.white_balance.scene --material DIR --start average.safetensors --out DIR

All other values stay as they are, so that the estimated illuminant does not change. Besides the usual pairs, the
belief sees photographs whose cast belongs to the scene (`evening.txt`, `coloured.txt`). The error that remains at
nine fractions of each cast is computed once, so that an epoch takes a fraction of a second. Samples that are
already in --out are not made again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dioptre import runtime

runtime.prepare_if_needed()

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array
from safetensors.numpy import load_file, save_file

from dioptre.models.white_balance import WhiteBalanceConfig
from dioptre.models.white_balance.module import WhiteBalanceEstimator

from .belief import SHARES
from .head import BLOCK, make_samples
from .loss import corrected, remaining, weighed
from .samples import FINE_SIDE, Material
from .values import go_on_from

BLOCKS = {"evening": 2, "coloured": 2, "seen": 4, "shown": 1, "photographs": 2}  # Numbers of blocks.
WEIGHTS = {"evening": 1.0, "coloured": 0.5}
WEIGHT_WITHOUT_CAST = 1.5  # Weight of other pictures without a cast.
DROPPED = 0.3  # Fraction of the inputs that each step does without: few photographs have a light of their own.
LIMIT = 5.0  # Inputs further from their mean, in standard deviations, are limited.
KEPT = 0.2  # Fraction of the belief before that the new one contains; without it, more wrong settings are left.
AVERAGED = 0.7  # Weight of the values so far in their mean over the epochs.


def evidence(network: WhiteBalanceEstimator, path: Path) -> dict[str, np.ndarray]:
    """Return what the belief learns from in a file of samples.

    Args:
        network: The estimator, with the values that stay.
        path: A file that `head.make_samples` wrote.

    Returns:
        inputs (n, features + reading_width), left (n, 9): the error at each of SHARES, and weight (n,).
    """
    graph, state = nnx.split(network)

    @jax.jit
    def found(state: Any, part: dict[str, Array]) -> tuple[Array, Array]:
        network, features = nnx.merge(graph, state), part["seen"].astype(jnp.float32)
        read, hidden = network.reading(features), nnx.relu(network.hidden2(nnx.relu(network.hidden(features))))
        wrong, right = (part[side].astype(jnp.float32) / 255 for side in ("wrong", "right"))
        left = [remaining(corrected(wrong, share * read.chroma, share * read.residual), right) for share in SHARES]
        return jnp.concatenate([features, hidden], axis=-1), jnp.stack(left, axis=-1)

    with np.load(path) as samples:
        cast = samples["cast"]
        columns = {name: samples[name] for name in ("seen", "wrong", "right")}
    rows = [found(state, {k: v[i : i + 256] for k, v in columns.items()}) for i in range(0, len(cast), 256)]
    inputs, left = (np.concatenate([np.asarray(row[part]) for row in rows]) for part in (0, 1))
    kind = path.stem.split("_")[0]
    weight = np.full(len(cast), WEIGHTS[kind]) if kind in WEIGHTS else np.where(cast, 1.0, WEIGHT_WITHOUT_CAST)
    return {"inputs": inputs, "left": left, "weight": weight.astype(np.float32)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("material", "start", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=1e-3)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    network = WhiteBalanceEstimator(WhiteBalanceConfig(), rngs=nnx.Rngs(0))
    values = load_file(options.start)
    go_on_from(network, values)
    material = Material(options.material, side=FINE_SIDE)
    for kind, blocks in BLOCKS.items():
        make_samples(network, material, options.out, kind, blocks * BLOCK)
    parts = [evidence(network, path) for path in sorted(options.out.glob("*_*.npz"))]
    data = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    mean, deviation = data["inputs"].mean(axis=0), data["inputs"].std(axis=0) + 1e-3
    data["inputs"] = np.clip((data["inputs"] - mean) / deviation, -LIMIT, LIMIT).astype(np.float32)

    width, wide = network.config.scene_width, network.config.reading_width
    seen = data["inputs"].shape[1] - wide
    first, second = jax.random.split(jax.random.key(0))
    layers: Any = {
        "scene": jax.random.normal(first, (seen, width)) / np.sqrt(seen),
        "bias": jnp.zeros(width),
        "belief": jnp.concatenate([jnp.zeros(wide), 0.05 * jax.random.normal(second, (width,))]),
        "constant": jnp.zeros(()),
    }
    steps = options.epochs * (len(data["inputs"]) // options.batch)
    schedule = optax.warmup_cosine_decay_schedule(0, options.rate, 50, steps, options.rate * 0.01)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=0.3))

    @jax.jit
    def step(progress: Any, batch: dict[str, Array], key: Array) -> tuple[Any, Array]:
        layers, state = progress
        kept = jax.random.bernoulli(key, 1 - DROPPED, batch["inputs"].shape) / (1 - DROPPED)

        def loss(layers: Any) -> Array:
            inputs = batch["inputs"] * kept
            scene = nnx.relu(inputs[:, :seen] @ layers["scene"] + layers["bias"])
            belief = jnp.concatenate([inputs[:, seen:], scene], axis=-1) @ layers["belief"] + layers["constant"]
            place = jax.nn.sigmoid(belief)[:, None] * (len(SHARES) - 1)
            near = jnp.maximum(1 - jnp.abs(place - jnp.arange(len(SHARES))), 0)  # Interpolates between SHARES.
            return jnp.average(weighed(jnp.sum(near * batch["left"], axis=-1)), weights=batch["weight"])

        error, gradient = jax.value_and_grad(loss)(layers)
        updates, state = optimiser.update(gradient, state, layers)
        return (optax.apply_updates(layers, updates), state), error

    progress, rng, key = (layers, optimiser.init(layers)), np.random.default_rng(0), jax.random.key(1)
    for epoch in range(options.epochs):
        order = rng.permutation(len(data["inputs"]))
        for rows in order[: len(order) // options.batch * options.batch].reshape(-1, options.batch):
            key, drop = jax.random.split(key)
            progress, error = step(progress, {name: column[rows] for name, column in data.items()}, drop)
        if epoch:
            layers = jax.tree.map(lambda a, b: AVERAGED * a + (1 - AVERAGED) * b, layers, progress[0])
        else:
            layers = progress[0]
        print(f"epoch {epoch + 1}: {float(error):.3f}", flush=True)
    scene, bias, belief, constant = (np.asarray(layers[k]) for k in ("scene", "bias", "belief", "constant"))
    # The network's inputs are not standardised, so its values contain the mean and the deviation.
    values["scene.kernel"] = (scene / deviation[:seen, None]).astype(np.float32)
    values["scene.bias"] = (bias - (mean[:seen] / deviation[:seen]) @ scene).astype(np.float32)
    trained = np.concatenate([belief[:wide] / deviation[seen:], belief[wide:]])[:, None]
    before = np.pad(values["belief.kernel"], ((0, width), (0, 0)))
    values["belief.kernel"] = (KEPT * before + (1 - KEPT) * trained).astype(np.float32)
    level = constant - (mean[seen:] / deviation[seen:]) @ belief[:wide]
    values["belief.bias"] = (KEPT * values["belief.bias"] + (1 - KEPT) * level).astype(np.float32)
    save_file(values, options.out / "average.safetensors")


if __name__ == "__main__":
    main()
