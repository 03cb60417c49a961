"""Fit a linear model of the chance that a picture has one subject, from class tokens and the map's certainty.

    python -m training.subject.chance OUT.safetensors --pictures FOLDER …

The photographs are those listed in `with_subject.txt` and `without_subject.txt`, sorted by eye; they are searched
for by name in the folders. OUT is an input of whole/convert.py. The result of a cross-validation is printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import jax
import numpy as np
from flax import nnx
from PIL import Image
from safetensors.numpy import save_file
from scipy.optimize import minimize

from dioptre.features.subject.views import network_input
from dioptre.imaging.resize import resize
from dioptre.models.loading import load_model
from training.lists import with_and_without_subject

# Number of principal directions to which a token is reduced, because it has more values than there are photographs.
_DIRECTIONS = 40
_DECAY = 1.0
_FOLDS = 10


def features(paths: list[Path]) -> np.ndarray:
    """Return the inputs of the linear model, one row for each photograph: class tokens and the map's certainty."""
    loaded = load_model("dioptre-subject")
    network, side = nnx.merge(*loaded.build()), loaded.entry.preprocessing.short_side_px
    parts = jax.jit(lambda x: network.parts(x)[1:3])
    rows = []
    for path in paths:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"), np.float32) / 255
        x = network_input(resize(pixels, (side, side), method="bilinear"), loaded.entry.preprocessing)
        tokens, certainty = (np.asarray(part) for part in parts(x[None]))
        whole = tokens[:, 0].ravel()
        rows.append([*whole / np.linalg.norm(whole), float(certainty[0])])
    return np.array(rows)


def fit(rows: np.ndarray, has: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit a logistic regression in which both classes have the same total weight.

    Args:
        rows: (n, k) inputs.
        has: (n,) whether the photograph has a subject.

    Returns:
        The weights (k,) and the bias.
    """
    tokens, certainty = rows[:, :-1], rows[:, -1]
    centre = tokens.mean(0)
    directions = np.linalg.svd(tokens - centre, full_matrices=False)[2][:_DIRECTIONS].T
    directions /= ((tokens - centre) @ directions).std(0).max()
    seen = np.c_[(tokens - centre) @ directions, (certainty - certainty.mean()) / certainty.std()]
    share = np.where(has, 0.5 / has.mean(), 0.5 / (1 - has.mean()))

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        odds = seen @ w[:-1] + w[-1]
        missed = share * (1 / (1 + np.exp(-odds)) - has)
        value = (share * np.logaddexp(0, np.where(has, -odds, odds))).sum() + _DECAY / 2 * (w[:-1] ** 2).sum()
        return float(value), np.r_[seen.T @ missed + _DECAY * w[:-1], missed.sum()]

    w = minimize(loss, np.zeros(seen.shape[1] + 1), jac=True, method="L-BFGS-B").x
    weights = np.r_[directions @ w[:-2], w[-2] / certainty.std()]
    return weights, float(w[-1] - np.r_[centre, certainty.mean()] @ weights)


def cross_validated(rows: np.ndarray, has: np.ndarray) -> np.ndarray:
    """Return the log odds of each photograph, predicted by a model fitted to the other folds."""
    order, odds = np.random.default_rng(1).permutation(len(has)), np.zeros(len(has))
    for fold in range(_FOLDS):
        out = order[fold::_FOLDS]
        kept = np.setdiff1d(order, out)
        weights, bias = fit(rows[kept], has[kept])
        odds[out] = rows[out] @ weights + bias
    return odds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pictures", type=Path, nargs="+", required=True)
    options = parser.parse_args()
    cases = with_and_without_subject(Path(__file__).parent, options.pictures)
    rows, has = features([path for path, _ in cases]), np.array([kind for _, kind in cases])
    right = (cross_validated(rows, has) > 0) == has
    print(f"with a subject: {has.sum()}, {right[has].mean():.3f} right")
    print(f"without: {(~has).sum()}, {right[~has].mean():.3f} right")
    weights, bias = fit(rows, has)
    save_file(
        {"chance.kernel": weights[:, None].astype(np.float32), "chance.bias": np.array([bias], np.float32)},
        options.out,
    )


if __name__ == "__main__":
    main()
