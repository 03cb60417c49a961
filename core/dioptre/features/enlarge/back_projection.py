"""Correct an enlarged picture by back-projection, so that its reduction equals the original.

M. Irani, S. Peleg, "Improving Resolution by Image Registration", CVGIP 1991. The update is specific to Dioptre:
each round adds the remaining difference, enlarged. Bicubic reduction with antialiasing models the camera, as it did
when the networks were trained.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Picture
from dioptre.imaging.resize import resize

ROUNDS = 8
"""Enough rounds for a faithful network: except among clipped pixels, the error left is below an 8-bit step."""

REACH_PX = 8
"""Distance, in pixels of the original, beyond which eight rounds change nothing visible."""

_ENOUGH = 0.8 / 255
# Most pixels need `_QUICK` rounds. Beside clipped ones, whose correction is lost, what is left shrinks slowly.
_QUICK, _MOMENTUM = 2, np.float32(0.7)


def back_projected(
    enlarged: Float32[np.ndarray, "H W c"],
    original: Picture,
    *,
    fidelity: float = 1.0,
    rounds: int = ROUNDS,
) -> Float32[np.ndarray, "H W c"]:
    """Return the enlarged picture, clipped to [0, 1] and corrected so that its bicubic reduction equals `original`.

    Args:
        enlarged: the enlarged picture.
        original: the picture before enlarging, in [0, 1].
        fidelity: fraction of the correction that is applied, from 0 (none) to 1.
        rounds: maximum number of rounds. Rounds after the first `ROUNDS` run only while some pixel is off by more
            than 0.8 of an 8-bit step.
    """
    size, coarse = (enlarged.shape[0], enlarged.shape[1]), (original.shape[0], original.shape[1])
    result: np.ndarray = np.clip(enlarged, 0, 1)
    if fidelity <= 0:
        return result
    change = np.zeros_like(original)
    for done in range(rounds):
        difference = original - resize(result, coarse, method="bicubic")
        if done >= ROUNDS and float(np.abs(difference).max()) <= _ENOUGH:
            break
        change = difference + _MOMENTUM * change if done >= _QUICK else difference
        corrected = resize(change, size, method="bicubic")
        corrected += result
        result = np.clip(corrected, 0, 1, out=corrected)
    if fidelity < 1:
        clipped = np.clip(enlarged, 0, 1)
        result = clipped + np.float32(fidelity) * (result - clipped)
    return result
