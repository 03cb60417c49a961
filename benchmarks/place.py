"""How near a placed layer comes to the same layer rendered in the scene, on scenes with exact depth.

    python -m benchmarks.place [--scenes 24] [--sheet OUT.png]

The scenes are those of `benchmarks.stereo`. A plane that faces the camera is inserted just behind the nearest
object and rendered with it: that is the truth. Every method gets the picture and the disparity of the scene without
the plane; the last one also gets the nearest object's matte. PSNR in dB within three pixels of the edges of what
covers the plane, and everywhere.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.frame import table
from benchmarks.stereo import HEIGHT, WIDTH, _layer, shown
from dioptre.features.film import Camera
from dioptre.features.place import place

_EDGE_PX = 3
_COLOURS = np.array([[1, 0.3, 0.1], [1, 1, 1], [0.05, 0.05, 0.15], [0.1, 0.6, 0.3]], np.float32)


@dataclass(frozen=True)
class Case:
    """A scene, what is placed in it at which disparity, and the truth."""

    picture: np.ndarray
    disparity: np.ndarray
    alpha: np.ndarray
    layer: np.ndarray
    level: float
    truth: np.ndarray


def case(seed: int, photos: list[np.ndarray]) -> Case:
    """Render a scene without and with a plane."""
    random = np.random.default_rng(seed)
    layers = [_layer(random, photos, near=0.05 + 0.1 * random.random(), background=True)]
    layers += [_layer(random, photos, near=near) for near in np.linspace(0.3, 0.95, random.integers(3, 7))]
    level = (layers[-2].near + layers[-1].near) / 2
    plain = np.broadcast_to(_COLOURS[seed % len(_COLOURS)], (8, 8, 3)).copy()
    plane = _layer(random, [plain], near=level, background=True)
    plane.slant[:] = 0
    picture, disparity, _, alpha, _ = shown(layers, Camera())
    truth = shown([*layers[:-1], plane, layers[-1]], Camera())[0]
    layer = np.ones((HEIGHT, WIDTH, 4), np.float32)
    layer[..., :3] = plain[0, 0]
    return Case(picture=picture, disparity=disparity, alpha=alpha, layer=layer, level=level, truth=truth)


def hard(one: Case) -> np.ndarray:
    """Take the photo where it is nearer, the layer elsewhere."""
    return np.where((one.disparity > one.level)[..., None], one.picture, one.layer[..., :3])


def feathered(one: Case) -> np.ndarray:
    """Do the same with an edge that is softened over a pixel, as by hand."""
    mask = ndimage.gaussian_filter((one.disparity > one.level).astype(np.float32), 1.0)[..., None]
    return mask * one.picture + (1 - mask) * one.layer[..., :3]


def by_depth(one: Case) -> np.ndarray:
    """Place the layer with the depth alone."""
    return place(one.picture, one.disparity, one.layer, level=one.level).over(one.picture)


def by_matte(one: Case) -> np.ndarray:
    """Place the layer with the nearest object's matte, too."""
    return place(one.picture, one.disparity, one.layer, level=one.level, alpha=one.alpha).over(one.picture)


METHODS: dict[str, Callable[[Case], np.ndarray]] = {
    "depth test": hard,
    "depth test, feathered": feathered,
    "Dioptre, by depth": by_depth,
    "Dioptre, with the matte": by_matte,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--sheet", type=Path)
    given = parser.parse_args()
    examples = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.jpg"))
    photos = [np.asarray(Image.open(path), np.float32) / 255 for path in examples]
    errors: dict[str, list[tuple[float, float]]] = {name: [] for name in METHODS}
    strips = []
    for seed in range(given.scenes):
        one = case(seed, photos)
        edge = ndimage.gaussian_gradient_magnitude((one.alpha > 0.5).astype(np.float32), 0.5) > 0.05
        edge = ndimage.binary_dilation(edge, iterations=_EDGE_PX)
        made = {name: method(one) for name, method in METHODS.items()}
        for name, pixels in made.items():
            error = ((pixels - one.truth) ** 2).mean(axis=2)
            errors[name].append((float(error[edge].mean()), float(error.mean())))
        strips.append(np.concatenate([one.truth, *made.values()], axis=1))
    rows = []
    for name, each in errors.items():
        near, every = -10 * np.log10(np.mean(each, axis=0))
        rows.append({"method": name, "at edges": float(near), "everywhere": float(every)})
    print(table(rows))
    if given.sheet:
        sheet = np.concatenate(strips[:6]).clip(0, 1)
        Image.fromarray((sheet * 255).astype(np.uint8)).save(given.sheet)


if __name__ == "__main__":
    main()
