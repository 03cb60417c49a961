"""Fit the head's first layers to new values of the depth network's backbone, without outlines.

    python -m training.subject.align OUT.safetensors --before WEIGHTS --pictures FOLDER …

WEIGHTS is a folder of checkpoints with the backbone for which the head was trained; the bundled backbone is the new
one. For each tap, a linear map takes the new features to those before (least squares over the patches of all
pictures), and is multiplied into the layer that projects the tap. The chance of a subject, which is linear in the
class tokens, is fitted to its own log odds before. OUT holds the arrays of the whole head, for convert.py.

"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from PIL import Image
from safetensors.numpy import save_file

from dioptre.checkpoints.load import read
from dioptre.features.subject.views import network_input
from dioptre.imaging.resize import resize
from dioptre.models.loading import load_model
from dioptre.models.subject.config import SubjectConfig
from dioptre.models.subject.head import sized
from training.depth.values import flat, unflat
from training.subject.alignment import Fit, aligned

_CONFIG = SubjectConfig()


def taps(folder: Path | None) -> Callable[[jax.Array], jax.Array]:
    """Return a jitted function from a network input (1, s, s, 3) to the backbone's taps (k, 1, t, c).

    Args:
        folder: A folder of checkpoints, or None for the bundled backbone.
    """
    loaded = load_model("dioptre-subject")
    network = nnx.merge(loaded.graph, loaded.state)
    if folder is not None:
        state = nnx.to_pure_dict(nnx.state(network.backbone))
        values = unflat(read(folder / "dioptre-depth-backbone")[1], state, origin=folder)
        nnx.update(network.backbone, nnx.State(values))
    backbone, side = network.backbone, _CONFIG.grid * _CONFIG.backbone.patch_px
    return jax.jit(lambda x: backbone(sized(x, side)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, nargs="+", required=True)
    options = parser.parse_args()
    loaded = load_model("dioptre-subject")
    head = {n: np.asarray(v, np.float64) for n, v in flat(nnx.to_pure_dict(loaded.state)["head"]).items()}
    fit = Fit(len(_CONFIG.backbone.taps), _CONFIG.backbone.width)
    new, before = taps(None), taps(options.before)
    paths = sorted(
        path for folder in options.pictures for path in folder.iterdir() if path.suffix in {".jpg", ".png"}
    )
    for number, path in enumerate(paths):
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"), np.float32) / 255
        small = resize(pixels, (_CONFIG.side_px, _CONFIG.side_px), method="bilinear")
        x = jnp.asarray(network_input(small, loaded.entry.preprocessing)[None])
        fit.add(*(np.asarray(each(x), np.float64)[:, 0] for each in (new, before)))
        if number % 100 == 99:
            print(f"{number + 1} of {len(paths)} pictures", flush=True)
    save_file(aligned(head, fit), options.out)


if __name__ == "__main__":
    main()
