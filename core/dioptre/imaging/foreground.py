"""The subject's own colours where the background shines through it: hair, fur, out-of-focus rims."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from .layers import Rows
from .pull_push import pull_push_rows

_INSIDE, _OUTSIDE = 0.98, 0.02  # coverage from which a pixel shows the subject alone, below which the background
_LEAST = 0.02  # coverage by which is divided at least
_TELLING = 0.25  # coverage from which a pixel is believed in full about the subject's colour
_FREEDOM = 0.12  # how far a colour may be from those of the inside nearby: alpha and the background are estimates


def foreground_rows(image: Float32[np.ndarray, "h w c"], alpha: Float32[np.ndarray, "h w"]) -> Rows:
    """What gives rows of the subject's colours, (n, w, 3), as if it covered each pixel in full.

    A pixel mixes the subject's colour by alpha with the background's. The background is continued from around the
    subject; the remainder is the subject's colour, limited to what its inside looks like nearby.
    """
    colours = image[..., :3]
    inside, outside = pull_push_rows(colours, alpha > _INSIDE), pull_push_rows(colours, alpha < _OUTSIDE)
    nothing_sure = not bool((alpha > _INSIDE).any())

    def read(rows: slice) -> np.ndarray:
        seen, cover = colours[rows], alpha[rows][..., None]
        own: np.ndarray = (seen - (1 - cover) * outside(rows)) / np.maximum(cover, np.float32(_LEAST))
        if not nothing_sure:
            near = inside(rows)
            freedom = np.float32(_FREEDOM) * np.clip(cover / np.float32(_TELLING), 0, 1)
            own = np.clip(own, near - freedom, near + freedom)
        sure = np.clip((cover - np.float32(_INSIDE)) / np.float32(1 - _INSIDE), 0, 1)
        return np.clip(own + sure * (seen - own), 0, None)

    return read


def with_own_colours(image: Float32[np.ndarray, "h w c"], alpha: Float32[np.ndarray, "h w"]) -> Rows:
    """What gives rows of the subject by itself, (n, w, 4), straight alpha: clean on any new background."""
    colours = foreground_rows(image, alpha)
    return lambda rows: np.concatenate([colours(rows), alpha[rows][..., None]], axis=-1)
