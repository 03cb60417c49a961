"""Compare estimates of the illuminant in unprocessed raws of a camera that no network was trained on.

    python -m benchmarks.illuminants SENSOR [--c5 CLONE --c5-python PYTHON] [--json FILE]

SENSOR contains NAME.npz with `raw` (H, W, 3), `white_level` and `illuminant`, as for
`training.white_balance.held_out`. The table shows the angle between estimated and true illuminant in degrees: mean,
median and mean of the worst quarter.

C5 (M. Afifi et al., "Cross-Camera Convolutional Color Constancy", ICCV 2021) estimates from the picture and six
others of the same camera. Here they are drawn ten times, and the figures are means. CLONE is a clone of its
repository, with the lines for PyTorch 1.8 or later enabled in `src/c5.py` as its comments describe; PYTHON has
PyTorch and OpenCV.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import numpy as np

from benchmarks.white_balance import CLIPPED, encode, mean_colour
from dioptre.pipelines.light import estimator, read, thumbnail
from training.white_balance.held_out import SHOWN_LEVEL

CHILD = Path(__file__).with_name("c5_estimates.py")


def angle(estimate: np.ndarray, truth: np.ndarray) -> float:
    """Return the angle between two colours in degrees."""
    cosine = estimate @ truth / (np.linalg.norm(estimate) * np.linalg.norm(truth))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def dioptre_estimate(raw: np.ndarray) -> np.ndarray:
    """Return the network's illuminant of a raw shown without balance and matrix, before any caution."""
    network = estimator("default")
    shown = encode(raw / max(float(np.quantile(raw, SHOWN_LEVEL)), 1e-3)).astype(np.float32)
    chroma = read(network, thumbnail(shown, network.config.thumbnail_px)[None]).chroma[0]
    return np.array([np.exp(chroma[0]), 1.0, np.exp(chroma[1])])


def mean_of_power(raw: np.ndarray, *, power: float) -> np.ndarray:
    """Return the grey-world (power 1) or shades-of-grey illuminant of the pixels that are not clipped."""
    return mean_colour(raw[raw.max(axis=2) < CLIPPED], power=power)


def summary(angles: np.ndarray) -> dict[str, float]:
    """Return mean, median and mean of the worst quarter of angles (..., pictures), averaged over the draws."""
    ordered = np.sort(angles, axis=-1)
    worst = ordered[..., -max(1, round(ordered.shape[-1] / 4)) :]
    return {
        "mean": float(angles.mean()),
        "median": float(np.median(angles, axis=-1).mean()),
        "worst_quarter": float(worst.mean()),
    }


def c5_angles(paths: list[Path], truths: list[np.ndarray], clone: Path, python: str) -> np.ndarray:
    """Return C5's angles, (draws, pictures)."""
    words = [python, str(CHILD), *map(str, paths)]
    made = subprocess.run(  # noqa: S603
        words, cwd=clone, env={**os.environ, "PYTHONPATH": str(clone)}, capture_output=True, text=True
    )
    if made.returncode:
        raise SystemExit(f"C5 failed:\n{made.stderr}")
    estimates = np.array(json.loads(made.stdout))
    return np.array([[angle(e, t) for e, t in zip(draw, truths, strict=True)] for draw in estimates])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sensor", type=Path, help="folder of raws with their illuminants")
    parser.add_argument("--c5", type=Path, metavar="CLONE", help="clone of C5's repository")
    parser.add_argument(
        "--c5-python", default=sys.executable, metavar="PYTHON", help="a Python with PyTorch and OpenCV"
    )
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()
    paths = sorted(options.sensor.resolve().glob("*.npz"))
    raws, truths = [], []
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            raws.append(file["raw"].astype(np.float64) / float(file["white_level"]))
            truths.append(file["illuminant"].astype(np.float64))
    results = {}
    for name, estimate in (
        ("grey-world", lambda raw: mean_of_power(raw, power=1)),
        ("shades-of-grey", lambda raw: mean_of_power(raw, power=6)),
        ("Dioptre", dioptre_estimate),
    ):
        results[name] = summary(np.array([angle(estimate(raw), t) for raw, t in zip(raws, truths, strict=True)]))
    if options.c5 is not None:
        results["C5, with six more pictures"] = summary(
            c5_angles(paths, truths, options.c5.resolve(), options.c5_python)
        )
    for name, row in results.items():
        print(f"{name:28s}", *(f"{key} {value:.2f}" for key, value in row.items()), sep="  ")
    if options.json:
        options.json.write_text(
            json.dumps({"pictures": len(paths), "degrees": results}, indent=1) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
