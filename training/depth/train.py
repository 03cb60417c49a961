"""Train the depth head and, on request, the last blocks of the backbone on cached views.

    python -m training.depth.train RUN --set CACHE/nyu:2 --set CACHE/renders:2 --steps 3000

RUN receives log.jsonl, checkpoints of the whole state (run the same command again to resume) and, at the end,
trained.npz: the averaged values by their names in the module. Batches are split over all JAX devices.
"""

import argparse
import json
import time
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
from jax.sharding import NamedSharding, PartitionSpec

from .batches import Part, batches
from .losses import batch_loss
from .network import Network, Values
from .values import load, write_values
from .views import SHAPES


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of a training run.

    Attributes:
        steps: Number of steps.
        rate: Largest learning rate of the head.
        late_rate: Largest learning rate of the late blocks; 0 freezes them.
        decay: Weight decay.
        warm_up: Steps over which the rates rise.
        average: Decay of the running average of the values.
        far: Exponent of the weight of far pixels.
        per_patch: Samples of the output along each side of a patch.
        seed: Seed for shuffling the views.
    """

    steps: int = 3000
    rate: float = 4e-4
    late_rate: float = 0.0
    decay: float = 0.02
    warm_up: int = 60
    average: float = 0.995
    far: float = 0.5
    per_patch: int = 8
    seed: int = 0

    def optimiser(self, trained: Values) -> optax.GradientTransformation:
        """Return the optimiser, with separate rates for the head and the late blocks."""

        def schedule(rate: float) -> optax.Schedule:
            return optax.warmup_cosine_decay_schedule(0, rate, self.warm_up, self.steps, rate * 0.02)

        kinds = {
            "head": optax.adamw(schedule(self.rate), weight_decay=self.decay),
            "late": optax.adamw(schedule(self.late_rate), weight_decay=self.decay),
            "frozen": optax.set_to_zero(),
        }
        late = "late" if self.late_rate else "frozen"
        labels = {name: "head" if name == "head" else late for name in trained}
        return optax.chain(optax.clip_by_global_norm(1.0), optax.partition(kinds, labels))


def make_step(network: Network, recipe: Recipe, optimiser: optax.GradientTransformation) -> Any:
    """Return a jitted step: (state, batch, number, grid) -> state, each picture's trimmed error."""

    def objective(trained: Values, batch: dict[str, Any], grid: tuple[int, int]) -> Any:
        if not recipe.late_rate:
            fixed = {name: jax.lax.stop_gradient(trained[name]) for name in ("norm", "blocks")}
            trained = {**trained, **fixed}
        output = network.disparity(trained, batch["tokens"], grid=grid, per_patch=recipe.per_patch)
        return batch_loss(output, batch)

    @partial(jax.jit, static_argnames="grid", donate_argnums=0)
    def step(state: Any, batch: dict[str, Any], number: Any, *, grid: tuple[int, int]) -> tuple[Any, Any]:
        gradient, errors = jax.grad(objective, has_aux=True)(state["trained"], batch, grid)
        update, moments = optimiser.update(gradient, state["moments"], state["trained"])
        trained = optax.apply_updates(state["trained"], update)
        keep = jnp.minimum(recipe.average, (1 + number) / (10 + number))
        average = jax.tree.map(lambda a, b: a * keep + b * (1 - keep), state["average"], trained)
        return {"trained": trained, "average": average, "moments": moments}, errors

    return step


def train(
    run: Path, parts: list[Part], recipe: Recipe, *, network: Network, trained: Values, save_every: int
) -> Values:
    """Train to the end, from the last checkpoint if there is one; return the running average of the parameters."""
    optimiser = recipe.optimiser(trained)
    devices = jax.sharding.Mesh(np.array(jax.devices()), ("data",))
    everywhere, split = (NamedSharding(devices, PartitionSpec(*axes)) for axes in ((), ("data",)))
    average = jax.tree.map(jnp.copy, trained)
    state = {"trained": trained, "average": average, "moments": optimiser.init(trained)}
    state = jax.device_put(state, everywhere)
    run.mkdir(parents=True, exist_ok=True)
    with ocp.CheckpointManager(
        (run / "checkpoints").resolve(), options=ocp.CheckpointManagerOptions(max_to_keep=2)
    ) as manager:
        start = manager.latest_step() or 0
        if start:
            state = manager.restore(start, args=ocp.args.StandardRestore(state))
        step = make_step(network, recipe, optimiser)
        series = batches(
            parts, steps=recipe.steps, start=start, per_patch=recipe.per_patch, far=recipe.far, seed=recipe.seed
        )
        log, since = Log(run / "log.jsonl", parts), time.process_time()
        for number, (shape, batch) in enumerate(series, start):
            batch = jax.device_put(batch, split)
            state, errors = step(state, batch, float(number), grid=SHAPES[shape])
            log.add(number + 1, np.asarray(errors), seconds=time.process_time() - since)
            if (number + 1) % save_every == 0 or number + 1 == recipe.steps:
                manager.save(number + 1, args=ocp.args.StandardSave(state))
                manager.wait_until_finished()
    return state["average"]


class Log:
    """Writer of each set's mean trimmed error, one line every fifty steps."""

    def __init__(self, path: Path, parts: list[Part]) -> None:
        self.path, self.parts = path, parts
        self.waiting: list[np.ndarray] = []

    def add(self, number: int, errors: np.ndarray, *, seconds: float) -> None:
        """Add the errors of a step; every fifty steps write their means.

        Args:
            number: Number of the step.
            errors: (n,) trimmed error of each picture, in the order of the sets.
            seconds: CPU seconds so far.
        """
        self.waiting.append(errors)
        if number % 50:
            return
        mean, first = np.mean(self.waiting, axis=0), 0
        line: dict[str, Any] = {"step": number, "cpu_s": round(seconds)}
        for part in self.parts:
            line[part.folder.name] = round(float(mean[first : first + part.count].mean()), 4)
            first += part.count
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(line, flush=True)
        self.waiting = []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument(
        "--set", dest="parts", type=Part.parse, action="append", required=True, metavar="CACHE:COUNT"
    )
    parser.add_argument("--start", type=Path, help="another run; the bundled network when left out")
    parser.add_argument("--save-every", type=int, default=250)
    for field in fields(Recipe):
        default = getattr(Recipe(), field.name)
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(default), default=default)
    options = parser.parse_args()
    recipe = Recipe(**{field.name: getattr(options, field.name) for field in fields(Recipe)})
    network, trained = load(options.start)
    average = train(
        options.run, options.parts, recipe, network=network, trained=trained, save_every=options.save_every
    )
    write_values(options.run / "trained.npz", average)


if __name__ == "__main__":
    main()
