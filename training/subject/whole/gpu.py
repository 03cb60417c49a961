"""Train the network for whole subjects from packs: on a GPU in ten minutes, or on a processor in the background.

    python -m training.subject.whole.gpu RUN --pack PACK.npz … --minutes 10 [--start bundled]

Only this checkout (with weights/) and the packs of `pack.py` are needed. All pictures lie in the device's memory,
and every view is drawn there (`views.py`). RUN receives the running average of the values
(`values.safetensors.xz`), the overlap (IoU) of every held-out picture (`held-out.json`), and the state of the run,
from which the same command continues. The first step takes a minute and a half to compile on a GPU;
JAX_COMPILATION_CACHE_DIR keeps the program for the next run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from training.values import load_progress, save_progress

from . import pack, views
from .network import SIDE_PX, Values, backbone, bundled, decoded, features, maps, new, prepared, store, stored

SHARES = {
    "ecssd": 26, "voc": 18, "people": 9, "couples": 6, "cats": 6, "wild": 5, "davis": 4, "human": 3, "horses": 2,
    "flowers": 2, "cows": 1,
}  # fmt: skip
"""Relative share of each source in a batch."""

_EXACT = ("ecssd", "davis", "horses")  # sources whose outlines are accurate to a pixel
_DROPPED = 0.1  # share of the features' channels that are dropped
_AT_ONCE = 16  # held-out pictures that are measured at once
_SAVE_EVERY_S = 120


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of a training run.

    Attributes:
        minutes: duration; the learning rates follow the clock, so that the schedule ends on time.
        steps: most steps.
        batch: views in a batch.
        side: side of a view in pixels, a multiple of the patch size and of 8.
        rate: largest learning rate of the head.
        adapters_rate: the same of the changes of the backbone.
        average: decay of the running average of the values.
        seed: seed for the values and the views.
    """

    minutes: float = 10
    steps: int = 10**9
    batch: int = 64
    side: int = SIDE_PX
    rate: float = 1.2e-3
    adapters_rate: float = 5e-4
    average: float = 0.998
    seed: int = 0


def loss(trained: Values, frozen: Values, key: jax.Array, batch: views.Batch) -> jax.Array:
    """Return cross entropy plus a soft intersection-over-union loss, at full resolution and at an eighth of it."""
    picture, mask, weight = batch
    x = prepared(picture)
    taps = features(frozen, trained["adapters"], x)
    taps = taps * jax.random.bernoulli(key, 1 - _DROPPED, (*taps.shape[:2], 1, taps.shape[-1])) / (1 - _DROPPED)
    total = jnp.float32(0)
    fine, coarse = decoded(trained, taps, x)
    small = views.shrunk(mask, 8), views.shrunk(weight, 8)
    least = small[0][0].size / 1000
    for share, logits, (m, w) in ((1.0, fine, (mask, weight)), (0.3, coarse, small)):
        entropy = jnp.mean(w * (jnp.logaddexp(0, logits) - m * logits))
        inside, known = jax.nn.sigmoid(logits), jnp.minimum(w, 1)
        both = jnp.sum(known * inside * m, (1, 2))
        either = jnp.sum(known * (inside + m - inside * m), (1, 2))
        total += share * (entropy + 0.6 * jnp.mean(1 - (both + least) / (either + least)))
    return total


def schedule(share: float, step: int) -> float:
    """Return the learning rate as a fraction of its maximum: a short rise, then half a cosine."""
    return min(1.0, (step + 1) / 150) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * share)))


def optimiser(recipe: Recipe, trained: Values) -> optax.GradientTransformation:
    """Return the optimiser with the largest learning rates; the chance, fitted afterwards, keeps its values."""
    kinds = {
        name: optax.adamw(rate, b2=0.99, weight_decay=0.02)
        for name, rate in (("adapters", recipe.adapters_rate), ("head", recipe.rate))
    }
    labels = {name: name if name in ("adapters", "chance") else "head" for name in trained}
    kinds["chance"] = optax.set_to_zero()
    return optax.chain(optax.clip_by_global_norm(1.0), optax.partition(kinds, labels))


def make_step(optimise: optax.GradientTransformation) -> Callable[..., tuple[Any, jax.Array]]:
    """Return a jitted step: (state, backbone, batch, key, (rate, decay of the average)) -> state, loss."""

    @partial(jax.jit, donate_argnums=0)
    def step(state: Any, frozen: Values, batch: views.Batch, key: jax.Array, pace: Any) -> tuple[Any, jax.Array]:
        rate, decay = pace
        value, gradient = jax.value_and_grad(loss)(state["trained"], frozen, key, batch)
        update, moments = optimise.update(gradient, state["moments"], state["trained"])
        trained = optax.apply_updates(state["trained"], jax.tree.map(lambda u: u * rate, update))
        average = jax.tree.map(lambda a, b: a * decay + b * (1 - decay), state["average"], trained)
        return {"trained": trained, "average": average, "moments": moments}, value

    return step


