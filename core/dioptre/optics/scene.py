"""The picture to blur, read tile by tile as premultiplied linear light with its signed circle of confusion."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from dioptre.contract import Disparity, Picture, Plane
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.tiles import Tile, read_tile
from dioptre.programs import kept

from .defocus import Focus
from .highlights import Highlights, lower_highlights, raise_highlights, raised_share
from .slices import LARGEST_RADIUS_PX
from .soft_edges import SoftEdges

_LEAST_ALPHA = 1e-6


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A picture with its depth and focus.

    Attributes:
        image: (H, W, 3), or (H, W, 4) with straight alpha; sRGB-encoded if `encoded`, else linear light.
        disparity: (H, W), in the unit of the focus.
        focus: the plane of focus and the strength of the blur.
        encoded: whether the image is sRGB-encoded.
        highlights: the boost of clipped light.
        existing_defocus_px: (H, W), radius of the blur that the picture already has; None for a sharp picture.
        soft_edges: the pixels that two surfaces share according to a matte; None if no matte is known.
    """

    image: Picture
    disparity: Disparity
    focus: Focus
    encoded: bool = True
    highlights: Highlights = field(default_factory=Highlights)
    existing_defocus_px: Plane | None = None
    soft_edges: SoftEdges | None = None

    @property
    def height(self) -> int:
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        return int(self.image.shape[1])

    @property
    def channels(self) -> int:
        return int(self.image.shape[2])

    def unblurred(self) -> Picture:
        """Return a copy of the image, in its own encoding."""
        return self.image.copy()

    def largest_radius_px(self) -> float:
        """Return the largest circle of confusion in the picture, without deducting the existing defocus."""
        ends = np.asarray([self.disparity.min(), self.disparity.max()], np.float32)
        return float(_largest(ends, self._numbers))

    @cached_property
    def _numbers(self) -> Float32[np.ndarray, "5"]:
        focus = self.focus
        return np.asarray(
            [focus.focal_disparity, focus.max_radius_px, focus.range, focus.foreground, focus.background],
            np.float32,
        )

    def read(self, tile: Tile, *, side: int, margin: int) -> tuple[Float[Array, "c s s"], Float[Array, "s s"]]:
        """Read premultiplied linear colour and signed radii of a square with a margin, reflected at the edge.

        Highlights are not boosted; see `raised`.

        Args:
            tile: core of the tile, in pixels of the picture.
            side: side of the square, including the margins.
            margin: pixels around the core.
        """
        return decoded(self.image, tile, side=side, margin=margin, encoded=self.encoded), self.radius(
            tile, side=side, margin=margin
        )

    def radius(self, tile: Tile, *, side: int, margin: int) -> Float[Array, "s s"]:
        """Read only the signed radii of the same square as `read`."""
        disparity, existing = (
            None if whole is None else read_tile(whole, tile, tile_px=(side, side), overlap_px=margin)
            for whole in (self.disparity, self.existing_defocus_px)
        )
        return _radius_beside(disparity, existing, self._numbers)

    def both_surfaces(
        self,
        colour: Float32[np.ndarray, "c n"],
        planes: Float32[np.ndarray, "4 n"],
        disparity: Float32[np.ndarray, "2 n"],
        existing: Float32[np.ndarray, " n"],
    ) -> tuple[Float[Array, "2 e n"], Float[Array, "2 n"]]:
        """Divide pixels of soft edges between their two surfaces, and boost the highlights of each.

        Args:
            colour: the pixels' premultiplied linear colour.
            planes: as in `SoftEdges`.
            disparity: as in `SoftEdges`.
            existing: radius in pixels of the blur that the pixels already have.

        Returns:
            Planes and signed radii of the nearer surface and of the farther one.
        """
        surfaces, radii = _divided(colour, planes, disparity, existing, self._numbers)
        return self.raised_surfaces(surfaces, radii), radii

    def raised(self, planes: Float[Array, "e *shape"], radius: Float[Array, "*shape"]) -> Float[Array, "e *shape"]:
        """Boost a surface's highlights where it will be blurred.

        Edge pixels must be split before the boost: a mixture of white and dark is not a highlight, and boosted
        white would look as if it covered less of the pixel.

        Args:
            planes: premultiplied linear planes of the surface, the last of which is its coverage.
            radius: signed radii in pixels.
        """
        if self.highlights.strength == 0:
            return planes
        return _raise(planes, radius, self._highlight_numbers)

    def raised_surfaces(
        self, planes: Float[Array, "2 e *shape"], radii: Float[Array, "2 *shape"]
    ) -> Float[Array, "2 e *shape"]:
        """Apply `raised` to both surfaces."""
        if self.highlights.strength == 0:
            return planes
        return _raise_both(planes, radii, self._highlight_numbers)

    @cached_property
    def _highlight_numbers(self) -> Float32[np.ndarray, "2"]:
        return self.highlights.numbers()

    def write(self, planes: Float[Array | np.ndarray, "c h w"], raised: Float[Array, "h w"] | None) -> Picture:
        """Convert premultiplied linear planes to pixels in the picture's encoding, with straight alpha.

        Args:
            planes: the planes.
            raised: fraction of the highlight boost that was applied to each pixel's light; None if none was.
        """
        if self.highlights.strength == 0:
            raised = None
        return np.asarray(_encode(planes, self._highlight_numbers, raised, encoded=self.encoded))


