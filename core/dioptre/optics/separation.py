"""Read tiles of the picture as surfaces: split on depth edges, with highlights boosted where blurred."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int

from dioptre.contract import Plane
from dioptre.imaging.tiles import Tile
from dioptre.programs import kept

from .grid import MARGIN_PX
from .lights import lights
from .scene import Scene
from .surfaces import depth_steps, split_edges

_KEPT_TILES = 12  # a picture's tiles are cached if there are at most this many; each takes up to 11 MiB
_CHUNK = 4096  # number of edge pixels boosted at once

_Patch = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Flat indices of pixels of a tile, and the planes (2, e, n) and radii (2, n) of their two surfaces."""


class Surfaces:
    """Reader that splits full-size tiles, with their margins, into two surfaces.

    The split edge pixels of every tile are cached; complete tiles are cached only if the picture has few tiles.

    Args:
        scene: the picture.
        side: side of a tile with its margins, in pixels.
        tiles: number of tiles.
    """

    def __init__(self, scene: Scene, *, side: int, tiles: int) -> None:
        self.scene = scene
        self.side = side
        self._keeps = tiles <= _KEPT_TILES
        self._apart: dict[Tile, list[_Patch]] = {}
        self._kept: dict[Tile, tuple[Array, Array]] = {}

    def __call__(self, tile: Tile) -> tuple[Float[Array, "2 e s s"], Float[Array, "2 s s"]]:
        """Return planes and radii of both surfaces of a tile, given in the picture's coordinates."""
        if tile in self._kept:
            return self._kept[tile]
        colour, radius = self.scene.read(tile, side=self.side, margin=MARGIN_PX[0])
        raised = self.scene.raised(_whole(colour), radius)
        if tile not in self._apart:
            self._apart[tile] = [*self._take_apart(colour, radius, raised), *self._soft_edges(tile, colour)]
        if patches := self._apart[tile]:
            made = _with_patches(np.asarray(raised), np.asarray(radius), patches)
        else:
            made = _one_surface(raised, radius)
        if self._keeps:
            self._kept[tile] = made
        return made

    def _take_apart(self, colour: Array, radius: Array, raised: Array) -> list[_Patch]:
        """Return patches that split pixels on depth edges into two surfaces; later ones override earlier ones."""
        steps = depth_steps(radius)
        sure = np.asarray(steps[0])
        where, found = self._edge_pixels(sure > 0)
        if not found:
            return []
        planes, radii = split_edges(colour, radius, steps, where, np.int32(found))
        patches = [
            (
                where[start : min(start + _CHUNK, found)],
                *self._raised(planes, radii, start, min(start + _CHUNK, found)),
            )
            for start in range(0, found, _CHUNK)
        ]
        bright = lights(np.asarray(raised)[:-1], np.asarray(radius), sure > 0.5)
        return [*patches, bright] if bright[0].size else patches

    def _soft_edges(self, tile: Tile, colour: Array) -> list[_Patch]:
        """Return patches that divide the pixels of soft edges as their matte tells."""
        edges, margin = self.scene.soft_edges, MARGIN_PX[0]
        if edges is None:
            return []
        where, number = edges.within(tile.top - margin, tile.left - margin, self.side)
        existing = self.scene.existing_defocus_px
        mine = np.asarray(colour).reshape(len(colour), -1)[:, where]
        blurred = np.zeros(number.size, np.float32) if existing is None else existing.reshape(-1)[edges.at[number]]
        given = (mine, edges.planes[:, number], edges.disparity[:, number], blurred)
        patches = []
        for start in range(0, where.size, _CHUNK):
            some = slice(start, min(start + _CHUNK, where.size))
            count = some.stop - start
            planes, radii = self.scene.both_surfaces(*(_padded(each[..., some], _CHUNK) for each in given))
            patches.append((where[some], np.asarray(planes)[..., :count], np.asarray(radii)[..., :count]))
        return patches

    def _raised(self, planes: Array, radii: Array, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        chunk, chunk_radii = _chunk(planes, radii, np.int32(start))
        raised = np.asarray(self.scene.raised_surfaces(chunk, chunk_radii))
        return raised[..., : stop - start], np.asarray(chunk_radii)[..., : stop - start]

    def _edge_pixels(self, mask: np.ndarray) -> tuple[np.ndarray, int]:
        """Return the flat indices of the pixels to split, padded to a fixed number, and their actual number."""
        most = -(-self.side * self.side // 4 // _CHUNK) * _CHUNK
        flags = mask.copy()
        flags[:4] = flags[-4:] = flags[:, :4] = flags[:, -4:] = False
        found = np.flatnonzero(flags)[:most].astype(np.int32)
        where = np.zeros(most, np.int32)
        where[: found.size] = found
        return where, found.size


def _with_patches(
    raised: Float32[np.ndarray, "e h w"], radius: Plane, patches: list[_Patch]
) -> tuple[Float[Array, "2 e h w"], Float[Array, "2 h w"]]:
    """Return planes and radii of both surfaces of a tile whose edge pixels are replaced by these patches."""
    planes, radii = np.empty((2, *raised.shape), np.float32), np.empty((2, *radius.shape), np.float32)
    planes[0], planes[1], radii[:] = raised, 0, radius
    for at, values, value_radii in patches:
        for surface in (0, 1):
            planes[surface].reshape(len(raised), -1)[:, at] = values[surface]
            radii[surface].reshape(-1)[at] = value_radii[surface]
    return jax.device_put((planes, radii))


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    """Return values with zeros appended along the last axis."""
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, length - values.shape[-1])])


@kept
def _chunk(
    planes: Float[Array, "2 e n"], radii: Float[Array, "2 n"], start: Int[Array, ""]
) -> tuple[Float[Array, "2 e _"], Float[Array, "2 _"]]:
    chunk, chunk_radii = (jax.lax.dynamic_slice_in_dim(one, start, _CHUNK, -1) for one in (planes, radii))
    return chunk, chunk_radii


@kept
def _whole(colour: Float[Array, "c h w"]) -> Float[Array, "e h w"]:
    """Append a plane of full coverage to the colour."""
    return jnp.concatenate([colour, jnp.ones_like(colour[:1])])


@kept
def _one_surface(
    planes: Float[Array, "e h w"], radius: Float[Array, "h w"]
) -> tuple[Float[Array, "2 e h w"], Float[Array, "2 h w"]]:
    """Return planes and radii of a tile whose second surface is empty."""
    return jnp.stack([planes, jnp.zeros_like(planes)]), jnp.stack([radius, radius])
