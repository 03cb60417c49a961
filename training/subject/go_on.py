"""Continue the training of the head on views of `masked_views.py`, even while these are still being written.

    python -m training.subject.go_on VIEWS OUT.safetensors --start HEAD.safetensors [--rank K --ranks N]

HEAD is a file written by `train.py`, this script or `bundled.py`. Several processes, each with its own rank, take
STEPS_A_ROUND steps on different views; then all continue from the mean of their values.
"""

from __future__ import annotations

import argparse
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

from .continuing import Views, mean_of_all
from .loss import Batch, loss_of

ROUNDS, STEPS_A_ROUND, BATCH = 50, 4, 5
RATE, WARM_UP, LAST_RATE, DECAY, AVERAGED = 1e-3, 5, 1e-5, 0.05, 0.9
SAVE_EVERY = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("views", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--rate", type=float, default=RATE, help="the highest")
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--ranks", type=int, default=1)
    options = parser.parse_args()
    shared = options.out.with_suffix(".shared")
    shared.mkdir(parents=True, exist_ok=True)
    views = Views(options.views, np.random.default_rng(options.rank))
    graph, state = nnx.split(SubjectHead(SubjectConfig(), rngs=nnx.Rngs(0)))
    state = load_network(state, options.start)
    steps = options.rounds * STEPS_A_ROUND
    rate = optax.warmup_cosine_decay_schedule(
        0, options.rate, min(WARM_UP * STEPS_A_ROUND, steps // 10), steps, LAST_RATE
    )
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(rate, weight_decay=DECAY))

    @jax.jit
    def step(state: Any, memory: Any, batch: Batch, key: Array) -> tuple[Any, Any, Array]:
        loss, gradient = jax.value_and_grad(lambda s: loss_of(nnx.merge(graph, s), batch, key))(state)
        update, memory = optimiser.update(gradient, memory, state)
        return optax.apply_updates(state, update), memory, loss

    memory, average, losses = optimiser.init(state), state, []
    key = jax.random.key(1000 + options.rank)
    for number in range(1, options.rounds + 1):
        for _ in range(STEPS_A_ROUND):
            key, now = jax.random.split(key)
            state, memory, loss = step(state, memory, views.batch(BATCH), now)
            losses.append(float(loss))
        state = mean_of_all(state, shared, number=number, rank=options.rank, ranks=options.ranks)
        keep = min(AVERAGED, number / (number + 4))
        average = jax.tree.map(lambda a, b, k=keep: k * a + (1 - k) * b, average, state)
        if number % SAVE_EVERY == 0 or number == options.rounds:
            views.look_again()
            if options.rank == 0:
                print(f"{number} loss {np.mean(losses):.4f}", flush=True)
                save_network(average, options.out)
            losses = []


if __name__ == "__main__":
    main()
