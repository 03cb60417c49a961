"""The loss: cross entropy that weighs outlines and thin parts, and a soft intersection over union."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

THIN_PX = 13
"""Parts and gaps narrower than this square, at a side of 672 pixels, count as thin."""

_OUTLINE, _COARSE_OUTLINE = 2.0, -0.75  # added to the weight of outlines that are exact, and that are not
_THIN, _GAP = 4.0, 2.0  # added to the weight of thin parts, and of thin gaps where outlines are exact
_SOFT_PX = 9  # width of the band of an outline
_OVERLAP, _AT_AN_EIGHTH = 0.6, 0.3  # shares of the parts of the loss


def loss(fine: Tensor, coarse: Tensor, mask: Tensor, known: Tensor, exact: Tensor) -> Tensor:
    """Return the loss of a batch.

    Args:
        fine: logits (n, s, s).
        coarse: logits (n, s/8, s/8).
        mask: (n, s, s), the subject's coverage.
        known: (n, s, s), 1 where the mask is known, otherwise 0.
        exact: (n,) bool, whether a view's outlines are accurate to a pixel.
    """
    weight = weights(mask, known, exact)
    small = [functional.avg_pool2d(plane[:, None], 8)[:, 0] for plane in (mask, known, weight)]
    least = small[0][0].numel() / 1000
    total = torch.zeros(())
    for share, logits, (m, k, w) in ((1.0, fine, (mask, known, weight)), (_AT_AN_EIGHTH, coarse, small)):
        entropy = functional.binary_cross_entropy_with_logits(logits, m, w)
        inside = torch.sigmoid(logits)
        both = (k * inside * m).sum((1, 2))
        either = (k * (inside + m - inside * m)).sum((1, 2))
        total = total + share * (entropy + _OVERLAP * (1 - (both + least) / (either + least)).mean())
    return total


def weights(mask: Tensor, known: Tensor, exact: Tensor) -> Tensor:
    """Return the weight (n, s, s) of each pixel in the cross entropy."""
    wide = _mean(_mean(mask[:, None]))[:, 0]
    band = 4 * wide * (1 - wide)  # 1 on an outline
    inside = (mask > 0.5).float()
    thin, gap = inside - opened(inside), 1 - inside - opened(1 - inside)
    exactly = exact[:, None, None].float()
    outline = _OUTLINE * exactly + _COARSE_OUTLINE * (1 - exactly)
    return known * (1 + outline * band * (1 - thin) + _THIN * thin + _GAP * exactly * gap)


def opened(mask: Tensor) -> Tensor:
    """Return what remains of a binary mask (n, s, s) without its thin parts."""
    side = max(3, round(THIN_PX * mask.shape[-1] / 672) // 2 * 2 + 1)
    return _dilated(-_dilated(-mask[:, None], side), side)[:, 0]


def _dilated(x: Tensor, side: int) -> Tensor:
    rows = functional.max_pool2d(x, (side, 1), 1, (side // 2, 0))
    return functional.max_pool2d(rows, (1, side), 1, (0, side // 2))


def _mean(x: Tensor) -> Tensor:
    return functional.avg_pool2d(x, _SOFT_PX, 1, _SOFT_PX // 2, count_include_pad=False)
