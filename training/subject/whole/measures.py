"""Compare maps of the subject with masks: the whole, holes, outlines, thin parts and thin gaps."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

_HOLE = 0.01  # share of the mask from which a missing part counts as a hole
_OUTLINE = 0.0075  # distance of outlines that agree, in diagonals
_THIN = 0.02  # width of thin parts, in shorter sides
_FEW = 0.0005  # share of the picture below which thin parts are too few to measure


def scores(coverage: np.ndarray, mask: np.ndarray, known: np.ndarray, *, exact: bool) -> dict[str, float]:
    """Compare a coverage with a mask where it is known.

    Args:
        coverage: (h, w) in [0, 1]; above a half it is inside.
        mask: (h, w, bool).
        known: (h, w, bool).
        exact: whether gaps of the mask are true.

    Returns:
        iou: intersection over union. hole: 1 if a connected part of more than 1 % of the mask is missing. boundary:
        F-score of outlines at most .75 % of the diagonal apart. thin: recall of the parts that are narrower
        than 2 % of the shorter side. gap: the same of the gaps between parts; both are NaN if there are few. sure:
        share of the pixels whose coverage is below .1 or above .9.
    """
    inside = coverage > 0.5
    either = ((inside | mask) & known).sum()
    parts, count = ndimage.label(mask & ~inside & known)
    hole = np.bincount(parts.ravel())[1:].max() if count else 0
    near = max(1, round(_OUTLINE * np.hypot(*mask.shape)))
    outlines = [plane & ~ndimage.binary_erosion(plane, border_value=1) & known for plane in (inside, mask)]
    reach = [ndimage.distance_transform_edt(~line) <= near if line.any() else line for line in outlines]
    precision = (outlines[0] & reach[1]).sum() / max(outlines[0].sum(), 1)
    recall = (outlines[1] & reach[0]).sum() / max(outlines[1].sum(), 1)
    thin = mask & ~_opened(mask) & known
    gap = ~mask & ~_opened(~mask) & known
    least = _FEW * mask.size
    return {
        "iou": float((inside & mask & known).sum() / max(either, 1)),
        "hole": float(hole > _HOLE * mask.sum()),
        "boundary": float(2 * precision * recall / max(precision + recall, 1e-9)),
        "thin": float(inside[thin].mean()) if thin.sum() > least else np.nan,
        "gap": float(1 - inside[gap].mean()) if exact and gap.sum() > least else np.nan,
        "sure": float(((coverage < 0.1) | (coverage > 0.9)).mean()),
    }


def _opened(mask: np.ndarray) -> np.ndarray:
    radius = _THIN * min(mask.shape) / 2
    eroded = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1] > radius
    opened: np.ndarray = ndimage.distance_transform_edt(~eroded) <= radius if eroded.any() else eroded
    return opened
