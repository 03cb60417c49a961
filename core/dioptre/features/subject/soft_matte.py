"""Soft mattes from MODNet, which was trained on real mattes of people and so knows how hair transmits light.

MODNet ignores clicks and knows only the kinds of subjects that it was trained on, so its matte is used only where
it agrees with the mask of the subject network.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from dioptre.imaging.resize import resize
from dioptre.models.loading import load_model
from dioptre.models.registry import ModelKind, find

# Overlap (IoU) of the subject network's mask and MODNet's matte: above the first value, the matte is used; above
# the second, it has its full weight.
_SAME, _SURELY_SAME = 0.75, 0.85
# Coverage below the first value counts as 0, coverage above the second as 1; this avoids haze on the background.
_BLACK, _WHITE = 0.05, 0.95
_SHARE = 0.5  # full weight of the matte: fraction of its difference from the mask that is added to the mask
# Where the difference exceeds the first value throughout a disc of that radius, in the matte's pixels, only one of
# both shows a whole part; the part extends to where the difference falls to the last value.
_OPPOSITE, _PART_RADIUS_PX, _PART_END = 0.9, 4, 0.5
# Overlap (IoU) of the subject network's mask and MODNet's matte: above the first value, the matte raises the
# probability in doubtful areas; above the second, it does so with its full weight.
_RELATED, _SURELY_RELATED = 0.3, 0.6
_SUPPORT = 0.5  # full weight of the matte's log odds, which are added to those of the mask
_SUREST = 0.99  # probabilities are clipped to at most this, and at least 1 minus this, before log odds are computed


def soft_matte(picture: Float32[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "s s"]:
    """Run the matting network on the picture, squeezed to the network's square.

    Every picture is squeezed to the same square, so the network is compiled only once. On ground-truth mattes, the
    error is even lower than with the picture's own proportions.

    Returns:
        (s, s) coverage in [0, 1].

    Raises:
        WeightsError: the network's weights are missing or damaged.
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
    """Raise `probability` where it is doubtful and `soft` shows the subject.

    Values are never lowered: for animals and objects, `soft` often misses parts but rarely adds anything else. So
    it is used only to close holes, not to decide what the subject is.
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
    """Move `alpha` towards `soft` if both show the same object; details finer than `soft` are preserved.

    Whole parts that only one of them shows, such as an arm or a table, stay as in `alpha`: half of such a
    difference would make the part half transparent.
    """
    small = resize(alpha, soft.shape, method="area")
    share = _SHARE * _ramp(_overlap(small, soft), _SAME, _SURELY_SAME)
    if share == 0:
        return alpha
    difference = soft - small
    difference[_whole_parts(difference)] = 0
    change = resize(np.float32(share) * difference, (alpha.shape[0], alpha.shape[1]), method="bilinear")
    change += alpha
    return np.clip(change, 0, 1, out=change)


def _whole_parts(difference: Float32[np.ndarray, "s s"]) -> Bool[np.ndarray, "s s"]:
    """Return the areas, apart from thin ones, where one matte is nearly opaque and the other nearly transparent."""
    size = np.abs(difference)
    wide = ndimage.binary_opening(size > _OPPOSITE, iterations=_PART_RADIUS_PX)
    parts: np.ndarray = ndimage.binary_propagation(wide, mask=size > _PART_END)
    return parts


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the intersection over union of two masks, both thresholded at 0.5."""
    one, other = first > 0.5, second > 0.5
    return float((one & other).sum() / max((one | other).sum(), 1))


def _ramp(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _log_odds(probability: np.ndarray) -> np.ndarray:
    kept = np.clip(probability, 1 - _SUREST, _SUREST)
    return np.log(kept) - np.log1p(-kept)
