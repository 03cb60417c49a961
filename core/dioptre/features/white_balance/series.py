"""Consistent white balance for a series: pictures taken under the same illuminant get the same correction.

The estimates of a series scatter around the illuminant it was taken under. Estimates that lie close together are
treated as one illuminant and averaged, weighted by their certainty; pictures with estimates far from the others are
assumed to be taken under another illuminant and form a separate group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dioptre.colour import WhitePoint

from .illuminant import Estimate, xy_of

_ONE_LIGHT = 0.4
"""Largest distance of an estimate from the centre of its group, in (ln r/g, ln b/g): about 60 mired."""
_SURE_DE = 1.0  # added to each picture's expected error (ΔE), so that no single picture dominates the mean


def mean_light(estimates: Sequence[Estimate]) -> Estimate:
    """Return the common illuminant and residual of one or more pictures."""
    if len(estimates) == 1:
        return estimates[0]
    weights = _weights(estimates)
    chroma = weights @ np.stack([estimate.chroma for estimate in estimates])
    xy = xy_of(chroma.astype(np.float32))
    return replace(
        estimates[0],
        light=WhitePoint.from_xy(xy),
        xy=xy,
        residual=np.tensordot(weights, np.stack([e.residual for e in estimates]), 1).astype(np.float32),
        expected_de=float(weights @ [e.expected_de for e in estimates]),
        confidence=float(weights @ [e.confidence for e in estimates]),
        share=float(weights @ [e.share for e in estimates]),
        coloured=any(e.coloured for e in estimates),
        tinted=any(e.tinted for e in estimates),
    )


def groups(estimates: Sequence[Estimate]) -> list[list[int]]:
    """Group pictures by illuminant; return the indices of each group, the largest group first."""
    chroma = np.stack([estimate.chroma for estimate in estimates])
    weights = _weights(estimates)
    near = np.linalg.norm(chroma[:, None] - chroma[None], axis=-1) < _ONE_LIGHT
    left = np.ones(len(estimates), bool)
    found: list[list[int]] = []
    while left.any():
        middle = int(np.argmax(np.where(left, (near & left) @ weights, -1.0)))
        members = near[middle] & left
        centre = (weights[members] @ chroma[members]) / weights[members].sum()
        members = left & ((np.linalg.norm(chroma - centre, axis=1) < _ONE_LIGHT) | members)
        found.append([int(index) for index in np.flatnonzero(members)])
        left &= ~members
    return sorted(found, key=len, reverse=True)


def speakers(estimates: Sequence[Estimate], members: Sequence[int], *, most: int) -> list[int]:
    """Return up to `most` members of a group, those with the most certain estimates."""
    return sorted(sorted(members, key=lambda index: estimates[index].expected_de)[:most])


def _weights(estimates: Sequence[Estimate]) -> np.ndarray:
    weights = np.array([1 / (_SURE_DE + estimate.expected_de) ** 2 for estimate in estimates])
    return weights / weights.sum()
