"""Train SPAN ×4 further on degraded photographs; resumes from --out if it contains a checkpoint.

python -m training.span.train WHEEL --material DIR --out DIR [--steps N]
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

from dioptre.checkpoints.blueprint import blueprint
from dioptre.models.span import SpanConfig
from dioptre.models.span.module import Span
from training.values import load_progress, save_network, save_progress

from .convert import convert
from .material import HELD_OUT, KINDS, SCALE, Kind, batches, pair, pairs, photographs

CHECK_EVERY = 250
AVERAGED = 0.995


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="the published values")
    parser.add_argument("--material", type=Path, required=True, help="folder of photographs, as PNG")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--variants", type=int, default=6, help="degraded versions of each photograph")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    photos = photographs(options.material)
    rng = np.random.default_rng((options.seed, 1))
    kept = {kind: [pair(photo, kind, rng) for photo in photos[::HELD_OUT]] for kind in KINDS}
    shown = [photo for number, photo in enumerate(photos) if number % HELD_OUT]
    material = pairs(shown, variants=options.variants, seed=options.seed)

    config = SpanConfig(scale=SCALE)
    published = convert(options.wheel, scale=SCALE, channels=config.channels)
    network = blueprint(lambda rngs: Span(config, rngs=rngs)).filled(published, origin=options.wheel.name)
    graph, state = nnx.split(network)
    schedule = optax.warmup_cosine_decay_schedule(0, options.rate, 100, options.steps, options.rate * 0.01)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
    progress: Any = (state, optimiser.init(state), state)
    checkpoint = options.out / "progress.safetensors"
    progress, start = load_progress(progress, checkpoint)

    @jax.jit
    def step(progress: Any, small: Array, large: Array) -> tuple[Any, Array]:
        state, optimiser_state, average = progress
        loss, gradient = jax.value_and_grad(lambda s: jnp.abs(nnx.merge(graph, s)(small) - large).mean())(state)
        updates, optimiser_state = optimiser.update(gradient, optimiser_state, state)
        state = optax.apply_updates(state, updates)
        average = jax.tree.map(lambda a, s: AVERAGED * a + (1 - AVERAGED) * s, average, state)
        return (state, optimiser_state, average), loss

    enlarged = jax.jit(lambda state, small: nnx.merge(graph, state)(small))

    def psnr(state: Any, kind: Kind) -> float:
        errors = [
            np.mean((np.clip(enlarged(state, pair.small[None] / np.float32(255))[0], 0, 1) - pair.large / 255) ** 2)
            for pair in kept[kind]
        ]
        return round(float(np.mean(-10 * np.log10(errors))), 3)

    if not start:
        print(json.dumps({"photographs": len(photos), **{kind: psnr(state, kind) for kind in kept}}), flush=True)
    drawn = batches(material, options.batch, np.random.default_rng((options.seed, start)))
    begun, losses = time.process_time(), []
    for i in range(start, options.steps):
        progress, loss = step(progress, *next(drawn))
        losses.append(float(loss))
        if (i + 1) % CHECK_EVERY == 0:
            line = {"step": i + 1, "cpu_s": round(time.process_time() - begun), "loss": float(np.mean(losses))}
            print(json.dumps(line | {kind: psnr(progress[2], kind) for kind in kept}), flush=True)
            losses = []
            save_progress(progress, checkpoint, step=i + 1)
            save_network(progress[2], options.out / "average.safetensors")


if __name__ == "__main__":
    main()
