"""Train the subject head on the views of `views.py`, with the backbone frozen.

python -m training.subject.train VIEWS OUT.safetensors [--steps N] [--start HEAD.safetensors --rate R]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from dioptre import runtime

runtime.prepare()

import jax
import numpy as np
import optax
from flax import nnx
from jax import Array

from dioptre.models.subject.config import SubjectConfig
from dioptre.models.subject.head import SubjectHead
from training.values import load_network, save_network

from .loss import Batch, loss_of

MIXTURE = {"alive": 3, "alive-crops": 1, "things": 1, "things-crops": 2, "objects": 3, "portraits": 1}
"""Number of views of each kind in a batch."""

STEPS, RATE, WARM_UP, LAST_RATE = 2000, 2e-3, 100, 1e-5
DECAY, AVERAGED = 0.05, 0.995
SAVE_EVERY = 500


class Views:
    """All views in memory, by kind."""

    def __init__(self, folder: Path) -> None:
        self._kinds: dict[str, Batch] = {}
        for kind in MIXTURE:
            files = [np.load(path) for path in sorted(folder.glob(f"{kind}-[0-9]*.npz"))]
            if not files:
                raise SystemExit(f"{folder} holds no views of the kind {kind}: run views.py")
            self._kinds[kind] = {name: np.concatenate([file[name] for file in files]) for name in files[0]}

    def batch(self, rng: np.random.Generator) -> Batch:
        """Return a random batch with as many views of each kind as `MIXTURE` specifies."""
        chosen = {kind: rng.integers(0, len(self._kinds[kind]["target"]), count) for kind, count in MIXTURE.items()}
        names = ("features", "picture", "target", "weight")
        return {n: np.concatenate([self._kinds[kind][n][rows] for kind, rows in chosen.items()]) for n in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("views", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--start", type=Path, help="a head to go on from, as this script writes it")
    parser.add_argument("--rate", type=float, default=RATE, help="the highest; to go on, a third of the usual does")
    arguments = parser.parse_args()
    views = Views(arguments.views)
    graph, state = nnx.split(SubjectHead(SubjectConfig(), rngs=nnx.Rngs(0)))
    if arguments.start:
        state = load_network(state, arguments.start)
    warm_up = min(WARM_UP, arguments.steps // 10)
    rate = optax.warmup_cosine_decay_schedule(0, arguments.rate, warm_up, arguments.steps, LAST_RATE)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(rate, weight_decay=DECAY))

    @jax.jit
    def step(state: Any, memory: Any, average: Any, batch: Batch, key: Array) -> tuple[Any, Any, Any, Array]:
        loss, gradient = jax.value_and_grad(lambda s: loss_of(nnx.merge(graph, s), batch, key))(state)
        update, memory = optimiser.update(gradient, memory, state)
        state = optax.apply_updates(state, update)
        average = jax.tree.map(lambda a, b: AVERAGED * a + (1 - AVERAGED) * b, average, state)
        return state, memory, average, loss

    memory, average = optimiser.init(state), state
    rng, key, losses, start = np.random.default_rng(0), jax.random.key(0), [], time.monotonic()
    for number in range(1, arguments.steps + 1):
        key, now = jax.random.split(key)
        state, memory, average, loss = step(state, memory, average, views.batch(rng), now)
        losses.append(loss)
        if number % SAVE_EVERY == 0 or number == arguments.steps:
            print(f"{number} loss {np.mean(losses):.4f} {time.monotonic() - start:.0f} s", flush=True)
            losses = []
            save_network(average, arguments.out)


if __name__ == "__main__":
    main()
