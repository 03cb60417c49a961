"""Train the whole network, including the backbone, on one machine with GPUs, from a packed file.

    python -m training.depth.gpu RUN --pack PACK.npz --minutes 20

Only this checkout (with weights/) and the pack are needed. Worker processes draw the views; batches are split over
all GPUs. RUN receives log.jsonl and, every two minutes and at the end, the averaged values as float16 in
values-N.npz files of at most 15 MiB each. `--values RUN` of `evaluate.py` and `export.py` reads them.
"""

import argparse
import json
import time
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import grain
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import NamedSharding, PartitionSpec

from dioptre.models.loading import load_model
from dioptre.models.registry import IMAGENET_DEVIATION, IMAGENET_MEAN

from . import pack
from .losses import batch_loss
from .network import Values
from .values import write_pieces
from .views import LARGE_SHAPES, SHAPES, draw, lesson

_SAVE_EVERY_S = 120
_TRIES = 5  # Number of attempts to draw a view that is not flat, before the largest crop is used.
_FAR = 0.5  # Exponent of the weight of far pixels.
_ENOUGH_ROUNDS = 10**6  # Without an argument, repeat() makes the data set's length overflow.


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of a training run.

    Attributes:
        seconds: Duration of the training; the learning rates follow the clock, so the schedule ends on time.
        batch: Pictures in a batch.
        rate: Largest learning rate of the head.
        backbone_rate: Largest learning rate of the last block.
        depth_decay: Learning rate of each block divided by that of the block after it.
        large: Fraction of the batches whose views have one of the larger shapes.
        decay: Weight decay.
        average: Decay of the running average of the network's values.
        workers: Processes that draw views.
        seed: Seed for drawing and shuffling the views.
    """

    seconds: float = 1200
    batch: int = 48
    rate: float = 2e-4
    backbone_rate: float = 4e-5
    depth_decay: float = 0.87
    large: float = 0.35
    decay: float = 0.02
    average: float = 0.999
    workers: int = 12
    seed: int = 0


class Views(grain.transforms.RandomMap):
    """Transform from a packed picture to a random view: `srgb` and the values of `lesson`."""

    def __init__(self, shape: str) -> None:
        self.shape = shape

    def random_map(self, element: pack.Picture, rng: np.random.Generator) -> dict[str, Any]:
        source = element.source()
        view = next(
            (one for one in (draw(rng, source, shape=self.shape) for _ in range(_TRIES)) if one.teaches), None
        )
        if view is None:
            view = draw(rng, source, shape=self.shape, least=1.0)
        taught = lesson(view.disparity, exact=element.exact, measured=element.measured, far=_FAR)
        return {"srgb": view.srgb, **taught}


def series(pictures: list[pack.Picture], recipe: Recipe, shape: str) -> Any:
    """Return an endless iterator of batches of one shape."""
    drawn = (
        grain.MapDataset.source(pictures)
        .seed(recipe.seed)
        .shuffle()
        .repeat(_ENOUGH_ROUNDS)
        .random_map(Views(shape))
    )
    batches = drawn.batch(recipe.batch).to_iter_dataset()
    if recipe.workers:
        batches = batches.mp_prefetch(grain.MultiprocessingOptions(num_workers=recipe.workers))
    return iter(batches)


def optimiser(recipe: Recipe, trained: Values) -> optax.GradientTransformation:
    """Return the optimiser with the largest learning rates; `make_step` scales its updates by the clock."""
    kinds = {
        name: optax.chain(optax.adamw(rate, weight_decay=recipe.decay))
        for name, rate in (("head", recipe.rate), ("backbone", recipe.backbone_rate))
    }
    return optax.chain(optax.clip_by_global_norm(1.0), optax.partition(kinds, {name: name for name in trained}))


def make_step(graph: Any, recipe: Recipe, optimise: optax.GradientTransformation) -> Any:
    """Return a jitted step: (state, batch, rate) -> state, mean trimmed error."""

    def objective(trained: Values, batch: dict[str, Any]) -> Any:
        x = (batch["srgb"].astype(jnp.float32) / 255 - jnp.array(IMAGENET_MEAN)) / jnp.array(IMAGENET_DEVIATION)
        with jax.default_matmul_precision("bfloat16"):
            output = nnx.merge(graph, nnx.State(trained))(x)
        return batch_loss(output, batch)

    @partial(jax.jit, donate_argnums=0)
    def step(state: Any, batch: dict[str, Any], rate: Any) -> tuple[Any, Any]:
        gradient, errors = jax.grad(objective, has_aux=True)(state["trained"], batch)
        update, moments = optimise.update(gradient, state["moments"], state["trained"])
        update = by_depth(jax.tree.map(lambda u: u * rate, update), recipe.depth_decay)
        trained = optax.apply_updates(state["trained"], update)
        average = jax.tree.map(
            lambda a, b: a * recipe.average + b * (1 - recipe.average), state["average"], trained
        )
        return {"trained": trained, "average": average, "moments": moments}, errors.mean()

    return step


def by_depth(update: Values, decay: float) -> Values:
    """Scale the updates down towards the first block, and most at the embedding (Clark et al., ELECTRA, 2020)."""
    backbone = dict(update["backbone"])
    count = jax.tree.leaves(backbone["blocks"])[0].shape[0]
    shares = decay ** jnp.arange(count - 1, -1, -1)

    def each(stacked: jax.Array) -> jax.Array:
        return stacked * shares.reshape(-1, *(1,) * (stacked.ndim - 1))

    for name, values in backbone.items():
        if name == "blocks":
            backbone[name] = jax.tree.map(each, values)
        elif name != "norm":
            backbone[name] = jax.tree.map(lambda u: u * decay**count, values)
    return {**update, "backbone": backbone}


def schedule(share: float) -> float:
    """Return the learning rate as a fraction of its maximum: a short rise, then half a cosine.

    Args:
        share: Fraction of the training time that has passed.
    """
    return min(1.0, 0.02 + share / 0.03) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * share)))


def train(run: Path, pictures: list[pack.Picture], recipe: Recipe, *, graph: Any, values: Values) -> Values:
    """Train until the time is up, save the values regularly, and return their average."""
    run.mkdir(parents=True, exist_ok=True)
    devices = jax.sharding.Mesh(np.array(jax.devices()), ("data",))
    everywhere, split = (NamedSharding(devices, PartitionSpec(*axes)) for axes in ((), ("data",)))
    optimise = optimiser(recipe, values)
    state = {"trained": values, "average": jax.tree.map(jnp.copy, values), "moments": optimise.init(values)}
    state = jax.device_put(state, everywhere)
    step = make_step(graph, recipe, optimise)
    supply = {
        shape: series(pictures, recipe, shape) for shape in (*SHAPES, *(LARGE_SHAPES if recipe.large else ()))
    }
    choices = np.random.default_rng(recipe.seed)
    start, saved, number = time.monotonic(), time.monotonic(), 0
    errors: list[Any] = []
    while (elapsed := time.monotonic() - start) < recipe.seconds:
        shapes = LARGE_SHAPES if choices.random() < recipe.large else SHAPES
        batch = next(supply[str(choices.choice(list(shapes), p=(0.25, 0.3, 0.45)))])
        state, error = step(state, jax.device_put(batch, split), schedule(elapsed / recipe.seconds))
        errors.append(error)
        number += 1
        if number % 100 == 0:
            line = {"step": number, "seconds": round(elapsed), "error": round(float(np.mean(errors)), 4)}
            with (run / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(line, flush=True)
            errors = []
        if time.monotonic() - saved > _SAVE_EVERY_S:
            write_pieces(run, state["average"])
            saved = time.monotonic()
    write_pieces(run, state["average"])
    return state["average"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20)
    for field in fields(Recipe):
        if field.name != "seconds":
            default = getattr(Recipe(), field.name)
            parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(default), default=default)
    options = parser.parse_args()
    chosen = {field.name: getattr(options, field.name) for field in fields(Recipe) if field.name != "seconds"}
    recipe = Recipe(seconds=60 * options.minutes, **chosen)
    loaded = load_model("dioptre-depth-small")
    graph, state = loaded.build()
    values = jax.tree.map(jnp.asarray, nnx.to_pure_dict(state))
    train(options.run, pack.read(options.pack), recipe, graph=graph, values=values)


if __name__ == "__main__":
    main()
