"""Compute the frozen blocks' tokens of random views once, to save time in training.

    python -m training.depth.cache CACHE/nyu --nyu DATA/nyu --views 5
    python -m training.depth.cache CACHE/renders --renders RENDERS --views 3
    python -m training.depth.cache CACHE/photos --labels LABELS --views 4

For each shape of view CACHE receives SHAPE_tokens.npy (n, 2, t, 384) float16 and SHAPE_disparity.npy (n, H, W)
float16, NaN where unknown. The file EXACT marks sets whose depth is accurate at edges, the file MEASURED sets with
measured depth.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from PIL import Image

from . import nyu
from .network import EARLY_TAPS, Network, load_network
from .views import PATCH_PX, SHAPES, Source, View, draw, turned

EXACT = "EXACT"
MEASURED = "MEASURED"
_BATCH = 8
_NEAREST_M = 0.05
_TURNED = 0.4  # Fraction of the views of measured frames that are rotated.

Read = Callable[[], Source]


def nyu_sources(folder: Path) -> list[Read]:
    """Return readers of the training frames of NYU Depth v2, whose depth is measured."""

    def read(number: int) -> Source:
        frame = nyu.read(folder, number)
        return Source(srgb=frame.srgb, disparity=1 / np.maximum(frame.depth_m, _NEAREST_M), exact=False)

    return [partial(read, n) for n in nyu.training_numbers(folder)]


def rendered_sources(folder: Path) -> list[Read]:
    """Return readers of rendered pictures, whose depth is exact."""

    def read(path: Path) -> Source:
        depth_m = np.load(path).astype(np.float32)
        srgb = np.asarray(Image.open(path.with_suffix(".jpg")).convert("RGB"))
        return Source(srgb=srgb, disparity=1 / np.maximum(depth_m, _NEAREST_M), exact=True)

    return [partial(read, p) for p in sorted(folder.glob("*.npy"))]


def labelled_sources(folder: Path) -> list[Read]:
    """Return readers of photographs with estimated disparity, from `label.py`."""

    def read(path: Path) -> Source:
        srgb = np.asarray(Image.open(path.with_suffix(".jpg")).convert("RGB"))
        return Source(srgb=srgb, disparity=np.load(path).astype(np.float32), exact=False)

    return [partial(read, p) for p in sorted(folder.glob("*.npy"))]


class Store:
    """The cached arrays of one shape, allocated for the largest possible number of views and trimmed on closing."""

    def __init__(self, folder: Path, shape: str, size: int) -> None:
        self.folder, self.shape, self.count = folder, shape, 0
        rows, columns = self.grid = SHAPES[shape]
        sizes = {
            "tokens": (size, len(EARLY_TAPS), 1 + rows * columns, 384),
            "disparity": (size, rows * PATCH_PX, columns * PATCH_PX),
        }
        self.arrays = {
            name: np.lib.format.open_memmap(self._path(name), "w+", np.float16, whole)
            for name, whole in sizes.items()
        }

    def add(self, tokens: np.ndarray, views: list[View]) -> None:
        """Append the tokens and disparities of a batch of views."""
        end = self.count + len(views)
        self.arrays["tokens"][self.count : end] = tokens[: len(views)]
        self.arrays["disparity"][self.count : end] = np.stack([view.disparity for view in views])
        self.count = end

    def close(self) -> None:
        """Save the arrays, trimmed to the rows in use."""
        for name, array in self.arrays.items():
            np.save(self._path(f"{name}.part"), array[: self.count])
            self._path(f"{name}.part").rename(self._path(name))

    def _path(self, name: str) -> Path:
        return self.folder / f"{self.shape}_{name}.npy"


def fill(
    folder: Path,
    sources: list[Read],
    network: Network,
    *,
    views: int,
    seed: int,
    exact: bool,
    measured: bool = False,
) -> None:
    """Draw `views` random views of every source, and write their tokens and disparities.

    Args:
        folder: Folder of the cache.
        sources: Functions that read the pictures.
        network: The network that computes the tokens.
        views: Number of views of each picture. The first shows nearly all of the picture with unchanged colours.
        seed: Seed for drawing the views.
        exact: Whether the depth is accurate at edges.
        measured: Whether the depth was measured; if so, some of the views are of the rotated picture.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    # Probability of each shape; measured frames are in landscape format.
    chances = (0.25, 0.5, 0.25) if exact else (0.15, 0.25, 0.6)
    shapes = rng.choice(list(SHAPES), size=(len(sources), views), p=chances)
    stores = {shape: Store(folder, shape, int((shapes == shape).sum())) for shape in SHAPES}
    waiting: dict[str, list[View]] = {shape: [] for shape in SHAPES}
    start = time.time()

    def flush(shape: str) -> None:
        if views := waiting[shape]:
            batch = np.stack([view.srgb for view in views])
            # With a constant batch size, only one program per shape is compiled.
            batch = np.concatenate([batch, np.repeat(batch[:1], _BATCH - len(views), 0)])
            stores[shape].add(np.asarray(network.tokens(jnp.asarray(batch))), views)
            waiting[shape] = []

    for number, read in enumerate(sources):
        source = read()
        for place, shape in enumerate(shapes[number]):
            first = place == 0
            seen = turned(rng, source) if measured and rng.random() < _TURNED else source
            view = draw(rng, seen, shape=str(shape), least=0.8 if first else 0.3, plain=first)
            if not view.teaches:
                continue
            waiting[str(shape)].append(view)
            if len(waiting[str(shape)]) == _BATCH:
                flush(str(shape))
        if number % 50 == 49:
            print(f"{number + 1} of {len(sources)} pictures, {time.time() - start:.0f} s", flush=True)
    for shape, store in stores.items():
        flush(shape)
        store.close()
    if exact:
        (folder / EXACT).touch()
    if measured:
        (folder / MEASURED).touch()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path)
    of = parser.add_mutually_exclusive_group(required=True)
    readers = {"nyu": nyu_sources, "renders": rendered_sources, "labels": labelled_sources}
    for name in readers:
        of.add_argument(f"--{name}", type=Path)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    (name,) = (name for name in readers if getattr(options, name))
    network, _ = load_network()
    sources = readers[name](getattr(options, name))
    kinds = {"exact": name == "renders", "measured": name == "nyu"}
    fill(options.cache, sources, network, views=options.views, seed=options.seed, **kinds)


if __name__ == "__main__":
    main()
