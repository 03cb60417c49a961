"""Train the white-balance estimator; resumes from --out when it holds a checkpoint.

python -m training.white_balance.train --material DIR --out DIR [--steps N]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from dioptre import runtime

runtime.prepare()

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array
from safetensors.numpy import load_file, save_file

from dioptre.checkpoints.load import fill
from dioptre.colour import linear_rgb_to_xy
from dioptre.colour.correction import correct
from dioptre.imaging.encoding import srgb_to_linear
from dioptre.models.white_balance.config import WhiteBalanceConfig
from dioptre.models.white_balance.module import WhiteBalanceEstimator

from .samples import D65, Material

LAB_FROM_LINEAR = np.array(
    [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0177, 0.1095, 0.8729]], np.float32
)  # XYZ relative to D65 white


def lab(srgb_encoded: Array) -> Array:
    """CIELAB, D65; differentiable everywhere."""
    xyz = srgb_to_linear(srgb_encoded) @ LAB_FROM_LINEAR.T
    f = jnp.where(xyz > 216 / 24389, jnp.cbrt(jnp.maximum(xyz, 216 / 24389)), (24389 / 27 * xyz + 16) / 116)
    return jnp.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def corrected(wrong: Array, chroma: Array, residual: Array) -> Array:
    """The wrong pictures, corrected by what the network says."""
    white = jnp.stack([jnp.exp(chroma[:, 0]), jnp.ones(len(chroma)), jnp.exp(chroma[:, 1])], axis=-1)
    return jax.vmap(lambda picture, xy, bend: correct(picture, xy, D65, bend))(
        wrong, linear_rgb_to_xy(white), residual
    )


def remaining(out: Array, right: Array) -> Array:
    """Mean ΔE of every picture: CIELAB distance with large chroma weighed down, close to ΔE2000 on average."""
    first, second = lab(jnp.clip(out, 0, 1)), lab(right)
    chroma = 0.5 * (
        jnp.hypot(first[..., 1] + 1e-3, first[..., 2]) + jnp.hypot(second[..., 1] + 1e-3, second[..., 2])
    )
    weight = 1 / (1 + 0.045 * jax.lax.stop_gradient(chroma))
    difference = first - second
    squared = difference[..., 0] ** 2 + (weight * difference[..., 1]) ** 2 + (weight * difference[..., 2]) ** 2
    return jnp.mean(jnp.sqrt(squared + 1e-4), axis=(1, 2))


def loss_of(network: WhiteBalanceEstimator, batch: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
    chroma, residual, log_error = network(batch["seen"])
    error = remaining(corrected(batch["wrong"], chroma, residual), batch["right"])
    adapted_only = remaining(corrected(batch["wrong"], chroma, jnp.zeros_like(residual)), batch["right"])
    light = jnp.sum(jnp.abs(chroma - batch["chroma"]), axis=-1) * batch["known"]
    confidence = jnp.abs(log_error - jnp.log(jax.lax.stop_gradient(error) + 0.1))
    loss = jnp.mean(error + 0.3 * adapted_only + 4 * light + 0.3 * confidence) + 0.3 * jnp.mean(residual**2)
    figures = {"error": jnp.mean(error), "adapted": jnp.mean(adapted_only), "light": jnp.mean(light)}
    return loss, figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--material", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="average.safetensors of an earlier run")
    parser.add_argument("--everything", action="store_true", help="train on the held-out part too (final weights)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    network = WhiteBalanceEstimator(WhiteBalanceConfig(), rngs=nnx.Rngs(options.seed))
    graph, state = nnx.split(network)
    if options.start:
        begun_from = fill(
            lambda: WhiteBalanceEstimator(WhiteBalanceConfig(), rngs=nnx.Rngs(0)),
            load_file(options.start),
            origin=str(options.start),
        )
        graph, state = nnx.split(begun_from)
    schedule = optax.warmup_cosine_decay_schedule(0, options.rate, 200, options.steps, options.rate * 0.01)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=0.02))
    progress: Any = (state, optimiser.init(state), state)
    start = 0
    checkpoint = options.out / "progress.safetensors"
    if checkpoint.exists():
        leaves, tree = jax.tree.flatten(progress)
        stored = load_file(checkpoint)
        progress = jax.tree.unflatten(tree, [jnp.asarray(stored[str(i)]) for i in range(len(leaves))])
        start = int(stored["step"])

    @jax.jit
    def step(progress: Any, batch: dict[str, Array]) -> tuple[Any, dict[str, Array]]:
        state, optimiser_state, average = progress
        (_, figures), gradient = jax.value_and_grad(lambda s: loss_of(nnx.merge(graph, s), batch), has_aux=True)(
            state
        )
        updates, optimiser_state = optimiser.update(gradient, optimiser_state, state)
        state = optax.apply_updates(state, updates)
        average = jax.tree.map(lambda a, s: 0.998 * a + 0.002 * s, average, state)
        return (state, optimiser_state, average), figures

    evaluate = jax.jit(lambda s, batch: loss_of(nnx.merge(graph, s), batch)[1])
    training = Material(str(options.material), held_out=False)
    held_out = Material(str(options.material), held_out=True)
    if options.everything:
        both = zip(training.rights, held_out.rights, strict=True)
        training.rights = [(np.concatenate([p, q]), np.concatenate([m, n])) for (p, m), (q, n) in both]
    fixed = np.random.default_rng(1)
    validation = [held_out.batch(fixed, options.batch) for _ in range(12)]
    rng = np.random.default_rng((options.seed, start))
    begun, running = time.process_time(), []
    for i in range(start, options.steps):
        progress, figures = step(progress, training.batch(rng, options.batch))
        running.append(figures)
        if (i + 1) % 250 == 0:
            shown = {k: float(np.mean([f[k] for f in running])) for k in running[0]}
            valid = {}
            for which, values in (("average", progress[2]),):
                scores = [evaluate(values, batch) for batch in validation]
                valid[which] = {k: float(np.mean([s[k] for s in scores])) for k in scores[0]}
            line = {
                "step": i + 1,
                "cpu_s": round(time.process_time() - begun),
                "training": shown,
                "held_out": valid,
            }
            print(json.dumps(line), flush=True)
            running = []
            leaves = jax.tree.leaves(progress)
            arrays = {str(n): np.asarray(leaf) for n, leaf in enumerate(leaves)} | {"step": np.array(i + 1)}
            save_file(arrays, checkpoint)
            save_network(progress[2], options.out / "average.safetensors")


def save_network(state: Any, path: Path) -> None:
    """The network's values by their path in the module."""
    flat = nnx.to_flat_state(state)
    save_file({".".join(map(str, name)): np.asarray(value.get_value()) for name, value in flat}, path)


if __name__ == "__main__":
    main()