def train(run: Path, data: pack.Data, recipe: Recipe, *, start: Values | None = None) -> list[float]:
    """Train until the time is up, measure the averaged values, and return the loss of each step of this call.

    Args:
        run: folder of the run; one that has begun is continued.
        data: the decoded packs.
        recipe: the settings.
        start: values to begin with instead of random ones.
    """
    run.mkdir(parents=True, exist_ok=True)
    frozen, trained = backbone(recipe.side), new(recipe.seed) if start is None else start
    optimise = optimiser(recipe, trained)
    state = {"trained": trained, "average": jax.tree.map(jnp.copy, trained), "moments": optimise.init(trained)}
    (state, before_s), number = load_progress((state, jnp.float32(0)), run / "state.safetensors")
    step, on_device = make_step(optimise), views.on_device(data, SHARES, _EXACT)
    began = saved = time.monotonic()
    losses: list[jax.Array] = []
    while number < recipe.steps:
        seconds = float(before_s) + time.monotonic() - began
        if (share := seconds / (60 * recipe.minutes)) >= 1:
            break
        drawn, dropped = jax.random.split(jax.random.fold_in(jax.random.key(recipe.seed), number))
        batch = views.draw(drawn, on_device, side=recipe.side, count=recipe.batch)
        decay = min(recipe.average, (1 + number) / (10 + number))
        pace = np.float32(schedule(share, number)), np.float32(decay)
        state, value = step(state, frozen, batch, dropped, pace)
        number += 1
        losses.append(value.block_until_ready() if number % 4 == 0 else value)
        if len(losses) == 1:  # Compiling is no part of the time.
            value.block_until_ready()
            began = time.monotonic()
        if number % 100 == 0:
            print(f"step {number}, {seconds:.0f} s, loss {np.mean(np.array(losses[-100:])):.4f}", flush=True)
        if time.monotonic() - saved > _SAVE_EVERY_S:
            save_progress((state, np.float32(seconds)), run / "state.safetensors", step=number)
            saved = time.monotonic()
    seconds = float(before_s) + time.monotonic() - began
    save_progress((state, np.float32(seconds)), run / "state.safetensors", step=number)
    store(run / "values.safetensors.xz", state["average"])
    report(run / "held-out.json", held_out(state["average"], frozen, data))
    return [float(value) for value in losses]


def held_out(values: Values, frozen: Values, data: pack.Data) -> dict[str, float]:
    """Return the overlap (IoU) of each held-out picture's subject, by name."""
    overlaps = {}
    which = np.flatnonzero(data.held_out)
    for first in range(0, len(which), _AT_ONCE):
        some = which[first : first + _AT_ONCE]
        coverage, _ = maps(values, frozen, jnp.float32(data.pictures[some]) / 255)
        for index, inside in zip(some, np.asarray(coverage) > 0.5, strict=True):
            true, known = data.labels[index] == pack.INSIDE, data.labels[index] != pack.UNKNOWN
            both, either = (inside & true & known).sum(), ((inside | true) & known).sum()
            overlaps[data.names[index]] = round(float(both / max(either, 1)), 4)
    return overlaps


def report(file: Path, overlaps: dict[str, float]) -> None:
    """Write the overlaps to a file, and print the mean of each source and that of its worst quarter."""
    file.write_text(json.dumps(overlaps), encoding="utf-8")
    for source in sorted({name.split("/")[0] for name in overlaps}):
        some = np.sort([value for name, value in overlaps.items() if name.startswith(f"{source}/")])
        worst = some[: max(1, len(some) // 4)].mean()
        print(f"{source}: {some.mean():.4f}, worst quarter {worst:.4f}, {len(some)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--pack", type=Path, nargs="+", required=True)
    parser.add_argument("--start", help='begin with a VALUES.safetensors.xz, or with "bundled" values')
    for field in fields(Recipe):
        default = getattr(Recipe(), field.name)
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(default), default=default)
    options = parser.parse_args()
    recipe = Recipe(**{field.name: getattr(options, field.name) for field in fields(Recipe)})
    start = options.start and (bundled() if options.start == "bundled" else stored(Path(options.start)))
    train(options.run, pack.read(options.pack, recipe.side), recipe, start=start)


if __name__ == "__main__":
    main()
