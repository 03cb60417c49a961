"""A draft of the blur in a fraction of the time: made at half the size, with the picture's own detail put back.

What half the size loses is detail finer than it can hold, and only what is nearly sharp still has any.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dioptre.imaging.layers import Progress, no_progress
from dioptre.imaging.threads import on_all_cores
from dioptre.imaging.tiles import Tile, plan_tiles, read_tile

from .aperture import Aperture
from .fill import doubled, halved
from .grid import place, read
from .lens_blur import blur
from .scene import Scene
from .surfaces import extreme

_SIDE = 512
_MARGIN = 4  # pixels around a tile, for the enlargement; even, as the halves begin at whole pixels
_CORE = _SIDE - 2 * _MARGIN
_DETAIL_PX = 1.6  # a blur of this radius leaves 1 / e of the detail
_BESIDE_PX = 1  # a sharp edge's detail reaches the pixels beside it
_LEAST_ALPHA = 1e-6
_KEPT_TILES = 16  # of at most 5 MiB each


def blur_draft(scene: Scene, *, aperture: Aperture | None = None, progress: Progress = no_progress) -> np.ndarray:
    """Like `lens_blur.blur`, from which it differs by 0.3 to 1.4 of 255 in the mean, most at the edges of depth.

    Raises whatever `progress` raises.
    """
    rows, columns = -(-scene.height // 2), -(-scene.width // 2)
    tiles = list(plan_tiles((2 * rows, 2 * columns), core_px=(_CORE, _CORE)))
    small = np.empty((rows, columns, scene.channels), np.float32)
    small_disparity = np.empty((rows, columns), np.float32)

    keeps = len(tiles) <= _KEPT_TILES
    kept: dict[Tile, tuple[Array, Array]] = {}

    def decoded(tile: Tile) -> tuple[Array, Array]:
        made = kept.get(tile) or scene.read(tile, side=_SIDE, margin=_MARGIN)
        if keeps:
            kept[tile] = made
        return made

    def reduce(tile: Tile) -> None:
        planes, _ = decoded(tile)
        disparity = jnp.asarray(read_tile(scene.disparity, tile, tile_px=(_SIDE, _SIDE), overlap_px=_MARGIN))
        for whole, part in zip((_planes(small), small_disparity), _halve(planes, disparity), strict=True):
            place(whole, np.asarray(part), tile, shift=1, margin=_MARGIN)

    on_all_cores(tiles, reduce, lambda share: progress(0.1 * share, "Reducing"))
    existing = scene.existing_defocus_px
    reduced = replace(
        scene,
        image=small,
        disparity=small_disparity,
        focus=replace(scene.focus, max_radius_px=scene.focus.max_radius_px / 2),
        encoded=False,
        existing_defocus_px=None if existing is None else np.ascontiguousarray(existing[::2, ::2]) / 2,
    )
    blurred = blur(
        reduced, aperture=aperture, coarse=True, progress=lambda share, phase: progress(0.1 + 0.7 * share, phase)
    )
    result = np.empty((scene.height, scene.width, scene.channels), np.float32)

    def enlarge(tile: Tile) -> None:
        planes, radius = decoded(tile)
        before, after = (
            jnp.asarray(read(_planes(whole), (tile.top - _MARGIN) // 2, (tile.left - _MARGIN) // 2, _SIDE // 2))
            for whole in (small, blurred)
        )
        sharp = _with_detail(planes, radius, before, after)
        place(_planes(result), _planes(scene.write(sharp, None)), tile, shift=0, margin=_MARGIN)

    on_all_cores(tiles, enlarge, lambda share: progress(0.8 + 0.2 * share, "Adding detail"))
    return result


def _planes(pixels: np.ndarray) -> np.ndarray:
    """A view of (H, W, C) as (C, H, W)."""
    return pixels.transpose(2, 0, 1)


@jax.jit
def _halve(
    planes: Float[Array, "c h w"], disparity: Float[Array, "h w"]
) -> tuple[Float[Array, "c h2 w2"], Float[Array, "h2 w2"]]:
    """Straight-alpha planes of half the size, in linear light, and their disparity."""
    small = halved(planes)
    if planes.shape[0] == 4:
        small = jnp.concatenate([small[:3] / jnp.maximum(small[3:], _LEAST_ALPHA), small[3:]])
    return small, halved(disparity)


@jax.jit
def _with_detail(
    planes: Float[Array, "c h w"],
    radius: Float[Array, "h w"],
    before: Float[Array, "c h2 w2"],
    after: Float[Array, "c h2 w2"],
) -> Float[Array, "c h w"]:
    """Premultiplied planes of a tile from its blurred half, with what halving took away where it is sharp.

    planes, radius: of the tile as it is. before, after: half the size, straight alpha, not yet blurred and blurred.
    """
    sharpest = extreme(jnp.abs(radius), _BESIDE_PX, largest=False)
    kept = jnp.exp(-((sharpest / _DETAIL_PX) ** 2))
    every = jnp.bool_(True)
    detail = planes - doubled(_premultiplied(before), every)
    return jnp.maximum(doubled(_premultiplied(after), every) + kept * detail, 0.0)


def _premultiplied(planes: Float[Array, "c h w"]) -> Float[Array, "c h w"]:
    return planes if planes.shape[0] == 3 else jnp.concatenate([planes[:3] * planes[3:], planes[3:]])
