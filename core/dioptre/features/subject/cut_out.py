"""Turn a coarse subject mask into an alpha matte, using depth in doubtful areas and matting at edges."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from dioptre.imaging.pull_push import extend_colours
from dioptre.imaging.resize import resize

from .matting import refine_matte
from .soft_matte import supported, with_soft_edges

# A pixel certainly belongs to the background if its saliency is below the first value, and certainly to the subject
# if it is above the second. At an outline, half of the pixels with a saliency of 0.6 truly belong to the subject.
_SURELY_OUT, _SURELY_IN = 0.3, 0.9
_ALIKE = 0.06  # typical disparity difference within one object
_RIM_PX = 8  # width of the subject's rim, in pixels at the network's resolution


def cut_out(
    picture: Float32[np.ndarray, "h w 3"],
    probability: Float32[np.ndarray, "s s"],
    near: Float32[np.ndarray, "s s"] | None,
    soft: Float32[np.ndarray, "t t"] | None,
    *,
    onto: Float32[np.ndarray, "H W 3"],
) -> Float32[np.ndarray, "H W"]:
    """Return the subject's alpha at the size of `onto`.

    Args:
        picture: (h, w, 3), sRGB-encoded, in [0, 1].
        probability: (s, s), probability that each pixel belongs to the subject, at the network's resolution.
        near: (s, s), disparity at the same resolution; None if unknown.
        soft: (t, t), the result of `soft_matte` for the picture; None if no network detected the subject.
        onto: (H, W, 3), the picture itself, or a smaller version of it.

    Returns:
        (H, W) alpha in [0, 1].
    """
    if soft is None:
        return refine_matte(picture, _decided(probability, near), onto=onto)
    alpha = refine_matte(picture, _decided(supported(probability, soft), near), onto=onto)
    return with_soft_edges(alpha, soft)


def cut_out_quickly(
    probability: Float32[np.ndarray, "s s"], near: Float32[np.ndarray, "s s"] | None, size: tuple[int, int]
) -> Float32[np.ndarray, "H W"]:
    """Return an approximation of `cut_out` at `size`, with the edges of `probability`."""
    return np.clip(resize(_decided(probability, near), size, method="bilinear"), 0, 1)


def _decided(probability: np.ndarray, near: np.ndarray | None) -> Float32[np.ndarray, "s s"]:
    """Push doubtful pixels towards 0 or 1, comparing their disparity with that of the nearest part of the subject.

    The subject's rim is left alone: depth maps are off by a few pixels there, and the matte must resolve the hair.
    """
    decided = probability
    mask = probability > 0.8
    if near is not None and mask.any():
        planes = np.repeat(near[..., None], 3, axis=2)
        beside = extend_colours(np.concatenate([planes, mask[..., None].astype(np.float32)], axis=2))[..., 0]
        alike = np.exp(-(((near - beside) / _ALIKE) ** 2))
        rim = ndimage.maximum_filter(mask, 2 * _RIM_PX + 1)
        doubt = np.where(rim, 0.0, 1 - (2 * probability - 1) ** 2)
        # Only pixels farther away than the subject can be background.
        farther = np.where(near < beside, 0.5 * (1 - alike), 0.0)
        decided = probability + (0.3 * alike - farther) * doubt
    ramp = np.clip((decided - _SURELY_OUT) / (_SURELY_IN - _SURELY_OUT), 0, 1)
    return (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
