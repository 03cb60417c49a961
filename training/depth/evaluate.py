"""Measure the accuracy of a run's values on NYU Depth v2 or on a folder of photographs with known depth.

    python -m training.depth.evaluate --nyu DATA/nyu [--values RUN/trained.npz] [--frames watched|test]
    python -m training.depth.evaluate --photos FOLDER [--values RUN/trained.npz] [--sheet OUT.png PHOTO…]

Inverse depth is fitted to the truth in scale and shift (least squares) and clipped at a tenth of the smallest true
value. The scores are AbsRel, the mean of |z - z*| / z*, and delta1, the fraction of pixels whose ratio is below
1.25. NYU Depth v2 is scored in the window that papers use. FOLDER contains NAME.png or .jpg with NAME.npz (`gt`,
`valid`, `kind`).
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from . import nyu
from .network import Network, Values
from .values import load
from .views import PATCH_PX

Estimate = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Score:
    """Scores of one picture, or means over several, as the module describes them."""

    absrel: float
    delta1: float
    correlation: float


def estimator(network: Network, trained: Values, *, short_side_px: int = 280, mirrored: bool = False) -> Estimate:
    """Return a function from srgb (H, W, 3) uint8 to disparity at the network's size, with unknown scale and shift.

    Args:
        network: The frozen first part.
        trained: The values of the second part.
        short_side_px: Size to which the picture's shorter side is resized, rounded to patches.
        mirrored: Average with the estimate of the mirrored picture.
    """
    disparity = jax.jit(network.disparity, static_argnames=("grid", "per_patch"))

    def once(srgb: np.ndarray) -> np.ndarray:
        scale = short_side_px / min(srgb.shape[:2])
        rows, columns = grid = tuple(max(1, round(side * scale / PATCH_PX)) for side in srgb.shape[:2])
        size = (columns * PATCH_PX, rows * PATCH_PX)
        small = Image.fromarray(srgb).resize(size, Image.Resampling.BICUBIC, reducing_gap=3)
        tokens = network.tokens(jnp.asarray(np.asarray(small)[None]))
        return np.asarray(disparity(trained, tokens, grid=grid, per_patch=PATCH_PX))[0]

    def both(srgb: np.ndarray) -> np.ndarray:
        return (once(srgb) + once(np.ascontiguousarray(srgb[:, ::-1]))[:, ::-1]) / 2

    return both if mirrored else once


def score(estimate: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> Score:
    """Score inverse depth after a least-squares fit of scale and shift.

    Args:
        estimate: (H, W), with any scale and shift.
        truth: (H, W), positive where valid.
        valid: (H, W), True where the pixel is scored.
    """
    x, y = estimate[valid].astype(np.float64), truth[valid].astype(np.float64)
    (scale, shift), *_ = np.linalg.lstsq(np.stack([x, np.ones_like(x)], 1), y, rcond=None)
    fitted = np.maximum(scale * x + shift, 0.1 * y.min())
    ratio = np.maximum(fitted / y, y / fitted)
    return Score(
        absrel=float(np.mean(np.abs(y / fitted - 1))),
        delta1=float(np.mean(ratio < 1.25)),
        correlation=float(np.corrcoef(fitted, y)[0, 1]),
    )


def score_nyu(estimate: Estimate, folder: Path, numbers: list[int]) -> list[Score]:
    """Score the given frames of NYU Depth v2 in the window that papers use."""
    scores = []
    for number in numbers:
        frame = nyu.read(folder, number)
        whole = np.zeros((480, 640), np.float32)
        whole[nyu.INNER] = _resized(estimate(frame.srgb), frame.depth_m.shape)
        truth = nyu.read(folder, number, window=nyu.SCORED).depth_m
        scores.append(score(whole[nyu.SCORED], 1 / np.maximum(truth, 1e-3), truth > 0))
    return scores


def score_photos(estimate: Estimate, folder: Path) -> dict[str, Score]:
    """Return the scores of the photographs in a folder, by their names.

    Photographs whose inverse depth is only relative are left out because their far end is near zero. A border of 8
    pixels is not scored, nor are another 10 pixels of Kinect pictures, which the registration left white.
    """
    scores = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            kind, valid, truth = str(file["kind"]), file["valid"], file["gt"].astype(np.float64)
        if kind == "disparity_rel":
            continue
        photo = path.with_suffix(".png") if path.with_suffix(".png").exists() else path.with_suffix(".jpg")
        srgb = np.asarray(Image.open(photo).convert("RGB"))
        if path.name.startswith(("nyu", "kinect")):
            srgb, truth, valid = (array[10:-10, 10:-10] for array in (srgb, truth, valid))
        inside = np.zeros_like(valid)
        inside[8:-8, 8:-8] = valid[8:-8, 8:-8] & (truth[8:-8, 8:-8] > 0)
        inverse = np.where(inside, 1 / np.where(inside, truth, 1), 0) if kind == "depth_m" else truth
        scores[path.stem] = score(_resized(estimate(srgb), truth.shape), inverse, inside)
    return scores


def _resized(disparity: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    image = Image.fromarray(disparity.astype(np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR))


def sheet(estimate: Estimate, photos: list[Path], *, height_px: int = 300) -> Image.Image:
    """Return each photograph next to its disparity, with the nearest point white."""
    tiles = []
    for path in photos:
        photo = Image.open(path).convert("RGB")
        disparity = estimate(np.asarray(photo))
        low, high = np.percentile(disparity, [1, 99])
        grey = (np.clip((disparity - low) / (high - low), 0, 1) * 255).astype(np.uint8)
        size = (round(photo.width * height_px / photo.height), height_px)
        tiles += [photo.resize(size), Image.fromarray(grey).convert("RGB").resize(size, Image.Resampling.BICUBIC)]
    page = Image.new("RGB", (sum(tile.width for tile in tiles), height_px))
    left = 0
    for tile in tiles:
        page.paste(tile, (left, 0))
        left += tile.width
    return page


def _report(name: str, scores: list[Score]) -> None:
    mean: dict[str, Any] = {key: np.mean([getattr(s, key) for s in scores]) for key in Score.__annotations__}
    print(f"{name}: {len(scores)} pictures, " + ", ".join(f"{key} {value:.4f}" for key, value in mean.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--values", type=Path, help="trained.npz, or the folder of a GPU run; the bundled network when left out"
    )
    parser.add_argument("--nyu", type=Path)
    parser.add_argument("--frames", choices=("watched", "test"), default="watched")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--sheet", type=Path, nargs="+", metavar=("OUT", "PHOTO"))
    parser.add_argument("--short-side-px", type=int, default=280)
    parser.add_argument("--mirrored", action="store_true", help="average with the mirrored picture")
    options = parser.parse_args()
    network, trained = load(options.values)
    estimate = estimator(network, trained, short_side_px=options.short_side_px, mirrored=options.mirrored)
    if options.photos:
        scores = score_photos(estimate, options.photos)
        for family in sorted({name.split("_")[0] for name in scores}):
            _report(family, [s for name, s in scores.items() if name.startswith(family)])
        _report("all photos", list(scores.values()))
    if options.nyu:
        numbers = nyu.test_numbers(options.nyu) if options.frames == "test" else nyu.watched_numbers(options.nyu)
        _report(f"NYU {options.frames}", score_nyu(estimate, options.nyu, numbers))
    if options.sheet:
        sheet(estimate, options.sheet[1:]).save(options.sheet[0])


if __name__ == "__main__":
    main()
