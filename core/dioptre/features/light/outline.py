"""The depth and the coverage of a subject along its outline, where a depth map cuts through its hair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from dioptre.contract import Disparity, Matte, Picture, Plane
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import resize, resized_rows

_WIDTH = 0.008  # half-width of the band along the outline, as a fraction of the longer side
_APART = 0.12  # difference of disparity from that around, from which a place near the outline is on its other side
_SOFT = 0.02  # coverage that differs from 0 and 1
_ALIKE, _UNLIKE = (
    0.04,
    0.14,
)  # largest difference of encoded colours up to which a pixel shows what is behind, and from which not


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A picture's depth and the coverage of its subject, and what lies on both sides of the outline.

    Attributes:
        picture: the picture, sRGB-encoded.
        disparity: 1 = nearest.
        alpha: coverage of the subject.
        sides: small planes: disparity in front and behind, weight of the band, where the subject may have gaps, and
            colour behind.
    """

    picture: Picture
    disparity: Disparity
    alpha: Matte
    sides: Float32[np.ndarray, "sh sw 7"]

    @staticmethod
    def of(picture: Picture, disparity: Disparity, alpha: Matte, size: tuple[int, int]) -> Outline:
        """Continue the disparity of both sides to the outline in a small picture of `size`."""
        cover, near = (resize(each, size, method="area") for each in (alpha, disparity))
        colour = resize(np.ascontiguousarray(picture[..., :3]), size, method="area")
        reach = max(1, round(_WIDTH * max(size)))
        rims = ndimage.maximum_filter(cover, 3) - ndimage.minimum_filter(cover, 3) > _SOFT
        strip = ndimage.maximum_filter(rims, 8 * reach + 1)
        wrong = np.zeros_like(rims)
        for side in (cover > 0.5, cover <= 0.5):
            weight = ndimage.gaussian_filter(side.astype(np.float32), 6 * reach)
            usual = ndimage.gaussian_filter(near * side, 6 * reach) / np.maximum(weight, 1e-6)
            wrong |= side & strip & (np.abs(near - usual) > _APART)
        band = ndimage.maximum_filter(rims | wrong, 2 * reach + 1)
        front, behind = (
            pull_push(np.concatenate([near[..., None], colour], axis=2), (side & ~band).astype(np.float32))
            if (side & ~band).any()
            else np.concatenate([near[..., None], colour], axis=2)
            for side in (cover > 0.5, cover <= 0.5)
        )
        weight = ndimage.gaussian_filter(band.astype(np.float32), reach / 2)
        gaps = 1 - ndimage.minimum_filter(cover, 2 * -(-reach // 2) + 1)
        return Outline(
            picture=picture,
            disparity=disparity,
            alpha=alpha,
            sides=np.stack(
                [front[..., 0], behind[..., 0], weight, gaps, *np.moveaxis(behind[..., 1:], 2, 0)], axis=2
            ),
        )

    def rows(self, rows: slice) -> tuple[Plane, Plane]:
        """Return the disparity and the coverage; gaps in hair that show what is behind count as uncovered."""
        front, behind, band, gaps, *colour = np.moveaxis(
            resized_rows(self.sides, self.disparity.shape, rows, method="bilinear"), 2, 0
        )
        apart = np.maximum.reduce([np.abs(self.picture[rows, :, k] - each) for k, each in enumerate(colour)])
        unlike = np.clip((apart - np.float32(_ALIKE)) / np.float32(_UNLIKE - _ALIKE), 0, 1)
        cover = self.alpha[rows] * (1 - gaps * (1 - unlike))
        near = self.disparity[rows]
        return near + band * (behind + cover * (front - behind) - near), cover

    def small(self, cover: Plane) -> Plane:
        """Return the disparity of the small picture, in which each pixel is either in front or behind."""
        front, behind, band = (self.sides[..., k] for k in range(3))
        near = resize(self.disparity, cover.shape, method="area")
        return np.asarray(near + band * (np.where(cover > 0.5, front, behind) - near))
