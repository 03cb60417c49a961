"""Write views for the coarse network: features, two networks' maps, picture, alpha, and the weight of alpha.

python -m training.matte.views OUT --photos DIR … [--pictures DIR --instances JSON …] [--first N] [--count N]

The maps are those of the subject network and of U²-Net-P. Three of four views are composites with exact alpha. The
others are free photographs with outlines, whose band has no weight because outlines are drawn by hand, and
photographs in which MODNet cuts out the same subject as the product's networks; there its soft edge is the truth.
Existing views are kept, so a run can be stopped and resumed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dioptre import runtime

runtime.prepare()

import jax
import numpy as np
from flax import nnx
from PIL import Image
from scipy import ndimage

from dioptre.features.subject.soft_matte import soft_matte
from dioptre.features.subject.views import SIDE_PX, network_input
from dioptre.imaging.resize import resize
from dioptre.models.loading import load_model
from training.subject.outlines import FREE_LICENCES, Outlined, read

from .composites import SIDE, Body, composite
from .network import GRID

_LARGEST_PX = 1000
_LEAST_PX = 120  # Smallest length of a body's longer side, in pixels; smaller ones are not used.
_BAND = 0.02  # Width of the band without weight around hand-drawn outlines, as a fraction of the picture's side.
_SAME = 0.9  # Overlap (IoU) of MODNet's subject with the maps' subject above which MODNet's edge is used as truth.


class Viewer:
    """Builder of views; it runs the real networks to get their maps, so their failures need not be simulated."""

    def __init__(self) -> None:
        loaded = load_model("dioptre-subject")
        self._side = loaded.entry.preprocessing.short_side_px

        def look(state: Any, x: jax.Array) -> tuple[jax.Array, jax.Array]:
            network, side = nnx.merge(loaded.graph, state), GRID * patch_px
            features = network.backbone(jax.image.resize(x, (1, side, side, 3), "linear"))[:, :, 1:]
            return features[:, 0], network.parts(x)[0][0]

        patch_px = loaded.config.backbone.patch_px
        self._look, self._state, self._edges = jax.jit(look), loaded.state, load_model("u2netp")

    def view(self, picture: np.ndarray, alpha: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
        """Return the arrays of a view.

        Args:
            picture: (h, w, 3), sRGB-encoded, in [0, 1].
            alpha: (h, w) in [0, 1].
            weight: (h, w) in [0, 1]; 0 where alpha is unknown.

        Returns:
            The backbone's features, both networks' maps, and the three arguments, resized and in 8 bits.
        """
        whole, small = (
            network_input(resize(picture, (side, side), method="bilinear"), self._edges.entry.preprocessing)[None]
            for side in (self._side, SIDE_PX)
        )
        features, place = (np.asarray(v) for v in self._look(self._state, whole))
        place = resize(place, (SIDE_PX, SIDE_PX), method="bilinear")
        maps = np.stack([place, np.asarray(self._edges(small))[0, ..., 0]])
        planes = {"picture": picture, "alpha": alpha, "weight": weight}
        made = {name: _bytes(resize(plane, (SIDE, SIDE), method="area")) for name, plane in planes.items()}
        return made | {"features": features.astype(np.float16), "maps": _bytes(maps)}

    def both(self, view: dict[str, np.ndarray]) -> np.ndarray:
        """Return where both maps, the subject network's and U²-Net-P's, contain the subject, (SIDE, SIDE)."""
        seen = np.all(view["maps"] > 127, axis=0, keepdims=True)[0].astype(np.float32)
        return resize(seen, (SIDE, SIDE), method="bilinear") > 0.5


def _bytes(plane: np.ndarray) -> np.ndarray:
    return np.round(255 * np.clip(plane, 0, 1)).astype(np.uint8)


def bodies_of(photo: Outlined, picture: np.ndarray) -> list[Body]:
    """Cut out the outlined instances of a photograph that are large enough."""
    found = []
    for instance in photo.outlined:
        mask = photo.mask([instance])
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        if not photo.is_behind(instance) and rows.size and max(rows.size, columns.size) >= _LEAST_PX:
            part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            found.append(Body(colours=picture[part], mask=mask[part].astype(np.uint8) * 255))
    return found


def outlined(viewer: Viewer, photo: Outlined, picture: np.ndarray) -> dict[str, np.ndarray]:
    """Return a view of a photograph with outlines; the band around them has no weight."""
    mask = photo.mask(photo.in_front())
    reach = max(2, round(_BAND * max(mask.shape)))
    edge = ndimage.binary_dilation(mask, iterations=reach) & ~ndimage.binary_erosion(mask, iterations=reach)
    weight = (~edge & ~(photo.mask(photo.outlined) & ~mask)).astype(np.float32)
    return viewer.view(picture.astype(np.float32) / 255, mask.astype(np.float32), weight)


def taught(viewer: Viewer, picture: np.ndarray) -> dict[str, np.ndarray] | None:
    """Return a view with MODNet's alpha, or None when MODNet and the two maps cut out different subjects."""
    clean = picture.astype(np.float32) / 255
    soft = soft_matte(clean)
    view = viewer.view(clean, soft, np.ones_like(soft))
    both, seen = viewer.both(view), soft > 0.5
    return view if (both & seen).sum() > _SAME * max((both | seen).sum(), 1) else None


def opened(path: Path) -> np.ndarray:
    """Read a photograph, reduced to sides of at most _LARGEST_PX."""
    with Image.open(path) as file:
        image = file.convert("RGB")
        image.thumbnail((_LARGEST_PX, _LARGEST_PX))
        return np.asarray(image)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--instances", type=Path, nargs="*", default=[])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=2000)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    files = sorted(path for folder in arguments.photos for path in folder.rglob("*") if path.is_file())
    found = {p.name: p for p in arguments.pictures.rglob("*.jpg")} if arguments.pictures else {}
    free = [
        (photo, found[name])
        for name, photo in sorted(read(arguments.instances).items())
        if name in found and photo.licence in FREE_LICENCES and not photo.is_crowded
    ]
    clear = [pair for pair in free if pair[0].in_front()]
    viewer = Viewer()
    for number in range(arguments.first, arguments.first + arguments.count):
        path, rng = arguments.out / f"{number:06}.npz", np.random.default_rng(number)
        if path.exists():
            continue
        view = None
        if number % 8 == 0 and clear:
            photo, file = clear[number // 8 % len(clear)]
            view = outlined(viewer, photo, np.asarray(Image.open(file).convert("RGB")))
        elif number % 8 == 4:
            view = taught(viewer, opened(files[number // 8 % len(files)]))
        if view is None:
            photos = [opened(files[k]) for k in rng.integers(len(files), size=3)]
            bodies = []
            if free:
                photo, file = free[rng.integers(len(free))]
                bodies = bodies_of(photo, np.asarray(Image.open(file).convert("RGB")))
            picture, alpha = composite(rng, photos, bodies)
            view = viewer.view(picture, alpha, np.ones_like(alpha))
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("wb") as out:
            np.savez(out, allow_pickle=False, **view)
        unfinished.rename(path)


if __name__ == "__main__":
    main()