def _radius(disparity: Float[Array, "*shape"], numbers: Float[Array, "5"]) -> Float[Array, "*shape"]:
    """Compute `defocus.circle_of_confusion_px` on the device, limited to `LARGEST_RADIUS_PX`."""
    focal, largest, span, foreground, background = numbers
    difference = disparity - focal
    outside = jnp.sign(difference) * jnp.maximum(jnp.abs(difference) - span, 0.0)
    radius = outside * largest * jnp.where(outside > 0, foreground, background)
    return jnp.clip(radius, -LARGEST_RADIUS_PX, LARGEST_RADIUS_PX)


@kept
def _raise(
    planes: Float[Array, "e *shape"], radius: Float[Array, "*shape"], highlights: Float[Array, "2"]
) -> Float[Array, "e *shape"]:
    opaque = jnp.maximum(planes[3], _LEAST_ALPHA)  # alpha times coverage, or only coverage if there is no alpha
    raised = raise_highlights(planes[:3] / opaque, highlights, raised_share(radius))
    return jnp.concatenate([raised * opaque, planes[3:]])


_raise_both = kept(jax.vmap(_raise, in_axes=(0, 0, None)), name="both surfaces, raised")


@kept  # compiled as one program, because each additional program delays the first run
def _largest(disparity: Float[Array, " n"], numbers: Float[Array, "5"]) -> Float[Array, ""]:
    return jnp.abs(_radius(disparity, numbers)).max()


def decoded(image: Picture, tile: Tile, *, side: int, margin: int, encoded: bool) -> Float[Array, "c s s"]:
    """Read premultiplied linear colour of a square of a `Scene.image` with a margin, reflected at the edge."""
    return _decode(read_tile(image, tile, tile_px=(side, side), overlap_px=margin), encoded=encoded)


@partial(kept, static_argnames="encoded")
def _decode(image: Float[Array, "s s c"], *, encoded: bool) -> Float[Array, "c s s"]:
    planes = image.transpose(2, 0, 1)
    colour = srgb_to_linear(planes[:3]) if encoded else planes[:3]
    return jnp.concatenate([colour * planes[3:], planes[3:]]) if planes.shape[0] == 4 else colour


@kept
def _radius_beside(
    disparity: Float[Array, "..."], existing: Float[Array, "..."] | None, focus: Float[Array, "5"]
) -> Float[Array, "..."]:
    radius = _radius(disparity, focus)
    if existing is None:
        return radius
    # Blurs add in quadrature, so only the missing blur is added.
    return jnp.sign(radius) * jnp.sqrt(jnp.maximum(radius**2 - existing**2, 0.0))


@kept
def _divided(
    colour: Float[Array, "c n"],
    planes: Float[Array, "4 n"],
    disparity: Float[Array, "2 n"],
    existing: Float[Array, " n"],
    focus: Float[Array, "5"],
) -> tuple[Float[Array, "2 e n"], Float[Array, "2 n"]]:
    radii = _radius_beside(disparity, existing, focus)
    light, coverage = planes[:3], planes[3]
    own = light * colour[3:] if colour.shape[0] == 4 else light  # colours are premultiplied
    own = jnp.minimum(own, jnp.maximum(colour[:3], 0.0))
    if colour.shape[0] == 4:
        own = jnp.concatenate([own, colour[3:] * coverage])
    surfaces = jnp.stack(
        [
            jnp.concatenate([own, coverage[None]]),
            jnp.concatenate([colour - own, 1 - coverage[None]]),
        ]
    )
    ordered = radii[0] >= radii[1]
    return jnp.where(ordered, surfaces, surfaces[::-1]), jnp.where(ordered, radii, radii[::-1])


@partial(kept, static_argnames="encoded")
def _encode(
    planes: Float[Array, "c h w"],
    highlights: Float[Array, "2"],
    raised: Float[Array, "h w"] | None,
    *,
    encoded: bool,
) -> Float[Array, "h w c"]:
    colour = planes[:3]
    if planes.shape[0] == 4:
        alpha = jnp.clip(planes[3:], 0.0, 1.0)
        colour = jnp.where(alpha > _LEAST_ALPHA, colour / jnp.maximum(alpha, _LEAST_ALPHA), 0.0)
    if raised is not None:
        colour = lower_highlights(colour, highlights, raised)
    if encoded:
        colour = linear_to_srgb(colour)
    if planes.shape[0] == 4:
        colour = jnp.concatenate([colour, alpha])
    return colour.transpose(1, 2, 0)
