"""Score white balance against ground truth: Dioptre, grey-world, shades-of-grey, GIMP, OpenCV and no correction.

    python -m benchmarks.white_balance PAIRS... [--mixed DIR] [--confidence] [--time] [--json FILE]

PAIRS and DIR are folders of NAME_input.png and NAME_gt.png (and NAME.npz with `valid` (bool) if only some pixels
are scored). The part of NAME before the first underscore names the data set. `training.white_balance.held_out`
writes such folders. For the sets "balanced" and "own", whose pictures are already right, the scores measure how
much they change.

The scores are MSE (0..255 squared), the mean angle between colours in degrees, and CIEDE2000: means over the
pictures, and for ΔE also the mean of the worst quarter. --confidence compares the stated confidence with the actual
error. OpenCV needs opencv-contrib-python-headless and is skipped if it is not installed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import numpy as np
from PIL import Image

from benchmarks.frame import least, publish
from dioptre.features.white_balance.balance import white_balance
from dioptre.features.white_balance.illuminant import GOOD_DE, estimate_light

SCORES = ("mse", "mae_deg", "de2000", "de2000_worst_quarter")
RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
# Number of evenly spaced pixels that are scored; means over more pixels differ by less than 1%.
SCORED_PIXELS = 4000

CLIPPED = 0.98  # Fraction of white above which grey-world and shades-of-grey do not use a pixel.

Method = Callable[[np.ndarray], np.ndarray]
"""Maps an sRGB-encoded picture (H, W, 3), float32, to the balanced picture."""

Results = dict[str, dict[str, dict[str, float]]]
"""Scores by name, by method and set or by picture and method."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A picture with a cast and its ground truth.

    Attributes:
        name: Name of the files, with the data set before the first underscore.
        wrong: (H, W, 3) float32, sRGB-encoded, 0 to 1.
        right: (H, W, 3) uint8, sRGB-encoded.
        valid: (H, W), True where the pixel is scored.
    """

    name: str
    wrong: np.ndarray
    right: np.ndarray
    valid: np.ndarray

    @property
    def family(self) -> str:
        """Data set that the pair belongs to."""
        return self.name.split("_")[0]


def pairs(folder: Path) -> Iterator[Pair]:
    """Yield the pairs of a folder in the order of their names."""
    for path in sorted(folder.glob("*_gt.png")):
        name = path.name.removesuffix("_gt.png")
        wrong, right = (np.asarray(Image.open(folder / f"{name}_{k}.png").convert("RGB")) for k in ("input", "gt"))
        valid = np.ones(right.shape[:2], bool)
        if (extra := folder / f"{name}.npz").exists():
            with np.load(extra, allow_pickle=False) as file:
                valid = file["valid"]
        yield Pair(name=name, wrong=wrong.astype(np.float32) / 255, right=right, valid=valid)


def decode(encoded: np.ndarray) -> np.ndarray:
    """Decode sRGB to linear light."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def encode(linear: np.ndarray) -> np.ndarray:
    """Encode linear light as sRGB, clipped to 0 to 1."""
    clipped = np.clip(linear, 0, 1)
    return np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)


def mean_colour(pixels: np.ndarray, *, power: float) -> np.ndarray:
    """Return the illuminant of linear pixels (n, 3) by shades-of-grey; power 1 is the grey-world method."""
    return np.asarray(np.mean(pixels**power, axis=0) ** (1 / power))


def shades_of_grey(picture: np.ndarray, *, power: float) -> np.ndarray:
    """Apply the shades-of-grey method (Finlayson and Trezzi 2004) in linear light, with gains whose mean is 1.

    Power 1 is the grey-world method.
    """
    linear = decode(picture)
    usable = linear[(picture.max(axis=-1) < CLIPPED)]
    usable = usable if len(usable) else linear.reshape(-1, 3)
    light = mean_colour(usable, power=power)
    return encode(linear * light.mean() / np.maximum(light, 1e-6))


def gimp_auto(picture: np.ndarray) -> np.ndarray:
    """Balance as GIMP's manual describes Colors ▸ Auto ▸ White Balance.

    Each channel is stretched to the full range, with 0.05% of the pixels clipped at either end.
    """
    low, high = np.quantile(picture.reshape(-1, 3), [0.0005, 0.9995], axis=0)
    return np.clip((picture - low) / np.maximum(high - low, 1e-6), 0, 1)


