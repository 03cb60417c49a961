"""Fit the linear model of faces and heads to marked photographs, and write weights/dioptre-faces.

    python -m training.subject.faces PICTURES [--out FOLDER]

PICTURES holds NAME.webp and, with the mask of its subject, NAME_mask.webp, for the photographs of `faces.tsv`. Its
columns are photo, kind ("face", "back" for a head whose face is not seen, "none"), x and y (the middle between the
eyes, as fractions of the width and the height) and height (of the face, as a fraction of the picture's). The result
of a cross-validation is printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from PIL import Image
from scipy.optimize import minimize

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.storage import save
from dioptre.features.subject.views import network_input
from dioptre.imaging.closer_look import Window, window_round
from dioptre.imaging.resize import resize
from dioptre.models.loading import load_model
from training.subject.face_marks import INPUT_PX, SIDE_PX, Mark, read_marks, wanted

_KEPT = 0.22  # fraction of the patches without a face that are used
_DECAY = 3e-3
_WEIGHT = 0.25  # total weight of the patches with a face
_FOLDS = 3

CARD = Card(
    id="dioptre-faces",
    title="Faces",
    architecture="subject",
    licence="Apache-2.0",
    licence_doubts=(
        "A linear model fitted to 239 photographs of research sets without a stated licence (ECSSD, Supervisely "
        "Person, Caltech-101, DAVIS, MSRC, couples in street fashion) and of cats (public domain). Whether their "
        "terms reach trained values is not settled."
    ),
    notice="Copyright 2026 The Dioptre authors.",
    sources=(Source(upstream="trained for Dioptre, training/subject/faces.py"),),
    storage="float16-planes",
    preprocessing=(
        "The last two taps of dioptre-depth-backbone with the changes of dioptre-subject, of a picture squeezed to "
        "448 x 448 pixels."
    ),
    parity={"none": "an own network"},
    metrics={},
)


def patches(pictures: Path, marks: dict[str, list[Mark]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the features of patches (n, c), their targets (n, 2) and the numbers of their photographs (n).

    Each photograph is seen whole and, as in *Portrait blur*, in a window round its subject.
    """
    loaded = load_model("dioptre-subject")
    graph, found = loaded.build()
    look = jax.jit(lambda state, x: jnp.concatenate(tuple(nnx.merge(graph, state).seen(x)[-2:, 0, 1:]), axis=-1))
    rng = np.random.default_rng(0)
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for number, (name, own) in enumerate(sorted(marks.items())):
        with Image.open(pictures / f"{name}.webp") as image:
            picture = np.asarray(image.convert("RGB"), np.float32) / 255
        with Image.open(pictures / f"{name}_mask.webp") as image:
            mask = np.asarray(image.convert("L").resize((SIDE_PX, SIDE_PX)), np.float32) / 255
        height, width = picture.shape[:2]
        whole = Window(top=0, left=0, height=height, width=width, size=(height, width))
        for window in (whole, window_round(mask, (height, width))):
            if window is None:
                continue
            small = resize(np.ascontiguousarray(window.of(picture)), (INPUT_PX, INPUT_PX), method="bilinear")
            features = np.asarray(look(found, network_input(small, loaded.entry.preprocessing)[None]))
            targets = wanted(own, window).reshape(-1, 2)
            kept = (targets == 1).any(1) | (rng.random(len(targets)) < _KEPT)
            parts.append((features[kept], targets[kept], np.full(kept.sum(), number)))
    features, targets, photos = (np.concatenate(part) for part in zip(*parts, strict=True))
    return features, targets, photos


def fit(features: np.ndarray, has: np.ndarray) -> np.ndarray:
    """Fit a logistic regression; return the weights (c) and the bias."""
    share = np.where(has, _WEIGHT / has.sum(), (1 - _WEIGHT) / (~has).sum())

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        odds = features @ w[:-1].astype(np.float32) + w[-1]
        missed = share * (1 / (1 + np.exp(-odds)) - has)
        value = (share * np.logaddexp(0, np.where(has, -odds, odds))).sum() + _DECAY / 2 * (w[:-1] ** 2).sum()
        return float(value), np.r_[features.T @ missed.astype(np.float32) + _DECAY * w[:-1], missed.sum()]

    start = np.zeros(features.shape[1] + 1)
    found: np.ndarray = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 150}).x
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--out", type=Path, default=Path("weights"), help="folder of checkpoints")
    options = parser.parse_args()
    features, targets, photos = patches(options.pictures, read_marks())
    columns = []
    for kind, name in enumerate(("faces", "heads")):
        scored = targets[:, kind] >= 0
        x, has, fold = features[scored], targets[scored, kind] == 1, photos[scored] % _FOLDS
        odds = np.zeros(len(has))
        for out in range(_FOLDS):
            w = fit(x[fold != out], has[fold != out])
            odds[fold == out] = x[fold == out] @ w[:-1] + w[-1]
        print(f"{name}: {(odds[has] > 0).mean():.3f} of {has.sum()} found, {(odds[~has] > 0).mean():.3f} of others")
        columns.append(fit(x, has))
    values = np.stack(columns, axis=1).astype(np.float32)
    print(save(options.out, CARD, {"kernel": values[:-1], "bias": values[-1]}))


if __name__ == "__main__":
    main()
