"""Areas that stay sharp regardless of their depth."""

from __future__ import annotations

import numpy as np

from dioptre.contract import Disparity, Picture, Plane, row_slices

from .defocus import Focus

_LEAST_ALPHA = 1e-6


def disparity_in_focus(disparity: Disparity, kept: Plane, *, focus: Focus) -> Plane:
    """Return a copy of the disparity in which every circle of confusion is scaled by `1 - kept`.

    Signs do not change: pixels in front of the focus stay in front, and pixels behind it stay behind.

    Args:
        disparity: the disparity map.
        kept: how much each pixel stays sharp, 0 to 1.
        focus: the focus for this disparity.
    """
    near = disparity.copy()
    focal, span = np.float32(focus.focal_disparity), np.float32(focus.range)
    for rows in row_slices(len(near)):
        difference, share = near[rows] - focal, kept[rows]
        beyond = np.sign(difference) * np.maximum(np.abs(difference) - span, 0)
        np.subtract(near[rows], share * beyond, out=near[rows], where=share > 0)
    return near


def put_back(
    image: Picture,
    kept: Plane,
    *,
    onto: Picture,
) -> None:
    """Restore areas that stay sharp by blending the original picture over its blurred version, in place.

    This removes light that nearer surfaces spread over these areas. Where `kept` is 1, the pixels become identical
    to the original.

    Args:
        image: the original picture, with straight alpha if it has any.
        kept: how much each pixel stays sharp, 0 to 1.
        onto: the blurred picture in the same format; modified in place.
    """
    for rows in row_slices(len(onto)):
        source, target = image[rows], onto[rows]
        # Use only a little of the original where much blur remains, to avoid double contours.
        share = (kept[rows] ** 4)[..., None]
        if not share.any():
            continue
        if image.shape[2] == 4:
            alpha = share * source[..., 3:] + (1 - share) * target[..., 3:]
            own = share * source[..., 3:] / np.maximum(alpha, _LEAST_ALPHA)
            mixed = np.concatenate([target[..., :3] + own * (source[..., :3] - target[..., :3]), alpha], axis=-1)
        else:
            mixed = target + share * (source - target)
        target[...] = np.where(share == 1, source, np.where(share > 0, mixed, target))
