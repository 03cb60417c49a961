"""Train the network for whole subjects on one processor core, in the background.

    python -m training.subject.whole.train RUN --pack PACK.npz … --steps 1500 [--start bundled]

RUN receives the running average of the values (`values.safetensors`), the state of the run, from which the same
command continues, and a log. The learning rate is constant after a short rise, and falls over the last quarter of
the steps. So a run can be ended early, by continuing it with fewer steps, or lengthened before it falls.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import network, pack
from .loss import loss
from .network import BACKBONE, Network, bundled, store, stored
from .views import Views

_DROPPED = 0.1  # share of the features' channels that are dropped
_WARM_UP = 40
_SAVE_EVERY_S = 300


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of a training run.

    Attributes:
        steps: number of steps.
        batch: views in a step.
        at_once: views whose gradients are computed together.
        side: side of a view in pixels, a multiple of 168.
        rate: largest learning rate of the head.
        adapters_rate: the same of the changes of the backbone.
        falling: share of the steps in which the rates fall.
        average: decay of the running average of the values.
        seed: seed for the values and the views.
    """

    steps: int = 1500
    batch: int = 16
    at_once: int = 2
    side: int = network.SIDE_PX
    rate: float = 5e-4
    adapters_rate: float = 2e-4
    falling: float = 0.25
    average: float = 0.99
    seed: int = 0


def share_of_rate(number: int, recipe: Recipe) -> float:
    """Return the learning rate of a step as a fraction of its maximum."""
    left = (recipe.steps - number) / max(1.0, recipe.falling * recipe.steps)
    return min(1.0, (number + 1) / _WARM_UP, 0.02 + 0.98 * left)


class Run:
    """A training run and its state."""

    def __init__(self, folder: Path, views: Views, recipe: Recipe, start: dict[str, np.ndarray] | None) -> None:
        """Begin a run, or continue the one that a folder holds.

        Args:
            folder: the run's folder.
            views: drawer of views.
            recipe: the settings.
            start: values to begin with instead of random ones.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.views, self.recipe = folder, views, recipe
        self.network = Network(recipe.seed)
        if start is not None:
            self.network.load(start)
        own = self.network.own
        adapters = [value for name, value in own.items() if name.startswith("adapters")]
        head = [value for name, value in own.items() if name.startswith("head") and "chance" not in name]
        self.optimiser = torch.optim.AdamW(
            [{"params": head, "lr": recipe.rate}, {"params": adapters, "lr": recipe.adapters_rate}],
            betas=(0.9, 0.99),
            weight_decay=0.02,
        )
        self.average = {name: value.detach().clone() for name, value in own.items()}
        self.number, self.cpu_s = 0, 0.0
        if (folder / "state.pt").exists():
            state = torch.load(folder / "state.pt", weights_only=True)
            with torch.no_grad():
                for name, value in own.items():
                    value.copy_(state["own"][name])
            self.optimiser.load_state_dict(state["optimiser"])
            self.average, self.number, self.cpu_s = state["average"], state["number"], state["cpu_s"]

    def step(self) -> float:
        """Make a step and return its loss."""
        recipe = self.recipe
        total = 0.0
        for first in range(0, recipe.batch, recipe.at_once):
            views = [
                self.views.draw(recipe.seed, self.number, n)
                for n in range(first, min(first + recipe.at_once, recipe.batch))
            ]
            picture = _stacked([view.picture for view in views]).permute(0, 3, 1, 2)
            mask, known = _stacked([view.mask for view in views]), _stacked([view.weight for view in views])
            exact = torch.tensor([view.exact for view in views])
            chances = torch.full((len(BACKBONE.taps), len(views), 1, BACKBONE.width), 1 - _DROPPED)
            generator = torch.Generator().manual_seed(self.number * recipe.batch + first + recipe.seed)
            keep = torch.bernoulli(chances, generator=generator) / (1 - _DROPPED)
            fine, coarse = self.network(picture, keep=keep)
            value = loss(fine, coarse, mask, known, exact) * (len(views) / recipe.batch)
            torch.autograd.backward(value)
            total += float(value.detach())
        torch.nn.utils.clip_grad_norm_(self.network.own.values(), 1.0)
        share = share_of_rate(self.number, recipe)
        for group, rate in zip(self.optimiser.param_groups, (recipe.rate, recipe.adapters_rate), strict=True):
            group["lr"] = rate * share
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        decay = min(recipe.average, (1 + self.number) / (10 + self.number))
        for name, value in self.network.own.items():
            self.average[name].lerp_(value.detach(), 1 - decay)
        self.number += 1
        return total

    def save(self) -> None:
        """Save the state and the running average."""
        state: dict[str, Any] = {
            "own": {name: value.detach() for name, value in self.network.own.items()},
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "number": self.number,
            "cpu_s": self.cpu_s,
        }
        partial = self.folder / "state.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "state.pt")
        store(self.folder / "values.safetensors", network.named(self.average))

    def train(self) -> list[float]:
        """Make the remaining steps and return their losses."""
        losses: list[float] = []
        saved, cpu = time.monotonic(), time.process_time() - self.cpu_s
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            while self.number < self.recipe.steps:
                losses.append(self.step())
                self.cpu_s = time.process_time() - cpu
                line = {"step": self.number, "loss": round(losses[-1], 4), "cpu_s": round(self.cpu_s)}
                print(json.dumps(line), file=log, flush=True)
                if self.number % 20 == 0:
                    print(
                        f"step {self.number}, loss {np.mean(losses[-20:]):.4f}, {self.cpu_s:.0f} CPU s", flush=True
                    )
                if time.monotonic() - saved > _SAVE_EVERY_S:
                    self.save()
                    saved = time.monotonic()
        self.save()
        return losses


def _stacked(planes: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(planes)).float() / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--pack", type=Path, nargs="+", required=True)
    parser.add_argument("--start", help='begin with VALUES.safetensors, or with "bundled" values')
    for field in fields(Recipe):
        default = getattr(Recipe(), field.name)
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(default), default=default)
    options = parser.parse_args()
    torch.set_num_threads(1)
    recipe = Recipe(**{field.name: getattr(options, field.name) for field in fields(Recipe)})
    start = options.start and (bundled() if options.start == "bundled" else stored(Path(options.start)))
    views = Views([row for file in options.pack for row in pack.unpacked(file)], side=recipe.side)
    Run(options.run, views, recipe, start or None).train()


if __name__ == "__main__":
    main()
