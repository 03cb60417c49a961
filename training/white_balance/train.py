"""Train the white-balance estimator; resumes from --out if it contains a checkpoint.

python -m training.white_balance.train --material DIR --out DIR [--steps N]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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
from safetensors.numpy import load_file

from dioptre.colour import linear_rgb_to_xy
from dioptre.imaging.encoding import srgb_to_linear
from dioptre.models.white_balance import WhiteBalanceConfig
from dioptre.models.white_balance.module import WhiteBalanceEstimator
from training.values import load_progress, save_network, save_progress
from training.white_balance.colours import correct, polynomial_terms

from .loss import loss_of_reading
from .samples import D65, Material
from .validation import validation_sets
from .values import go_on_from

SCORED_PIXELS = 400
CHECK_EVERY = 250
AVERAGED = 0.998


def loss_of(
    network: WhiteBalanceEstimator, batch: dict[str, Array], pixels: Array
) -> tuple[Array, dict[str, Array]]:
    """Return the loss of a batch and its terms, at the given pixels."""
    wrong, right = (batch[name].reshape(len(batch[name]), -1, 3)[:, pixels] for name in ("wrong", "right"))
    return loss_of_reading(network(batch["seen"]), wrong, right, batch)


def first_basis(material: Material, size: int) -> np.ndarray:
    """Compute the initial basis of the residual polynomials, with illuminants estimated from the pairs' means.

    Args:
        material: Source of the pairs.
        size: Number of basis vectors.

    Returns:
        The principal directions (size, 27), scaled by their standard deviation.
    """
    rng = np.random.default_rng(2)
    found = []
    for _ in range(20):
        batch = material.batch(rng, 32, kinds=(0.0, 0.7, 0.3, 0.0), noisy=0.0)
        wrong, right = (np.asarray(batch[name]).reshape(32, -1, 3)[:, ::8] for name in ("wrong", "right"))
        means = [np.maximum(np.asarray(srgb_to_linear(jnp.asarray(x))).mean(axis=1), 1e-4) for x in (wrong, right)]
        log = np.log(means[0] / means[1])
        chroma = jnp.asarray(np.clip(log[:, ::2] - log[:, 1:2], -1.5, 1.5))
        white = jnp.stack([jnp.exp(chroma[:, 0]), jnp.ones(32), jnp.exp(chroma[:, 1])], axis=-1)
        adapted = np.asarray(
            jax.vmap(lambda w, xy: correct(w, xy, D65, jnp.zeros((9, 3))))(wrong, linear_rgb_to_xy(white))
        )
        adapted = np.clip(adapted, 0, 1)
        for start, end in zip(adapted, right, strict=True):
            terms = np.asarray(polynomial_terms(start))
            matrix = np.concatenate([terms, 0.5 * np.eye(9)])
            found.append(np.linalg.lstsq(matrix, np.concatenate([end - start, np.zeros((9, 3))]), rcond=None)[0])
    bends = np.stack(found).reshape(len(found), 27)
    _, lengths, directions = np.linalg.svd(bends - np.median(bends, axis=0), full_matrices=False)
    basis: np.ndarray = directions[:size] * (lengths[:size, None] / np.sqrt(len(bends)))
    return basis.astype(np.float32)


def drawn(material: Material, rng: np.random.Generator, size: int) -> Iterator[tuple[Array, dict[str, Array]]]:
    """Yield the pixels to score and a batch, while a thread prepares the next batch."""

    def draw() -> tuple[Array, dict[str, Array]]:
        pixels = jnp.asarray(rng.choice(4096, SCORED_PIXELS, replace=False))
        return pixels, material.batch(rng, size)

    with ThreadPoolExecutor(1) as worker:
        coming = worker.submit(draw)
        while True:
            ready = coming.result()
            coming = worker.submit(draw)
            yield ready


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--material", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="average.safetensors of an earlier run to go on from")
    return parser.parse_args()


def main() -> None:
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)

    training = Material(options.material)
    network = WhiteBalanceEstimator(WhiteBalanceConfig(), rngs=nnx.Rngs(options.seed))
    network.basis.kernel[...] = jnp.asarray(first_basis(training, network.config.bends))
    if options.start:
        go_on_from(network, load_file(options.start))
    graph, state = nnx.split(network)
    schedule = optax.warmup_cosine_decay_schedule(0, options.rate, 300, options.steps, options.rate * 0.01)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=0.02))
    progress: Any = (state, optimiser.init(state), state)
    checkpoint = options.out / "progress.safetensors"
    progress, start = load_progress(progress, checkpoint)

    @jax.jit
    def step(progress: Any, batch: dict[str, Array], pixels: Array) -> tuple[Any, dict[str, Array]]:
        state, optimiser_state, average = progress
        (_, figures), gradient = jax.value_and_grad(
            lambda s: loss_of(nnx.merge(graph, s), batch, pixels), has_aux=True
        )(state)
        updates, optimiser_state = optimiser.update(gradient, optimiser_state, state)
        state = optax.apply_updates(state, updates)
        average = jax.tree.map(lambda a, s: AVERAGED * a + (1 - AVERAGED) * s, average, state)
        return (state, optimiser_state, average), figures

    evaluate = jax.jit(lambda s, batch: loss_of(nnx.merge(graph, s), batch, jnp.arange(0, 4096, 7))[1])
    kept = validation_sets(options.material, options.batch)
    pairs = drawn(training, np.random.default_rng((options.seed, start)), options.batch)
    begun, running = time.process_time(), []
    for i in range(start, options.steps):
        pixels, batch = next(pairs)
        progress, figures = step(progress, batch, pixels)
        jax.block_until_ready(figures)
        running.append(figures)
        if (i + 1) % CHECK_EVERY == 0:
            shown = {k: float(np.mean([f[k] for f in running])) for k in running[0]}
            line: dict[str, Any] = {"step": i + 1, "cpu_s": round(time.process_time() - begun), "training": shown}
            if (i + 1) % (4 * CHECK_EVERY) == 0:
                for name, batches in kept.items():
                    scores = [evaluate(progress[2], batch) for batch in batches]
                    line[name] = {k: round(float(np.mean([s[k] for s in scores])), 3) for k in scores[0]}
            print(json.dumps(line), flush=True)
            running = []
            save_progress(progress, checkpoint, step=i + 1)
            save_network(progress[2], options.out / "average.safetensors")


if __name__ == "__main__":
    main()
