"""Replace the meaningless colours of transparent pixels with a smooth continuation of the visible ones."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from .resize import resize

_TRUSTED_ALPHA = 0.125  # alpha below which a stored colour consists mostly of rounding errors


def extend_colours(rgba_straight: Float32[np.ndarray, "h w 4"]) -> Float32[np.ndarray, "h w 3"]:
    """Return the colours, extrapolated smoothly from the nearest opaque pixels to transparent ones.

    This is pull-push: alpha-weighted means over larger and larger blocks fill the gaps that smaller blocks leave
    (S. J. Gortler et al., "The Lumigraph", 1996). A picture without any opaque pixel stays unchanged.

    Args:
        rgba_straight: colours with straight alpha.
    """
    alpha = np.clip(rgba_straight[..., 3:], 0, 1)
    weight = np.clip(alpha / np.float32(_TRUSTED_ALPHA), 0, 1)
    if weight.min() >= 1 or weight.max() <= 0:
        return rgba_straight[..., :3].copy()
    filled = _fill(np.concatenate([rgba_straight[..., :3] * weight, weight], axis=-1))
    return rgba_straight[..., :3] * weight + filled * (1 - weight)


def _fill(weighted: np.ndarray) -> np.ndarray:
    """Compute a colour for every pixel, (h, w, 3), from the weighted colours and their weight, (h, w, 4)."""
    weight = weighted[..., 3:]
    height, width = weighted.shape[:2]
    own: np.ndarray = weighted[..., :3] / np.maximum(weight, 1e-6)
    if weight.min() > 1e-3 or max(height, width) == 1:
        return own
    half = (-(-height // 2), -(-width // 2))
    coarse = resize(_fill(resize(weighted, half, method="area")), (height, width), method="bilinear")
    share = np.clip(weight * 4, 0, 1)
    return own * share + coarse * (1 - share)
