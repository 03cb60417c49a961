"""Keep an enlarging network from engraving faint texture.

The faithful networks were trained on pictures that were reduced without sharpening. Photographs as cameras and web
sites deliver them are a little sharper, and in these the networks draw too much detail: wiry lines on skin, a woven
pattern on fabric. By how much a picture was sharpened cannot be measured reliably, but in faint texture the detail
that a network adds is worth nearly nothing even if it is right, so it is left out there.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from dioptre.imaging.box_mean import box_mean
from dioptre.imaging.numbers import LUMA
from dioptre.imaging.resize import resize

# Standard deviation of the finest detail, 0 to 1, up to which the network adds nothing and from which it adds all.
_FAINT, _CLEAR = 2 / 255, 7 / 255
_FINEST_PX, _AROUND_PX = 1, 3  # half-widths of the squares that separate this detail and average its square


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
