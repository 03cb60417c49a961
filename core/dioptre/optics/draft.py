"""Fast draft of the blur, rendered at half size and sharpened with the picture's original detail.

Halving the size loses only the finest detail, and after the blur only nearly sharp areas still have such detail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from dioptre.contract import Picture, Progress, no_progress
from dioptre.imaging.threads import on_all_cores
from dioptre.imaging.tiles import Tile, plan_tiles, read_tile
from dioptre.programs import kept

from .aperture import Aperture
from .grid import as_planes, place, read
from .inpaint import doubled, halved
from .lens_blur import blur
from .scene import Scene, decoded
from .surfaces import extreme

_SIDES = (384, 448)  # possible sides of the square tiles, in pixels; no other size is compiled
_MARGIN = 4  # pixels around a tile that the enlargement reads; even, so that halved tiles start at whole pixels
_DETAIL_PX = 1.6  # blur radius at which 1 / e of the detail remains
_BESIDE_PX = 1  # distance in pixels to which the detail of a sharp edge extends
_LEAST_ALPHA = 1e-6
_KEPT_TILES = 16  # a picture's tiles are cached if there are at most this many; each takes up to 3 MiB


@dataclass(frozen=True)
class Halved:
    """Half-size version of a picture, which its drafts share for every depth and focus.

    Attributes:
        image: the picture (H, W, C).
        encoded: whether the picture is sRGB-encoded.
        small: the half-size picture (H / 2, W / 2, C) in linear light, with straight alpha.
        tiles: cores of the tiles.
        side: side of a tile with its margin, in pixels.
        planes: cached full-size tiles (C, side, side), premultiplied; empty if the picture has too many tiles.
    """

    image: Picture
    encoded: bool
    small: Float32[np.ndarray, "h2 w2 c"]
    tiles: tuple[Tile, ...]
    side: int
    planes: Mapping[Tile, Array]

    @classmethod
    def of(cls, image: Picture, *, encoded: bool) -> Halved:
        """Halve a picture.

        Args:
            image: (H, W, C), with straight alpha.
            encoded: whether the picture is sRGB-encoded; else it is in linear light.
        """
        rows, columns = -(-image.shape[0] // 2), -(-image.shape[1] // 2)
        tiles, side = _tiles((2 * rows, 2 * columns))
        made = cls(image, encoded, np.empty((rows, columns, image.shape[2]), np.float32), tiles, side, {})
        planes: dict[Tile, Array] = {}

        def work(tile: Tile) -> None:
            whole = made.read(tile)
            if len(tiles) <= _KEPT_TILES:
                planes[tile] = whole
            place(as_planes(made.small), np.asarray(_halve_planes(whole)), tile, shift=1, margin=_MARGIN)

        on_all_cores(tiles, work, lambda share: None)
        return replace(made, planes=planes)

    def read(self, tile: Tile) -> Float[Array, "c side side"]:
        """Return the full-size planes of a tile with its margin, in linear light and premultiplied."""
        kept = self.planes.get(tile)
        if kept is not None:
            return kept
        return decoded(self.image, tile, side=self.side, margin=_MARGIN, encoded=self.encoded)


class Halves:
    """Cache of the last picture's half-size version. The picture's array must not change between drafts."""

    def __init__(self) -> None:
        self._last: Halved | None = None

    def of(self, image: Picture, *, encoded: bool) -> Halved:
        """Return the half-size version of a picture, from the cache if it is the last picture."""
        last = self._last
        if last is None or last.image is not image or last.encoded != encoded:
            self._last = last = Halved.of(image, encoded=encoded)
        return last


def blur_draft(
    scene: Scene,
    *,
    aperture: Aperture | None = None,
    halves: Halves | None = None,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Render a draft of `lens_blur.blur`.

    On average, the result differs from that of `blur` by 0.3 to 1.1 of 255, mostly at depth edges.

    Args:
        scene: the picture with its depth and focus.
        aperture: shape of the aperture; a circle by default.
        halves: cache to reuse for further drafts of the same picture.
        progress: called between tiles.

    Returns:
        (H, W, C) in the scene's encoding, with straight alpha.

    Raises:
        Exception: whatever `progress` raises.
    """
    progress(0.0, "Downscaling")
    half = (halves or Halves()).of(scene.image, encoded=scene.encoded)
    side = half.side
    small_disparity = np.empty(half.small.shape[:2], np.float32)

    def reduce(tile: Tile) -> None:
        disparity = read_tile(scene.disparity, tile, tile_px=(side, side), overlap_px=_MARGIN)
        place(small_disparity, np.asarray(_halve(disparity)), tile, shift=1, margin=_MARGIN)

    on_all_cores(half.tiles, reduce, lambda share: progress(0.1 * share, "Downscaling"))
    existing = scene.existing_defocus_px
    reduced = replace(
        scene,
        image=half.small,
        disparity=small_disparity,
        focus=replace(scene.focus, max_radius_px=scene.focus.max_radius_px / 2),
        encoded=False,
        existing_defocus_px=None if existing is None else np.ascontiguousarray(existing[::2, ::2]) / 2,
        soft_edges=None if scene.soft_edges is None else scene.soft_edges.halved(),
    )
    blurred = blur(
        reduced, aperture=aperture, coarse=True, progress=lambda share, phase: progress(0.1 + 0.7 * share, phase)
    )
    result = np.empty((scene.height, scene.width, scene.channels), np.float32)

    def enlarge(tile: Tile) -> None:
        before, after = (
            read(as_planes(whole), (tile.top - _MARGIN) // 2, (tile.left - _MARGIN) // 2, side // 2)
            for whole in (half.small, blurred)
        )
        sharp = _with_detail(half.read(tile), scene.radius(tile, side=side, margin=_MARGIN), before, after)
        place(as_planes(result), as_planes(scene.write(sharp, None)), tile, shift=0, margin=_MARGIN)

    on_all_cores(half.tiles, enlarge, lambda share: progress(0.8 + 0.2 * share, "Adding detail"))
    return result


def _tiles(size: tuple[int, int]) -> tuple[tuple[Tile, ...], int]:
    """Return tiles that cover a picture with the least excess area, and the side of a tile with its margin."""

    def tiles(side: int) -> tuple[Tile, ...]:
        core = side - 2 * _MARGIN
        return tuple(plan_tiles(size, core_px=(core, core)))

    side = min(_SIDES, key=lambda side: len(tiles(side)) * side**2)
    return tiles(side), side


_halve = kept(halved)


@kept
def _halve_planes(planes: Float[Array, "c h w"]) -> Float[Array, "c h2 w2"]:
    """Return straight-alpha planes at half size, in linear light."""
    small = halved(planes)
    if planes.shape[0] == 4:
        small = jnp.concatenate([small[:3] / jnp.maximum(small[3:], _LEAST_ALPHA), small[3:]])
    return small


@kept
def _with_detail(
    planes: Float[Array, "c h w"],
    radius: Float[Array, "h w"],
    before: Float[Array, "c h2 w2"],
    after: Float[Array, "c h2 w2"],
) -> Float[Array, "c h w"]:
    """Enlarge a blurred half-size tile and restore the detail lost by halving where the picture stays sharp.

    Args:
        planes: the full-size tile before the blur, premultiplied.
        radius: signed radii of the full-size tile in pixels.
        before: the half-size tile before the blur, with straight alpha.
        after: the half-size tile after the blur, with straight alpha.

    Returns:
        Premultiplied planes of the full-size tile.
    """
    sharpest = extreme(jnp.abs(radius), _BESIDE_PX, largest=False)
    kept = jnp.exp(-((sharpest / _DETAIL_PX) ** 2))
    every = jnp.bool_(True)
    detail = planes - doubled(_premultiplied(before), every)
    return jnp.maximum(doubled(_premultiplied(after), every) + kept * detail, 0.0)


def _premultiplied(planes: Float[Array, "c h w"]) -> Float[Array, "c h w"]:
    return planes if planes.shape[0] == 3 else jnp.concatenate([planes[:3] * planes[3:], planes[3:]])
