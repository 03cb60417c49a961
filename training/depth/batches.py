"""Mix cached views of several sets into batches; the batch of a step depends only on the step's number."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grain
import numpy as np

from .cache import EXACT, MEASURED
from .views import PATCH_PX, SHAPES, lesson


@dataclass(frozen=True, kw_only=True)
class Part:
    """A set of cached views, and the number of them in each batch."""

    folder: Path
    count: int

    @classmethod
    def parse(cls, text: str) -> "Part":
        """Parse "FOLDER:COUNT"."""
        folder, _, count = text.rpartition(":")
        return cls(folder=Path(folder), count=int(count))


class CachedViews:
    """The views of one shape in a set, read from disk on access.

    Each item is a dict of `tokens` (2, t, c) and the values that `lesson` returns for the disparity, sampled at
    `per_patch` points along each side of a patch.
    """

    def __init__(self, folder: Path, shape: str, *, per_patch: int, far: float) -> None:
        self.tokens = np.load(folder / f"{shape}_tokens.npy", mmap_mode="r")
        self.disparity = np.load(folder / f"{shape}_disparity.npy", mmap_mode="r")
        self.exact = (folder / EXACT).exists()
        self.measured = (folder / MEASURED).exists()
        self.far = far
        rows, columns = SHAPES[shape]
        self.rows, self.columns = (
            ((np.arange(n * per_patch) + 0.5) * PATCH_PX / per_patch).astype(int) for n in (rows, columns)
        )

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> dict[str, Any]:
        disparity = self.disparity[index][self.rows[:, None], self.columns].astype(np.float32)
        taught = lesson(disparity, exact=self.exact, measured=self.measured, far=self.far)
        return {"tokens": self.tokens[index], **taught}


def batches(
    parts: list[Part], *, steps: int, start: int, per_patch: int, far: float, seed: int
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yield the shape and the batch of every step from `start` on; all views of a batch have one shape.

    Args:
        parts: The sets, each with the number of its views in a batch.
        steps: Number of the last step.
        start: Number of the first step.
        per_patch: Samples of the disparity along each side of a patch.
        far: Exponent of the weight of far pixels.
        seed: Seed for shuffling the views.
    """
    series: dict[str, list[Any]] = {shape: [] for shape in SHAPES}
    sizes = dict.fromkeys(SHAPES, 0)
    for number, part in enumerate(parts):
        for shape in SHAPES:
            views = CachedViews(part.folder, shape, per_patch=per_patch, far=far)
            sizes[shape] += len(views)
            shuffled = grain.MapDataset.source(views).seed(seed + number).shuffle().repeat()
            series[shape].append(shuffled.batch(part.count))
    share = np.array([sizes[shape] for shape in SHAPES]) / sum(sizes.values())
    order = np.random.default_rng(seed).choice(list(SHAPES), size=steps, p=share)
    for step in range(start, steps):
        shape = str(order[step])
        earlier = int((order[:step] == shape).sum())
        taken = [one[earlier] for one in series[shape]]
        yield shape, {key: np.concatenate([batch[key] for batch in taken]) for key in taken[0]}
