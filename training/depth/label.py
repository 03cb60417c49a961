"""Label photographs with the mean of many estimates, as targets for training on strongly altered copies.

    python -m training.depth.label LABELS --photos DATA/photos [--values RUN/trained.npz]

There are estimates at three sizes, each also mirrored, aligned in scale and shift. The label is unknown where they
disagree; photographs where they mostly do (such as charts, collages and patterns) are left out. LABELS receives
NAME.jpg, cropped to the nearest of the views' shapes, and NAME.npy, float16 disparity of the same size.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .evaluate import Estimate, estimator
from .values import load
from .views import PATCH_PX, SHAPES, normalised

SIZES_PX = (224, 280, 364)
# Largest standard deviation between estimates, relative to the picture's mean absolute deviation; above it, the
# disparity counts as unknown.
LARGEST_SPREAD = 0.45
LEAST_KNOWN = 0.6
SHORT_SIDE_PX = 392
FEWEST_PX = PATCH_PX * min(min(grid) for grid in SHAPES.values())


def label(estimates: list[Estimate], srgb: np.ndarray) -> np.ndarray | None:
    """Return the mean of the estimates as disparity (H, W), NaN where they disagree.

    Args:
        estimates: Functions from srgb (H, W, 3) uint8 to disparity.
        srgb: (H, W, 3) uint8.

    Returns:
        The disparity, or None when the estimates disagree on most of the picture.
    """
    size = srgb.shape[1], srgb.shape[0]
    maps = []
    for estimate in estimates:
        for mirrored in (False, True):
            disparity = estimate(np.ascontiguousarray(srgb[:, ::-1]) if mirrored else srgb)
            disparity = disparity[:, ::-1] if mirrored else disparity
            whole = Image.fromarray(np.ascontiguousarray(disparity)).resize(size, Image.Resampling.BILINEAR)
            maps.append(normalised(np.asarray(whole)))
    mean, spread = np.mean(maps, axis=0), np.std(maps, axis=0)
    known = spread < LARGEST_SPREAD
    if known.mean() < LEAST_KNOWN:
        return None
    return np.where(known, mean - mean.min() + 0.05 * np.ptp(mean), np.nan).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument(
        "--values", type=Path, help="trained.npz, or the folder of a GPU run; the bundled network when left out"
    )
    options = parser.parse_args()
    options.labels.mkdir(parents=True, exist_ok=True)
    network, trained = load(options.values)
    estimates = [estimator(network, trained, short_side_px=size) for size in SIZES_PX]
    kept = 0
    paths = sorted(path for path in options.photos.iterdir() if path.suffix in {".png", ".jpg", ".jpeg"})
    for path in paths:
        photo = Image.open(path).convert("RGB")
        rows, columns = min(
            SHAPES.values(), key=lambda grid: abs(np.log(photo.height * grid[1] / photo.width / grid[0]))
        )
        size = (columns * PATCH_PX * SHORT_SIDE_PX // FEWEST_PX, rows * PATCH_PX * SHORT_SIDE_PX // FEWEST_PX)
        photo = ImageOps.fit(photo, size, Image.Resampling.LANCZOS)
        disparity = label(estimates, np.asarray(photo))
        if disparity is None:
            continue
        photo.save(options.labels / f"{path.stem}.jpg", quality=95)
        np.save(options.labels / f"{path.stem}.npy", disparity.astype(np.float16))
        kept += 1
    print(f"{kept} of {len(paths)} photographs labelled")


if __name__ == "__main__":
    main()
