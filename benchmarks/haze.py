"""How near a picture without its haze comes to the truth, on photographs with measured depth and computed haze.

    python -m benchmarks.haze DATA [--sheet OUT.png]

DATA is a folder as `measured_depth.py` describes it; photographs whose depth is known nearly everywhere count. Each
gets thin and dense haze by its true distances, of a pale random colour, and noise of one code value. Ours sees the
picture alone (its depth is estimated in the hazy picture), or the true depth too; the dark channel prior (K. He,
J. Sun and X. Tang, CVPR 2009, with the guided filter) needs no depth. Scores are PSNR in dB and SSIM of the whole
picture, and the noise left in the farthest tenth, relative to the hazy picture's.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import jax.numpy as jnp
import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.frame import psnr, read, ssim_map, table
from benchmarks.measured_depth import measured_pictures
from dioptre.features.depth import estimate_depth
from dioptre.features.haze.haze import air_of, measured_haze, remove_haze
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.guided_filter import guided_filter
from dioptre.imaging.resize import resize

KNOWN = 0.85  # least fraction of pixels with true depth
LEAST = 0.03  # inverse depth of the farthest point, relative to the nearest
DENSITIES = (1.0, 2.5)  # optical depths of the farthest point

Method = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Maps a hazy picture and its true disparity to the picture without haze."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--sheet", type=Path)
    chosen = parser.parse_args()
    methods: dict[str, Method] = {
        "as it is": lambda hazy, _: hazy,
        "dark channel prior": lambda hazy, _: dark_channel_prior(hazy),
        "ours": lambda hazy, _: ours(hazy, estimate_depth(hazy).disparity),
        "ours, true depth": ours,
    }
    scores: dict[str, list[tuple[float, float, float]]] = {name: [] for name in methods}
    rows = []
    for number, (clear, disparity) in enumerate(scenes(chosen.data)):
        for density in DENSITIES:
            hazy = with_haze(clear, disparity, density, np.random.default_rng(number))
            made = {name: np.clip(method(hazy, disparity), 0, 1) for name, method in methods.items()}
            for name, picture in made.items():
                scores[name].append(
                    (psnr(picture, clear), float(ssim_map(picture, clear).mean()), noise(picture, hazy, disparity))
                )
            rows.append(np.concatenate([clear, *made.values()], axis=1))
    print(
        table(
            [
                {
                    "method": name,
                    "psnr_db": round(float(np.mean([each[0] for each in of])), 2),
                    "ssim": round(float(np.mean([each[1] for each in of])), 4),
                    "noise": round(float(np.mean([each[2] for each in of])), 2),
                }
                for name, of in scores.items()
            ]
        )
    )
    if chosen.sheet:
        width = min(row.shape[1] for row in rows)
        sheet = np.concatenate([resize(row, (row.shape[0] * width // row.shape[1], width)) for row in rows])
        Image.fromarray((sheet * 255 + 0.5).astype(np.uint8)).save(chosen.sheet)


def scenes(data: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pictures and their inverse depth, continued where it is unknown; the nearest point has 1."""
    for one in measured_pictures(data):
        known = one.truth.valid
        if known.mean() < KNOWN:
            continue
        picture = read(one.picture)
        row, column = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        near = one.truth.inverse_depth[row, column].astype(np.float32)
        near = resize(near / near.max(), picture.shape[:2], method="bilinear")
        yield picture, np.clip(near, LEAST, 1)


def with_haze(clear: np.ndarray, disparity: np.ndarray, density: float, random: np.random.Generator) -> np.ndarray:
    """Return the picture in haze, with 8 bits and noise."""
    air = random.uniform(0.6, 0.95) * random.uniform(0.93, 1.0, 3)
    distance = 1 / disparity
    arriving = np.exp(-density * distance / distance.max())[..., None]
    light = np.asarray(srgb_to_linear(jnp.asarray(clear))) * arriving + air * (1 - arriving)
    noisy = np.asarray(linear_to_srgb(light)) + random.normal(0, 1 / 255, clear.shape)
    return (np.rint(np.clip(noisy, 0, 1) * 255) / 255).astype(np.float32)


def ours(hazy: np.ndarray, disparity: np.ndarray) -> np.ndarray:
    haze = measured_haze(hazy, disparity, air=air_of(hazy, disparity)[0])
    return remove_haze(hazy, disparity, haze)


def dark_channel_prior(hazy: np.ndarray) -> np.ndarray:
    """Return the picture without haze after He et al.: patches of 15 pixels, omega .95, t at least .1."""

    def dark(values: np.ndarray) -> np.ndarray:
        return np.asarray(ndimage.minimum_filter(values.min(axis=2), 15))

    channel = dark(hazy)
    brightest = hazy[channel >= np.quantile(channel, 0.999)]
    air = brightest[brightest.sum(axis=1).argmax()]
    arriving = (1 - 0.95 * dark(hazy / np.maximum(air, 1e-3))).astype(np.float32)
    arriving = np.maximum(guided_filter(hazy, arriving, radius_px=40.0, epsilon=1e-3), 0.1)[..., None]
    return (hazy - air) / arriving + air


def noise(made: np.ndarray, hazy: np.ndarray, disparity: np.ndarray) -> float:
    """Return the finest detail in the farthest tenth, relative to the hazy picture's; most of it is noise."""
    far = disparity <= np.quantile(disparity, 0.1)

    def finest(picture: np.ndarray) -> float:
        grey = picture.mean(axis=2)
        return float(np.median(np.abs(grey - ndimage.median_filter(grey, 3))[far])) + 1e-6

    return finest(made) / finest(hazy)


if __name__ == "__main__":
    main()
