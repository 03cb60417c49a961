"""Both sides of a subject's outline, where a depth map cuts through its hair and pixels mix hair and background."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float, Float32
from scipy import ndimage

from dioptre.contract import Disparity, Matte, Picture, Plane
from dioptre.imaging.encoding import srgb_to_linear
from dioptre.imaging.numbers import LUMINANCE
from dioptre.imaging.pull_push import pull_push
from dioptre.imaging.resize import resize
from dioptre.imaging.shapes import bucket, map_pixels, pad_to
from dioptre.programs import kept

HALF = 0.5
"""Coverage of the subject from which a pixel of the small picture belongs to it."""

_WIDTH = 0.008  # half-width of the band along the outline, as a fraction of the longer side
_APART = 0.12  # difference of disparity from that around, from which a place near the outline is on its other side
_SOFT = 0.02  # coverage that differs from 0 and 1
_ALIKE = 0.04  # largest difference of encoded colours up to which a pixel shows what is behind
_UNLIKE = 0.14  # and from which it does not; twice that if it differs in the other way than the front
_LEAST = 0.02  # least squared difference of encoded colours that has a direction


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A picture's depth and the coverage of its subject, and what lies on both sides of the outline.

    Attributes:
        picture: the picture, sRGB-encoded.
        disparity: 1 = nearest.
        alpha: coverage of the subject.
        cover: coverage in a small picture.
        level: disparity in the small picture, in which each pixel is either in front or behind.
        sides: small planes: disparity behind and in front, weight of the band, where the subject may have gaps, and
            sRGB-encoded colour behind and in front.
    """

    picture: Picture
    disparity: Disparity
    alpha: Matte
    cover: Float32[np.ndarray, "sh sw"]
    level: Float32[np.ndarray, "sh sw"]
    sides: Float32[np.ndarray, "sh sw 10"]

    @staticmethod
    def of(picture: Picture, disparity: Disparity, alpha: Matte, size: tuple[int, int]) -> Outline:
        """Continue the disparity and colours of both sides to the outline in a small picture of `size`."""
        cover, near = (resize(each, size, method="area") for each in (alpha, disparity))
        colour = resize(np.ascontiguousarray(picture[..., :3]), size, method="area")
        reach = max(1, round(_WIDTH * max(size)))
        rims = ndimage.maximum_filter(cover, 3) - ndimage.minimum_filter(cover, 3) > _SOFT
        strip = ndimage.maximum_filter(rims, 8 * reach + 1)
        wrong = np.zeros_like(rims)
        for side in (cover > HALF, cover <= HALF):
            weight = ndimage.gaussian_filter(side.astype(np.float32), 6 * reach)
            usual = ndimage.gaussian_filter(near * side, 6 * reach) / np.maximum(weight, 1e-6)
            wrong |= side & strip & (np.abs(near - usual) > _APART)
        band = ndimage.maximum_filter(rims | wrong, 2 * reach + 1)
        seen = np.concatenate([near[..., None], colour], axis=2)
        inner = [side & ~band for side in (cover <= HALF, cover > HALF)]
        behind, front = (pull_push(seen, each.astype(np.float32)) if each.any() else seen for each in inner)
        weight = ndimage.gaussian_filter(band.astype(np.float32), reach / 2)
        gaps = 1 - ndimage.minimum_filter(cover, 2 * -(-reach // 2) + 1)
        level = near + weight * (np.where(cover > HALF, front[..., 0], behind[..., 0]) - near)
        first = np.stack([behind[..., 0], front[..., 0], weight, gaps], axis=2)
        sides = np.concatenate([first, behind[..., 1:], front[..., 1:]], axis=2)
        return Outline(picture=picture, disparity=disparity, alpha=alpha, cover=cover, level=level, sides=sides)

    def planes(self) -> tuple[Float32[np.ndarray, "h w 2"], Plane]:
        """Return the disparity behind and in front, and the part of the light that comes from the front."""
        y, x = (
            ((np.arange(large, dtype=np.float32) + 0.5) * (small / large) - 0.5).clip(0, small - 1)
            for small, large in zip(self.cover.shape, self.disparity.shape, strict=True)
        )
        near = self.sides[..., 2] > _SOFT
        places = np.nonzero(near[np.ix_(np.rint(y).astype(int), np.rint(x).astype(int))])
        levels, share = np.repeat(self.disparity[..., None], 2, axis=2), self.alpha.copy()
        if places[0].size:
            sides = pad_to(self.sides, (bucket(near.shape[0]), bucket(near.shape[1])), mode="edge")
            given = np.stack([y[places[0]], x[places[1]], self.disparity[places], self.alpha[places]], axis=1)
            made = map_pixels(partial(_split, sides), given, self.picture[..., :3][places])
            levels[places], share[places] = made[:, :2], made[:, 2]
        return levels, share


@kept
def _split(
    sides: Float[Array, "h w 10"], given: Float[Array, "n 4"], colour: Float[Array, "n 3"]
) -> Float[Array, "n 3"]:
    """Return `Outline.planes` of pixels.

    Of the light of a pixel, the part that comes from the front follows from the least change of the colours on both
    sides that explains the pixel (M. Forte, "Approximate fast foreground colour estimation", ICIP 2021).

    Args:
        sides: the planes of an `Outline`, continued.
        given: row and column in them, disparity and coverage.
        colour: sRGB-encoded.
    """
    near, alpha = given[:, 2:3], given[:, 3:]
    here = jnp.stack(
        [map_coordinates(sides[..., k], [given[:, 0], given[:, 1]], order=1, mode="nearest") for k in range(10)], 1
    )
    levels, band, gaps, behind, front = jnp.split(here, (2, 3, 4, 7), axis=1)
    away, contrast = colour - behind, front - behind
    towards = (away * contrast).sum(axis=1) / jnp.maximum((contrast**2).sum(axis=1), _LEAST)  # 1 at the front's
    apart = jnp.abs(away).max(axis=1) * jnp.clip(0.5 + 4 * towards, 0.5, 1)
    unlike = jnp.clip((apart - _ALIKE) / (_UNLIKE - _ALIKE), 0, 1)[:, None]
    cover = alpha * (1 - gaps * (1 - unlike))  # gaps in hair show what is behind
    front, behind, seen = ((srgb_to_linear(each) @ LUMINANCE)[:, None] for each in (front, behind, colour))
    wrong = seen - cover * front - (1 - cover) * behind
    part = cover * (front + cover * wrong / (cover**2 + (1 - cover) ** 2))
    share = jnp.where(cover > 1 - 1e-3, 1, jnp.clip(part / jnp.maximum(seen, 1e-4), 0, 1))
    return jnp.concatenate([near + band * (levels - near), share], axis=1)
