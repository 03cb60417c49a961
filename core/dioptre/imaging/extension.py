"""Replace the meaningless colours of transparent pixels with a smooth continuation of the visible ones."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from .pull_push import pull_push

_TRUSTED_ALPHA = 1 / 32  # alpha below which a stored colour consists mostly of rounding errors


def extend_colours(rgba_straight: Float32[np.ndarray, "h w 4"]) -> Float32[np.ndarray, "h w 3"]:
    """Return the colours, extrapolated smoothly from the nearest opaque pixels to transparent ones.

    A picture without any opaque pixel stays unchanged.

    Args:
        rgba_straight: colours with straight alpha.
    """
    colours, alpha = rgba_straight[..., :3], np.clip(rgba_straight[..., 3], 0, 1)
    known = np.where(alpha >= _TRUSTED_ALPHA, alpha, 0)
    if known.min() > 0 or known.max() <= 0:
        return colours.copy()
    share = np.clip(alpha / np.float32(_TRUSTED_ALPHA), 0, 1)[..., None]
    return colours * share + pull_push(colours, known) * (1 - share)
