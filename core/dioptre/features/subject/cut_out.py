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
_COVERED, _ALIKE_COLOUR = 0.8, 0.2  # least coverage around a hole; largest difference of its colour
_LEAST_HOLE_PX = 70  # number of pixels of the smallest hole that is filled, at the network's resolution
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
    alpha = with_soft_edges(refine_matte(picture, _decided(supported(probability, soft), near), onto=onto), soft)
    return alpha if near is None else _without_holes(alpha, onto, near)


def cut_out_quickly(
    probability: Float32[np.ndarray, "s s"], near: Float32[np.ndarray, "s s"] | None, size: tuple[int, int]
) -> Float32[np.ndarray, "H W"]:
    """Return an approximation of `cut_out` at `size`, with the edges of `probability`."""
    return np.clip(resize(_decided(probability, near), size, method="bilinear"), 0, 1)


def _without_holes(
    alpha: Float32[np.ndarray, "h w"], picture: Float32[np.ndarray, "h w 3"], near: Float32[np.ndarray, "s s"]
) -> Float32[np.ndarray, "h w"]:
    """Fill the holes of a matte that look like the subject around them and are not farther away.

    A gap, such as between an arm and the body, shows other colours or a greater distance. Tiny holes and those at
    the subject's outline are left alone: there, hair and the rims of things are truly half covered. A network that
    never misses part of a subject's inside makes this unnecessary.
    """
    small, colours = (resize(plane, near.shape, method="area") for plane in (alpha, picture))
    covered = small > _COVERED
    whole = ndimage.binary_fill_holes(covered)
    labels, count = ndimage.label(whole & ~covered)
    filled = np.zeros_like(small)
    for number, place in enumerate(ndimage.find_objects(labels, count), start=1):
        around = tuple(slice(max(part.start - _RIM_PX - 1, 0), part.stop + _RIM_PX + 1) for part in place)
        hole = labels[around] == number
        grown = ndimage.binary_dilation(hole, iterations=_RIM_PX)
        if hole.sum() < _LEAST_HOLE_PX or (grown & ~whole[around]).any():
            continue
        rim = grown & covered[around]
        colour, distance = (
            np.median(plane[around][hole], axis=0) - np.median(plane[around][rim], axis=0)
            for plane in (colours, near)
        )
        if np.abs(colour).max() < _ALIKE_COLOUR and distance > -_ALIKE / 2:
            filled[around][ndimage.binary_dilation(hole, iterations=4)] = 1
    if not filled.any():
        return alpha
    return np.maximum(alpha, resize(filled, (alpha.shape[0], alpha.shape[1]), method="bilinear"))


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
