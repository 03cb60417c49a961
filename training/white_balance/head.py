"""Train the layers behind the estimator's convolutions, which stay frozen.

    python -m training.white_balance.head --material DIR --start average.safetensors --out DIR [--samples N]

The convolutions' features of each picture are stored, so that a step over 256 pictures costs no more than one over
a few pictures with the whole network. Samples are added to those already in --out. The result is a blend of the
values of --start and the trained values, because the latter memorise the samples after many epochs. --keep is the
weight of the trained values.
"""

from __future__ import annotations

import argparse
import json
import time
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
from safetensors.numpy import load_file

from dioptre.models.white_balance import WhiteBalanceConfig
from dioptre.models.white_balance.module import WhiteBalanceEstimator
from training.values import save_network

from .loss import loss_of_reading
from .samples import FINE_SIDE, Material
from .values import go_on_from

FROZEN = ("hist_", "heat", "prior", "picture")
PIXELS = 96
MADE_AT_ONCE, SEEN_AT_ONCE = 16, 8  # Batch sizes; small batches fit the processor's caches and are twice as fast.
BLOCK = 2048
# Kind of sample → arguments for `Material.batch`. The kind's position is part of the seed.
KINDS: dict[str, dict[str, Any]] = {
    "seen": {},
    "shown": {"kinds": (0, 0, 1, 0), "photos": 0.3, "native": 1.0},
    "photographs": {"kinds": (0.17, 0.83, 0, 0), "photos": 1.0, "noisy": 0.0},
    "evening": {"kinds": (1.0, 0, 0, 0), "photos": 1.0, "noisy": 0.1, "own": "evening"},
    "coloured": {"kinds": (1.0, 0, 0, 0), "photos": 1.0, "noisy": 0.1, "own": "coloured"},
}
AVERAGED = 0.995


def is_frozen(path: tuple[Any, ...]) -> bool:
    """Return whether a value belongs to the frozen convolutions."""
    return str(path[0]).startswith(FROZEN)


def make_samples(network: WhiteBalanceEstimator, material: Material, folder: Path, kind: str, count: int) -> None:
    """Write files of BLOCK samples each: the convolutions' features, and a few pixels of both pictures of the pair.

    Args:
        network: The estimator.
        material: Source of the pairs.
        folder: Folder of the files. Blocks that it already contains are kept.
        kind: A key of KINDS.
        count: Number of samples.
    """
    graph, state = nnx.split(network)
    seen = jax.jit(lambda s, thumbnails: nnx.merge(graph, s).features(thumbnails))
    for block in range(len(list(folder.glob(f"{kind}_*.npz"))), -(-count // BLOCK)):
        rng = np.random.default_rng((5 + list(KINDS).index(kind), block))
        made: dict[str, list[np.ndarray]] = {}
        for _ in range(BLOCK // MADE_AT_ONCE):
            batch = material.batch(rng, MADE_AT_ONCE, **KINDS[kind])
            pixels = rng.choice(batch["seen"].shape[1] * batch["seen"].shape[2], PIXELS, replace=False)
            row = {part: np.asarray(batch[part]) for part in ("chroma", "known", "cast")}
            parts = np.split(np.asarray(batch["seen"]), MADE_AT_ONCE // SEEN_AT_ONCE)
            row["seen"] = np.concatenate([np.asarray(seen(state, part)).astype(np.float16) for part in parts])
            for side in ("wrong", "right"):
                colours = np.asarray(batch[side]).reshape(MADE_AT_ONCE, -1, 3)[:, pixels]
                row[side] = np.round(255 * colours).astype(np.uint8)
            for part, values in row.items():
                made.setdefault(part, []).append(values)
        columns = {part: np.concatenate(rows) for part, rows in made.items()}
        np.savez(folder / f"{kind}_{block:03}.npz", allow_pickle=False, **columns)
        print(json.dumps({"samples": (block + 1) * BLOCK, "cpu_s": round(time.process_time())}), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("material", "start", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=40 * BLOCK)
    parser.add_argument("--shown", type=int, default=0, help="so many more, of raws just shown alone")
    parser.add_argument(
        "--photographs", type=int, default=0, help="so many more, of photographs with settings alone"
    )
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=float, default=1.0)
    return parser.parse_args()


def main() -> None:
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)

    network = WhiteBalanceEstimator(WhiteBalanceConfig(), rngs=nnx.Rngs(options.seed))
    go_on_from(network, load_file(options.start))
    material = Material(options.material, side=FINE_SIDE)
    counts = {"seen": options.samples, "shown": options.shown, "photographs": options.photographs}
    for kind, count in counts.items():
        make_samples(network, material, options.out, kind, count)
    blocks = [dict(np.load(path)) for path in sorted(options.out.glob("*_*.npz"))]
    data = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}

    trained = nnx.All(nnx.Param, lambda path, _: not is_frozen(path))
    parts: Any = nnx.split(network, trained, ...)
    graph, state, rest = parts
    steps = options.epochs * (len(data["seen"]) // options.batch)
    schedule = optax.warmup_cosine_decay_schedule(0, options.rate, 100, steps, options.rate * 0.01)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=0.05))

    @jax.jit
    def step(progress: Any, rest: Any, batch: dict[str, Array]) -> tuple[Any, dict[str, Array]]:
        state, optimiser_state, average = progress

        def loss(s: Any) -> tuple[Array, dict[str, Array]]:
            read = nnx.merge(graph, s, rest).reading(batch["seen"].astype(jnp.float32))
            wrong, right = (batch[name].astype(jnp.float32) / 255 for name in ("wrong", "right"))
            return loss_of_reading(read, wrong, right, batch)

        (_, figures), gradient = jax.value_and_grad(loss, has_aux=True)(state)
        updates, optimiser_state = optimiser.update(gradient, optimiser_state, state)
        state = optax.apply_updates(state, updates)
        average = jax.tree.map(lambda a, s: AVERAGED * a + (1 - AVERAGED) * s, average, state)
        return (state, optimiser_state, average), figures

    first = state
    progress: Any = (state, optimiser.init(state), state)
    rng = np.random.default_rng(options.seed)
    for epoch in range(options.epochs):
        order = rng.permutation(len(data["seen"]))
        order = order[: len(order) // options.batch * options.batch].reshape(-1, options.batch)
        running = []
        for rows in order:
            progress, figures = step(progress, rest, {name: values[rows] for name, values in data.items()})
            running.append(figures)
        shown = {k: round(float(np.mean([f[k] for f in running])), 3) for k in running[0]}
        print(json.dumps({"epoch": epoch + 1, "cpu_s": round(time.process_time()), "training": shown}), flush=True)
        kept = jax.tree.map(lambda a, b: a + options.keep * (b - a), first, progress[2])
        network = nnx.merge(graph, kept, rest)
        save_network(nnx.state(network), options.out / "average.safetensors")


if __name__ == "__main__":
    main()
