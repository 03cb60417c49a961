"""Join the maps of two networks: the subject network knows whole things, U²-Net-P what stands out.

The subject network leaves out what is ridden or held more often than U²-Net-P, which takes things apart in turn.
Their log odds are averaged, and parts of U²-Net-P's map that touch the subject are added.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

# Weights of the log odds. Their sum is 2, because both networks are underconfident inside a subject.
_WEIGHTS = (4 / 3, 2 / 3)
_SUREST = 0.99  # upper limit of probabilities before they are combined; the lower limit is 1 minus this
_TOUCH_PX = 2  # a part this close to the subject touches it
# A part is added if its area is at most the first fraction of the subject's, and not at all above the second.
# In between it is added by degrees, so that rounding errors cannot flip it.
_WHOLE_PART, _NO_PART = 0.45, 0.55


def joined(
    whole: Float32[np.ndarray, "s s"], standing_out: Float32[np.ndarray, "s s"]
) -> Float32[np.ndarray, "s s"]:
    """Return the subject's coverage from the subject network's map and from U²-Net-P's."""
    odds = _WEIGHTS[0] * _log_odds(whole) + _WEIGHTS[1] * _log_odds(standing_out)
    coverage = (1 / (1 + np.exp(-odds))).astype(np.float32)
    subject = coverage > 0.5
    taken = np.where(subject, 1.0, _touching_parts(subject, standing_out)).astype(np.float32)
    joint: np.ndarray = np.maximum(coverage, taken * standing_out)
    return joint


def _touching_parts(
    subject: Bool[np.ndarray, "s s"], standing_out: Float32[np.ndarray, "s s"]
) -> Float32[np.ndarray, "s s"]:
    """Return how much of each place belongs to a part that is added, and to its rim."""
    added = np.zeros(subject.shape, np.float32)
    labels, count = ndimage.label((standing_out > 0.5) & ~subject)
    near = ndimage.binary_dilation(subject, iterations=_TOUCH_PX)
    for part in np.unique(labels[near & (labels > 0)]) if count else ():
        mask = labels == part
        share = (_NO_PART - mask.sum() / subject.sum()) / (_NO_PART - _WHOLE_PART)
        if share > 0:
            np.maximum(added, min(share, 1) * ndimage.binary_dilation(mask, iterations=_TOUCH_PX), out=added)
    return added


def _log_odds(p: Float32[np.ndarray, "s s"]) -> Float32[np.ndarray, "s s"]:
    kept = np.clip(p, 1 - _SUREST, _SUREST)
    odds: np.ndarray = np.log(kept) - np.log1p(-kept)
    return odds
