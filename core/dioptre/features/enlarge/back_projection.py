"""Correct an enlarged picture: by back-projection, and by leaving out faint detail.

Back-projection makes the reduced result equal the original. M. Irani, S. Peleg, "Improving Resolution by Image
Registration", CVGIP 1991. The update is specific to Dioptre: each round adds the remaining difference, enlarged.
Bicubic reduction with antialiasing models the camera, as it did when the networks were trained.

Faint texture is not engraved. The faithful networks were trained on pictures that were reduced without sharpening.
Photographs as cameras and web sites deliver them are a little sharper, and in these the networks draw too much
detail: wiry lines on skin, a woven pattern on fabric. By how much a picture was sharpened cannot be measured
reliably, but in faint texture the detail that a network adds is worth nearly nothing even if it is right, so it is
left out there.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Picture
from dioptre.imaging.box_mean import box_mean
from dioptre.imaging.numbers import LUMA
from dioptre.imaging.resize import resize

ROUNDS = 4
"""Enough rounds for a faithful network; the remaining error is at most 0.8 of an 8-bit step, 0.04 on average."""

REACH_PX = 8
"""Distance, in pixels of the original, beyond which four rounds change nothing visible."""

_ENOUGH = 0.8 / 255
# Standard deviation of the finest detail, 0 to 1, up to which the network adds nothing and from which it adds all.
_FAINT, _CLEAR = 2 / 255, 7 / 255
_FINEST_PX, _AROUND_PX = 1, 3  # half-widths of the squares that separate this detail and average its square


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


def without_faint_detail(
    enlarged: Float32[np.ndarray, "H W 3"], original: Float32[np.ndarray, "h w 3"]
) -> Float32[np.ndarray, "H W 3"]:
    """Return the enlarged picture, interpolated where the original shows only faint texture.

    Args:
        enlarged: the output of a network, sRGB-encoded.
        original: the picture before enlarging, sRGB-encoded, in [0, 1].
    """
    size = (enlarged.shape[0], enlarged.shape[1])
    luma = original @ LUMA
    detail = np.sqrt(box_mean((luma - box_mean(luma, _FINEST_PX)) ** 2, _AROUND_PX).clip(0))
    ramp = np.clip((detail - _FAINT) / (_CLEAR - _FAINT), 0, 1)
    weight = resize(ramp * ramp * (3 - 2 * ramp), size, method="bilinear")[..., None]
    interpolated = resize(original, size, method="bicubic")
    return interpolated + weight * (enlarged - interpolated)
