"""Load views from files, and average the network parameters that several processes have trained, for `go_on.py`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from .loss import Batch

MIXTURE = {
    "voc": 4.0,
    "horse": 1.0,
    "street": 0.6,
    "human": 1.0,
    "coco": 1.6,
    "cococlose": 0.4,
    "things": 1.2,
    "stamp": 1.2,
    "self": 1.0,
}
"""Relative frequency of each kind of view."""

_PATIENCE_S = 300
_PLANES = ("picture", "target", "weight", "edges")


class Views:
    """The views of a folder, read on demand."""

    def __init__(self, folder: Path, rng: np.random.Generator) -> None:
        self._folder, self._rng = folder, rng
        self.look_again()

    def look_again(self) -> None:
        """Update the lists of files."""
        self._kinds: dict[str, list[Path]] = {}
        for path in sorted(self._folder.glob("*.npz")):
            self._kinds.setdefault(path.name.split("-")[0], []).append(path)

    def batch(self, count: int) -> Batch:
        """Return `count` random views, drawn by the weights of `MIXTURE` and mirrored half of the time."""
        kinds = [kind for kind in MIXTURE if self._kinds.get(kind)]
        shares = np.array([MIXTURE[kind] for kind in kinds])
        rows = []
        for kind in self._rng.choice(kinds, count, p=shares / shares.sum()):
            with np.load(self._kinds[kind][self._rng.integers(len(self._kinds[kind]))]) as view:
                row = dict(view)
            rows.append(mirrored(row) if self._rng.random() < 0.5 else row)
        return {name: np.stack([row[name] for row in rows]) for name in ("features", *_PLANES)}


def mirrored(row: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Mirror a view left to right; mirrored features are nearly those of the mirrored picture."""
    features = row["features"]
    grid = round(features.shape[1] ** 0.5)
    turned = features.reshape(len(features), grid, grid, -1)[:, :, ::-1].reshape(features.shape)
    return {"features": turned, **{name: row[name][:, ::-1] for name in _PLANES}}


def mean_of_all(state: Any, folder: Path, *, number: int, rank: int, ranks: int) -> Any:
    """Return the mean of all processes' values, after waiting for the other processes.

    Args:
        state: The values of this process.
        folder: Folder that all processes share.
        number: Number of the round.
        rank: Number of this process, from 0.
        ranks: Number of processes.

    Raises:
        SystemExit: Another process has not written its values in time.
    """
    flat = nnx.to_flat_state(state)
    unfinished = folder / f"unfinished-{rank}.npz"
    np.savez(unfinished, *[np.asarray(value.get_value()) for _, value in flat])
    unfinished.rename(folder / f"{number}-{rank}.npz")
    sums = [np.zeros(value.get_value().shape, np.float32) for _, value in flat]
    for other in range(ranks):
        path, start = folder / f"{number}-{other}.npz", time.monotonic()
        while not path.exists():
            time.sleep(0.05)
            if time.monotonic() - start > _PATIENCE_S:
                raise SystemExit(f"process {other} is missing")
        with np.load(path) as values:
            sums = [total + values[name] for total, name in zip(sums, values.files, strict=True)]
    (folder / f"{number - 2}-{rank}.npz").unlink(missing_ok=True)
    return nnx.from_flat_state(
        [(n, v.replace(jnp.asarray(s / ranks))) for (n, v), s in zip(flat, sums, strict=True)]
    )
