"""A second opinion on soft edges: MODNet learned from true mattes of people how hair lets light through.

It knows only what it was trained for, and no click: its matte counts where it cuts out the same thing.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from dioptre.imaging.resize import resize
from dioptre.models.registry import ModelKind, find, load_model

_SAME, _SURELY_SAME = 0.75, 0.85  # overlap (IoU) of both mattes from which on the second counts, and counts in full
_BLACK, _WHITE = 0.05, 0.95  # coverage below and above counts as 0 and 1: no haze on the background
_SHARE = 0.5  # of its difference that is taken over


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


def with_soft_edges(
    alpha: Float32[np.ndarray, "h w"], soft: Float32[np.ndarray, "s s"]
) -> Float32[np.ndarray, "h w"]:
    """`alpha` moved towards `soft`, where both are of the same thing; detail finer than `soft` stays as it is."""
    small = resize(alpha, soft.shape, method="area")
    inside, seen = small > 0.5, soft > 0.5
    overlap = float((inside & seen).sum() / max((inside | seen).sum(), 1))
    share = _SHARE * min(max((overlap - _SAME) / (_SURELY_SAME - _SAME), 0.0), 1.0)
    if share == 0:
        return alpha
    change = resize(np.float32(share) * (soft - small), (alpha.shape[0], alpha.shape[1]), method="bilinear")
    change += alpha
    return np.clip(change, 0, 1, out=change)
