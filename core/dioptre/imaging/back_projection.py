"""Back-projection: bring an enlarged picture to where reducing it gives the original again.

M. Irani, S. Peleg, "Improving Resolution by Image Registration", CVGIP 1991. The addition is specific to Dioptre:
each round enlarges the difference that is left and adds it. Bicubic reduction with antialiasing stands for the
camera, as it did in the networks' training.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from .resize import resize

ROUNDS = 4
"""Enough for a faithful network's picture: 0.8 of an 8-bit step is left at most, and 0.04 on average."""

REACH_PX = 8
"""Beyond this distance, in pixels of the original, four rounds change nothing visible."""

_ENOUGH = 0.8 / 255


def back_projected(
    enlarged: Float32[np.ndarray, "H W c"],
    original: Float32[np.ndarray, "h w c"],
    *,
    fidelity: float = 1.0,
    rounds: int = ROUNDS,
) -> Float32[np.ndarray, "H W c"]:
    """The enlarged picture, clipped to [0, 1], with a bicubic reduction that equals `original`.

    original: in [0, 1]. fidelity: share of the correction that is made, from 0 (none) to 1.
    rounds: at most so many; beyond the usual number only until no pixel is off by more than 0.8 of an 8-bit step.
    """
    size, coarse = (enlarged.shape[0], enlarged.shape[1]), (original.shape[0], original.shape[1])
    result: np.ndarray = np.clip(enlarged, 0, 1)
    if fidelity <= 0:
        return result
    for done in range(rounds):
        difference = original - resize(result, coarse, method="bicubic")
        if done >= ROUNDS and float(np.abs(difference).max()) <= _ENOUGH:
            break
        corrected = resize(difference, size, method="bicubic")
        corrected += result
        result = np.clip(corrected, 0, 1, out=corrected)
    if fidelity < 1:
        clipped = np.clip(enlarged, 0, 1)
        result = clipped + np.float32(fidelity) * (result - clipped)
    return result
