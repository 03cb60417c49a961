"""A second opinion on subjects: MODNet learned from true mattes of people how hair lets light through.

It knows only what it was trained for, and no click: its matte counts where it cuts out the same thing.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from dioptre.imaging.resize import resize
from dioptre.models.loading import load_model
from dioptre.models.registry import ModelKind, find

_SAME, _SURELY_SAME = 0.75, 0.85  # overlap (IoU) of both mattes from which on the second counts, and counts in full
_BLACK, _WHITE = 0.05, 0.95  # coverage below and above counts as 0 and 1: no haze on the background
_SHARE = 0.5  # of its difference that is taken over
_RELATED, _SURELY_RELATED = 0.3, 0.6  # overlap from which on it supports doubtful parts, and does so in full
_SUPPORT = 0.5  # weight of its log odds
_SUREST = 0.99  # beyond it certainty counts no more


def soft_matte(picture: Float32[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "s s"]:
    """Coverage of the picture squeezed to the network's square, in [0, 1].

    A square for every picture: no new shape has to be compiled, and on true mattes it errs less than the picture's
    own proportions do.
    """
    network = load_model(find("default", kind=ModelKind.MATTE).id)
    prepared = network.entry.preprocessing
    side = prepared.short_side_px
    small = np.clip(resize(picture, (side, side), method="bilinear"), 0, 1)
    x = (small - np.array(prepared.mean, np.float32)) / np.array(prepared.deviation, np.float32)
    covered = np.asarray(network(x[None]))[0, ..., 0]
    stretched: np.ndarray = (covered - np.float32(_BLACK)) / np.float32(_WHITE - _BLACK)
    return np.clip(stretched, 0, 1, out=stretched)


def supported(
    probability: Float32[np.ndarray, "s s"], soft: Float32[np.ndarray, "t t"]
) -> Float32[np.ndarray, "s s"]:
    """`probability`, greater where it is in doubt and `soft` sees the subject.

    Nothing is taken away: of animals and things `soft` often misses parts, but rarely adds something else. So it
    closes holes without a say in what the subject is.
    """
    seen = np.clip(resize(soft, probability.shape, method="bilinear"), 0, 1)
    share = _SUPPORT * _ramp(_overlap(probability, seen), _RELATED, _SURELY_RELATED)
    if share == 0:
        return probability
    odds = _log_odds(probability) + np.float32(share) * _log_odds(seen)
    return np.maximum(probability, 1 / (1 + np.exp(-odds)))


def with_soft_edges(
    alpha: Float32[np.ndarray, "h w"], soft: Float32[np.ndarray, "s s"]
) -> Float32[np.ndarray, "h w"]:
    """`alpha` moved towards `soft`, where both are of the same thing; detail finer than `soft` stays as it is."""
    small = resize(alpha, soft.shape, method="area")
    share = _SHARE * _ramp(_overlap(small, soft), _SAME, _SURELY_SAME)
    if share == 0:
        return alpha
    change = resize(np.float32(share) * (soft - small), (alpha.shape[0], alpha.shape[1]), method="bilinear")
    change += alpha
    return np.clip(change, 0, 1, out=change)


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of both, cut at a half."""
    one, other = first > 0.5, second > 0.5
    return float((one & other).sum() / max((one | other).sum(), 1))


def _ramp(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _log_odds(probability: np.ndarray) -> np.ndarray:
    kept = np.clip(probability, 1 - _SUREST, _SUREST)
    return np.log(kept) - np.log1p(-kept)
