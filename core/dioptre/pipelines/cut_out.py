"""From where a subject is to its coverage of every pixel: doubt is decided by depth, edges are found by matting."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageFilter

from dioptre.imaging.extension import extend_colours
from dioptre.imaging.joint_upsampling import double_along_edges
from dioptre.imaging.matting import refine_matte
from dioptre.imaging.resize import resize

from .soft_matte import supported, with_soft_edges

_SURELY_OUT, _SURELY_IN = 0.3, 0.9  # saliency; half the pixels at an outline that have .6 are truly inside
_ALIKE = 0.06  # difference of disparity within one thing
_RIM_PX = 4  # of the small square


def cut_out(
    picture: Float32[np.ndarray, "h w 3"],
    probability: Float32[np.ndarray, "s s"],
    near: Float32[np.ndarray, "s s"] | None,
    soft: Float32[np.ndarray, "t t"] | None,
    *,
    onto: Float32[np.ndarray, "H W 3"],
) -> Float32[np.ndarray, "H W"]:
    """Alpha of the subject in `onto`, in [0, 1]: the picture, or the same picture reduced.

    probability: of belonging to it, on the small square. near: disparity there, where it is known. soft: what
    `soft_matte` says of the picture; None where no network saw the subject.
    """
    if soft is None:
        return refine_matte(picture, _decided(probability, near), onto=onto)
    alpha = refine_matte(picture, _decided(supported(probability, soft), near), onto=onto)
    return with_soft_edges(alpha, soft)


def cut_out_quickly(
    picture: Float32[np.ndarray, "h w 3"],
    probability: Float32[np.ndarray, "s s"],
    near: Float32[np.ndarray, "s s"] | None,
    size: tuple[int, int],
) -> Float32[np.ndarray, "H W"]:
    """Alpha at `size`, nearly as `cut_out` gives it: along edges, without hair. One program for every size."""
    side = len(probability)
    guide, finer = (np.clip(resize(picture, (n, n), method="area"), 0, 1) for n in (side, 2 * side))
    doubled = np.asarray(double_along_edges(_decided(probability, near), guide, finer))
    return np.clip(resize(doubled, size, method="bilinear"), 0, 1)


def _decided(probability: np.ndarray, near: np.ndarray | None) -> Float32[np.ndarray, "s s"]:
    """Push doubtful pixels to one side: to the subject where they are as near as the part of it beside them.

    Not at its rim: there depth maps err by some pixels, and hair must be left to the matte.
    """
    decided = probability
    mask = probability > 0.8
    if near is not None and mask.any():
        planes = np.repeat(near[..., None], 3, axis=2)
        beside = extend_colours(np.concatenate([planes, mask[..., None].astype(np.float32)], axis=2))[..., 0]
        alike = np.exp(-(((near - beside) / _ALIKE) ** 2))
        rim = np.asarray(Image.fromarray(mask).convert("L").filter(ImageFilter.MaxFilter(2 * _RIM_PX + 1))) > 0
        doubt = np.where(rim, 0.0, 1 - (2 * probability - 1) ** 2)
        farther = np.where(near < beside, 0.5 * (1 - alike), 0.0)  # nearer is not background
        decided = probability + (0.3 * alike - farther) * doubt
    ramp = np.clip((decided - _SURELY_OUT) / (_SURELY_IN - _SURELY_OUT), 0, 1)
    return (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
