"""Train the sharpening network; resumes from OUT if it contains a checkpoint.

python -m training.sharpening.train PICTURES OUT [--steps N]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from dioptre import runtime

runtime.prepare()

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from PIL import Image

from dioptre.models.sharpening.config import SharpeningConfig
from dioptre.models.sharpening.module import SharpeningNetwork
from training.values import load_progress, save_network, save_progress

from .pictures import STEPS_PER_LEVEL

PATCH_PX, BATCH = 64, 32
VALIDATION_PX, VALIDATION_SHARE = 100, 12  # every twelfth photograph is for validation
CHECK_EVERY = 500
DEVIATION = 0.02**0.5  # of the estimate of a patch with a typical weight
LOG_WEIGHTS = (-3.0, 4.0)  # range, relative to the typical weight, in which weights are scored
TYPICAL_LOG_WEIGHT = 6.0  # of the sum over a patch


class Picture(NamedTuple):
    """Luma (h, w), divided by 255, and the logarithm of its gain."""

    luma: np.ndarray
    gain: float


def loss_of(network: SharpeningNetwork, patches: jax.Array, gains: jax.Array) -> jax.Array:
    """Return the negative log likelihood of the gains, as far as it depends on the network."""
    found, log_weight = whole(network, patches)
    log_weight = jnp.clip(log_weight - TYPICAL_LOG_WEIGHT, *LOG_WEIGHTS)
    return jnp.mean(jnp.exp(log_weight) * ((found - gains) / DEVIATION) ** 2 - log_weight)


def whole(network: SharpeningNetwork, patches: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the weighted mean of the estimates of each patch, and the logarithm of the sum of their weights."""
    values, weights = network(patches)
    total = weights.sum((1, 2))
    return (values * weights).sum((1, 2)) / total, jnp.log(total)


def read(folder: Path) -> tuple[list[Picture], list[Picture]]:
    """Return the pictures for training and those for validation."""
    gains: dict[str, float] = json.loads((folder / "gains.json").read_text())
    sets: tuple[list[Picture], list[Picture]] = [], []
    for name, gain in gains.items():
        luma = np.asarray(Image.open(folder / name), np.float32) / (255 * STEPS_PER_LEVEL)
        if min(luma.shape) >= VALIDATION_PX:
            photo = name.partition("-")[2]
            sets[sum(photo.encode()) % VALIDATION_SHARE == 0].append(Picture(luma, gain))
    return sets


def batches(pictures: Sequence[Picture], rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield random patches without their mean, and their gains, while a thread prepares the next."""

    def draw() -> tuple[np.ndarray, np.ndarray]:
        drawn = [pictures[i] for i in rng.integers(len(pictures), size=BATCH)]
        return np.stack([_patch(one.luma, rng) for one in drawn]), np.array([one.gain for one in drawn], np.float32)

    with ThreadPoolExecutor(1) as worker:
        coming = worker.submit(draw)
        while True:
            ready = coming.result()
            coming = worker.submit(draw)
            yield ready


def _patch(luma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    row, column = (int(rng.integers(side - PATCH_PX + 1)) for side in luma.shape)
    patch = luma[row : row + PATCH_PX, column : column + PATCH_PX]
    patch = np.rot90(patch, int(rng.integers(4)))
    patch = patch[::-1] if rng.random() < 0.5 else patch
    return patch - patch.mean()


def _centre(luma: np.ndarray) -> np.ndarray:
    row, column = ((side - VALIDATION_PX) // 2 for side in luma.shape)
    centre: np.ndarray = luma[row : row + VALIDATION_PX, column : column + VALIDATION_PX]
    return centre - centre.mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=12_000)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    training, kept = read(options.pictures)
    graph, state = nnx.split(SharpeningNetwork(SharpeningConfig(), rngs=nnx.Rngs(0)))
    schedule = optax.warmup_cosine_decay_schedule(0, 3e-3, 200, options.steps, 3e-5)
    optimiser = optax.chain(optax.clip_by_global_norm(5.0), optax.adam(schedule, b2=0.99))
    progress: Any = (state, optimiser.init(state))
    checkpoint = options.out / "progress.safetensors"
    progress, start = load_progress(progress, checkpoint)

    @jax.jit
    def step(progress: Any, patches: jax.Array, gains: jax.Array) -> tuple[Any, jax.Array]:
        state, optimiser_state = progress
        loss, gradient = jax.value_and_grad(lambda s: loss_of(nnx.merge(graph, s), patches, gains))(state)
        updates, optimiser_state = optimiser.update(gradient, optimiser_state, state)
        return (optax.apply_updates(state, updates), optimiser_state), loss

    estimate = jax.jit(lambda state, patches: whole(nnx.merge(graph, state), patches)[0])
    centres, true = np.stack([_centre(one.luma) for one in kept]), np.array([one.gain for one in kept])
    pairs, losses = batches(training, np.random.default_rng((1, start))), []
    for i in range(start, options.steps):
        progress, loss = step(progress, *next(pairs))
        losses.append(float(loss))
        if (i + 1) % CHECK_EVERY == 0:
            error = np.asarray(estimate(progress[0], centres)) - true
            shown = {
                "step": i + 1,
                "loss": np.mean(losses),
                "rmse": np.sqrt(np.mean(error**2)),
                "spread": true.std(),
            }
            print(json.dumps({name: round(float(value), 3) for name, value in shown.items()}), flush=True)
            losses.clear()
            save_progress(progress, checkpoint, step=i + 1)
            save_network(progress[0], options.out / "network.safetensors")


if __name__ == "__main__":
    main()
