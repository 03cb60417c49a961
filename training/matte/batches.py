"""Load batches of views on demand, mirrored and brightened or tinted at random."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from .network import GRID

BATCH = 4
_HELD_OUT = 16  # The last of every 16 views is held out.
_BLIND = 0.1  # Fraction of the views in which one of the two networks' maps is blanked.

Batch = dict[str, np.ndarray]


class Views:
    """The views of a folder, read on demand."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._looked = folder, 0.0
        self.learned: list[Path] = []
        self.held_out: list[Path] = []

    def look(self) -> None:
        """Update the lists of files, at most once a minute."""
        if time.monotonic() - self._looked < 60 and self.learned:
            return
        self._looked = time.monotonic()
        files = sorted(self._folder.glob("[0-9]*.npz"))
        self.held_out = [path for path in files if int(path.stem) % _HELD_OUT == _HELD_OUT - 1]
        self.learned = [path for path in files if int(path.stem) % _HELD_OUT != _HELD_OUT - 1]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Return a random batch of the views to learn from."""
        self.look()
        return together(
            [turned(np.load(self.learned[k]), rng) for k in rng.integers(len(self.learned), size=BATCH)]
        )


def turned(view: Any, rng: np.random.Generator) -> Batch:
    """Return a view with random changes: mirroring, brightness, tint, and sometimes one network's map blanked."""
    made = {name: view[name] for name in view}
    grid = made["features"].reshape(len(made["features"]), GRID, GRID, -1)
    if rng.random() < 0.5:
        grid = grid[:, :, ::-1]
        made |= {name: made[name][:, ::-1] for name in ("picture", "alpha", "weight")}
        made["maps"] = made["maps"][:, :, ::-1]
    light = np.clip(made["picture"] / 255.0 * rng.uniform(0.8, 1.2) * rng.uniform(0.93, 1.07, 3), 0, 1)
    made["picture"] = np.round(255 * light).astype(np.uint8)
    if rng.random() < _BLIND:
        made["maps"] = made["maps"].copy()
        made["maps"][rng.integers(2)] = 127
    made["features"] = grid
    return made


def together(views: list[Batch]) -> Batch:
    """Stack views into a batch."""
    return {name: np.stack([view[name] for view in views]) for name in views[0]}
