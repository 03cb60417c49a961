"""Scores of a depth map against measured depth: AbsRel, delta1, correlation and the F1 score of depth edges.

Predictions are inverse depth. As in the published comparisons, they are aligned to the truth by least squares in
scale and shift, because most networks leave both unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

SCORES = ("AbsRel", "delta1", "correlation", "boundary F1")
IN_METRES = "AbsRel in metres"
"""Score of a prediction in metres without alignment."""

_DELTA = 1.25  # delta1 is the fraction of pixels whose ratio to the true depth is below this
_STEPS = np.linspace(1.05, 1.25, 10)
_SPARSE = 0.4  # edges are scored only if at least this fraction of the pixels is known
_LEAST = 0.1  # predictions are clipped at this fraction of the smallest true inverse depth


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Measured inverse depth of a picture.

    Attributes:
        inverse_depth: (H, W), in the unit of its data set.
        valid: (H, W), True where the pixel is scored.
        relative: whether the inverse depth has an unknown shift, so that only the correlation counts.
        in_metres: whether it is in 1/m.
    """

    inverse_depth: np.ndarray
    valid: np.ndarray
    relative: bool = False
    in_metres: bool = False


def depth_scores(prediction: np.ndarray, truth: Truth) -> dict[str, float]:
    """Score a prediction after aligning it to the truth.

    Args:
        prediction: (h, w) inverse depth of any size, scale and shift.
        truth: the measured depth.

    Returns:
        The score for each name in `SCORES`; only the correlation if the truth is relative.
    """
    true, valid = truth.inverse_depth, truth.valid
    aligned = align(_resized(prediction, true), true, valid)
    aligned = np.maximum(aligned, _LEAST * true[valid].min())
    correlation = float(np.corrcoef(aligned[valid], true[valid])[0, 1])
    if truth.relative:
        return {"correlation": correlation}
    ratio = true[valid] / aligned[valid]  # predicted depth divided by true depth
    scores = {
        "AbsRel": float(np.abs(ratio - 1).mean()),
        "delta1": float((np.maximum(ratio, 1 / ratio) < _DELTA).mean()),
        "correlation": correlation,
    }
    if valid.mean() > _SPARSE:
        scores["boundary F1"] = boundary_f1(aligned, true, valid)
    return scores


def error_in_metres(inverse_m: np.ndarray, truth: Truth) -> float:
    """Return AbsRel of a prediction in metres, without alignment.

    Args:
        inverse_m: (h, w) predicted inverse depth in 1/m, of any size.
        truth: the measured depth, in 1/m.
    """
    true, valid = truth.inverse_depth, truth.valid
    predicted = np.maximum(_resized(inverse_m, true), _LEAST * true[valid].min())
    return float(np.abs(true[valid] / predicted[valid] - 1).mean())


def align(prediction: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Fit scale and shift of a prediction to the valid pixels of the truth by least squares."""
    known = np.stack([prediction[valid], np.ones(valid.sum())], axis=1)
    (scale, shift), *_ = np.linalg.lstsq(known, truth[valid], rcond=None)
    aligned: np.ndarray = scale * prediction + shift
    return aligned


def boundary_f1(prediction: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> float:
    """Return the F1 score of occlusion edges between neighbouring pixels.

    An edge matches within one pixel. The result is the mean over depth ratios from 1.05 to 1.25, each weighted by
    its value minus one.

    Args:
        prediction: (H, W) inverse depth, aligned to the truth.
        truth: (H, W) inverse depth.
        valid: (H, W), True where the truth is known.

    Returns:
        The score, 0 to 1; NaN if the truth has no edges.
    """
    total = weights = 0.0
    for step in _STEPS:
        found = there = hit_found = hit_there = 0
        for axis in (0, 1):
            edges = [list(_edges(values, valid, step, axis)) for values in (prediction, truth)]
            for ours, true in zip(*edges, strict=True):
                found, there = found + ours.sum(), there + true.sum()
                hit_found += (ours & _grown(true)).sum()
                hit_there += (true & _grown(ours)).sum()
        if there:
            precision, recall = hit_found / max(found, 1), hit_there / there
            f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
            total, weights = total + (step - 1) * f1, weights + step - 1
    return float(total / weights) if weights else float("nan")


def _resized(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the prediction at the size of the truth."""
    image = Image.fromarray(prediction.astype(np.float32))
    return np.asarray(image.resize(truth.shape[::-1], Image.Resampling.BILINEAR), np.float64)


def _edges(values: np.ndarray, valid: np.ndarray, step: float, axis: int) -> Iterator[np.ndarray]:
    """Yield, for each direction, the mask of pixels that are nearer than their neighbour by the ratio `step`."""
    later, earlier = slice(1, None), slice(None, -1)
    at = (lambda s: (s, slice(None))) if axis == 0 else (lambda s: (slice(None), s))
    both = valid[at(later)] & valid[at(earlier)]
    yield both & (values[at(later)] > step * values[at(earlier)])
    yield both & (values[at(earlier)] > step * values[at(later)])


def _grown(mask: np.ndarray) -> np.ndarray:
    """Return the mask dilated by one pixel in all eight directions."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    shifted = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    grown: np.ndarray = np.logical_or.reduce(shifted)
    return grown