def opencv_learned() -> Method:
    """Return OpenCV's `xphoto.createLearningBasedWB` with its built-in model."""
    import cv2

    balancer = cv2.xphoto.createLearningBasedWB()

    def balance(picture: np.ndarray) -> np.ndarray:
        bgr = np.ascontiguousarray((picture[..., ::-1] * 255).round().astype(np.uint8))
        return balancer.balanceWhite(bgr)[..., ::-1].astype(np.float32) / 255

    return balance


def best_single_light(pair: Pair) -> np.ndarray:
    """Balance with the best possible gain for each channel, computed from the ground truth."""
    wrong, right = decode(pair.wrong)[pair.valid], decode(pair.right / 255)[pair.valid]
    usable = (pair.wrong[pair.valid].max(axis=-1) < 0.99) & (pair.wrong[pair.valid].min(axis=-1) > 0.01)
    gains = right[usable].sum(axis=0) / np.maximum(wrong[usable].sum(axis=0), 1e-6)
    return encode(decode(pair.wrong) * gains)


def score(out: np.ndarray, pair: Pair) -> dict[str, float]:
    """Return the MSE, the mean angle in degrees and the mean CIEDE2000 of a balanced picture."""
    step = max(1, int(pair.valid.sum()) // SCORED_PIXELS)
    pixels = np.round(np.clip(out[pair.valid][::step], 0, 1) * 255).astype(np.float64)
    right = pair.right[pair.valid][::step].astype(np.float64)
    seen = (pixels.sum(axis=-1) > 0) & (right.sum(axis=-1) > 0)
    dot = (pixels[seen] * right[seen]).sum(axis=-1)
    lengths = np.linalg.norm(pixels[seen], axis=-1) * np.linalg.norm(right[seen], axis=-1)
    return {
        "mse": float(np.mean((pixels - right) ** 2)),
        "mae_deg": float(np.degrees(np.arccos(np.clip(dot / lengths, -1, 1))).mean()) if seen.any() else 0.0,
        "de2000": float(ciede2000(lab(pixels), lab(right)).mean()),
    }


def lab(rgb8: np.ndarray) -> np.ndarray:
    """Convert 8-bit sRGB to CIELAB, D65."""
    xyz = decode(rgb8 / 255) @ RGB_TO_XYZ.T / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def ciede2000(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the CIEDE2000 colour differences (Sharma, Wu and Dalal 2005)."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(first, -1, 0), np.moveaxis(second, -1, 0)
    chroma7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    g = 0.5 * (1 - np.sqrt(chroma7 / (chroma7 + 25.0**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    turn = np.where(c1 * c2 == 0, 0, (h2 - h1 + 180) % 360 - 180)
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    lm, cm, hm = (l1 + l2) / 2, (c1 + c2) / 2, np.radians(np.where(c1 * c2 == 0, h1 + h2, (h1 + turn / 2) % 360))
    t = 1 - 0.17 * np.cos(hm - np.radians(30)) + 0.24 * np.cos(2 * hm)
    t += 0.32 * np.cos(3 * hm + np.radians(6)) - 0.2 * np.cos(4 * hm - np.radians(63))
    sl = 1 + 0.015 * (lm - 50) ** 2 / np.sqrt(20 + (lm - 50) ** 2)
    sc, sh = 1 + 0.045 * cm, 1 + 0.015 * cm * t
    around = np.exp(-(((np.degrees(hm) - 275) / 25) ** 2))
    rt = -2 * np.sqrt(cm**7 / (cm**7 + 25.0**7)) * np.sin(np.radians(60 * around))
    squared = (dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * dc / sc * dh / sh
    return np.sqrt(np.maximum(squared, 0))


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each score, and the mean ΔE of the worst quarter."""
    means = {name: float(np.mean([row[name] for row in rows])) for name in SCORES[:3]}
    worst = sorted((row["de2000"] for row in rows), reverse=True)[: max(1, len(rows) // 4)]
    return {**means, SCORES[3]: float(np.mean(worst))}


def table(results: Results, counts: dict[str, int]) -> str:
    """Return a Markdown table with a row for each method and a column for each set."""
    families = list(counts)
    lines = ["| | " + " | ".join(f"{f} ({counts[f]})" for f in families) + " |", "|---|" + "---|" * len(families)]
    for method, by_family in results.items():
        cells = []
        for family in families:
            s = by_family[family]
            cells.append(
                f"{s['mse']:.0f} / {s['mae_deg']:.2f} / {s['de2000']:.2f} / {s['de2000_worst_quarter']:.2f}"
            )
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def scored(methods: dict[str, Method], folders: list[Path]) -> tuple[Results, dict[str, int]]:
    """Score all methods on all folders.

    Returns:
        Summaries by method and set, and the number of pictures of each set.
    """
    rows: dict[str, dict[str, list[dict[str, float]]]] = {name: {} for name in methods}
    for folder in folders:
        for pair in pairs(folder):
            for name, method in methods.items():
                rows[name].setdefault(pair.family, []).append(score(method(pair.wrong), pair))
    counts = {family: len(found) for family, found in next(iter(rows.values())).items()}
    return {name: {f: summary(found) for f, found in by.items()} for name, by in rows.items()}, counts


def confidences(folders: list[Path]) -> list[dict[str, float]]:
    """Group the pictures into five ranges of confidence.

    Returns:
        For each range that contains pictures: their number, their mean confidence, the fraction with an error of at
            most GOOD_DE, and the mean error.
    """
    rows = []
    for folder in folders:
        for pair in pairs(folder):
            balanced = white_balance(pair.wrong)
            rows.append((balanced.confidence, score(balanced.image, pair)["de2000"]))
    said, came = np.array(rows).T
    found = []
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (said >= low) & (said < low + 0.2 + (low == 0.8))
        if inside.any():
            found.append(
                {
                    "from": low,
                    "pictures": int(inside.sum()),
                    "confidence": float(said[inside].mean()),
                    "within": float((came[inside] <= GOOD_DE).mean()),
                    "de2000": float(came[inside].mean()),
                }
            )
    return found


def mixed(folder: Path) -> Results:
    """Return the scores under mixed light, by picture and method."""
    results = {}
    for pair in pairs(folder):
        several = white_balance(pair.wrong, mixed=True)
        outputs = {
            "nothing": pair.wrong,
            "grey-world": shades_of_grey(pair.wrong, power=1),
            "best single light": best_single_light(pair),
            "Dioptre, one light": white_balance(pair.wrong).image,
            "Dioptre, mixed": several.image,
        }
        results[pair.name] = {name: score(out, pair) for name, out in outputs.items()}
        results[pair.name]["lights found"] = {"lights": several.lights}
    return results


def times() -> dict[str, dict[str, float]]:
    """Return the times of the whole correction and of the estimate alone."""
    picture = np.random.default_rng(0).random((3000, 4000, 3), np.float32)
    tasks: dict[str, Callable[[], object]] = {
        "12 MP, all": lambda: white_balance(picture),
        "12 MP, the estimate": lambda: estimate_light(picture),
        "1 MP, the estimate": lambda: estimate_light(picture[:1000, :1000]),
    }
    return {name: least(task, runs=7) for name, task in tasks.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, nargs="*")
    parser.add_argument("--mixed", type=Path)
    parser.add_argument("--confidence", action="store_true")
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    methods: dict[str, Method] = {
        "nothing": lambda picture: picture,
        "grey-world": partial(shades_of_grey, power=1),
        "shades-of-grey": partial(shades_of_grey, power=6),
        "GIMP auto": gimp_auto,
    }
    if find_spec("cv2"):
        methods["OpenCV learned"] = opencv_learned()
    methods["Dioptre"] = lambda picture: white_balance(picture).image
    report: dict[str, object] = {}
    if options.pairs:
        results, counts = scored(methods, options.pairs)
        report |= {"scores": results, "pictures": counts}
        print("MSE / mean angle / ΔE2000 / ΔE2000 of the worst quarter\n")
        print(table(results, counts))
    if options.confidence:
        report["confidence"] = confidences(options.pairs)
        print(json.dumps(report["confidence"], indent=1))
    if options.mixed:
        report["mixed"] = mixed(options.mixed)
        print(json.dumps(report["mixed"], indent=1))
    if options.time:
        report["seconds"] = times()
        print(json.dumps(report["seconds"], indent=1))
    publish(report, options.json)


if __name__ == "__main__":
    main()
