"""Depth-dependent blur, as a lens makes it.

The picture is taken apart into depth slices of equal blur. Each slice is continued behind the nearer ones, blurred
with the aperture's own shape, and laid over the farther ones, in linear light and premultiplied. Wide blurs are
made at a reduced size. See `scene`, `slices`, `surfaces` and `fill` for the parts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from dioptre.imaging.layers import Progress, no_progress
from dioptre.imaging.tiles import Tile, plan_tiles

from .aperture import Aperture
from .fill import doubled, fill, fill_small
from .lights import lights
from .scene import Scene
from .slices import LARGEST_RADIUS_PX, LEVELS, LIKE_SLICES, Group, groups, share_and_reach, signed_square
from .surfaces import depth_steps, halve, halve_small, split_edges

TILE_PX = 512
"""Side of every tile at every size: the one shape that is compiled."""

_TOP = 3  # holes are filled inside a tile down to 1 / 2**3 of its size, below that from one small picture
_CELL = 1 << _TOP
_MARGIN_PX = (24, 24, 32, 56)  # per level, in its own pixels: the largest disc or the fill's reach, whole cells
_BLOCK = 1 << (LEVELS - 1 + _TOP)
_IDENTITY_PX = 1e-3  # a picture blurred nowhere by more is returned as it is
_VISIBLE = 1e-3  # smaller shares of a slice are skipped
_MOST_EDGES = TILE_PX * TILE_PX // 4  # edge pixels of a tile that are taken apart


@dataclass(frozen=True)
class _Grid:
    """The picture with its reflected border, in whole blocks; every level covers exactly this."""

    height: int
    width: int
    border: int  # on each side, pixels, in whole blocks

    @property
    def padded(self) -> tuple[int, int]:
        def whole(length: int) -> int:
            return -(-length // _BLOCK) * _BLOCK + 2 * self.border

        return whole(self.height), whole(self.width)

    def size(self, level: int) -> tuple[int, int]:
        return self.padded[0] >> level, self.padded[1] >> level

    def field(self, row: int, column: int, *, level: int) -> tuple[float, float]:
        """Place of a point of a level, from the picture's centre, x and y, with the corners at distance 1."""
        half = 0.5 * (self.height**2 + self.width**2) ** 0.5
        x = ((column << level) - self.border - self.width / 2) / half
        y = ((row << level) - self.border - self.height / 2) / half
        return x, y

    def tiles(self, level: int, *, everything: bool = False) -> list[Tile]:
        """Tiles of a level that cover the picture, or also its border; in the level's pixels."""
        core = TILE_PX - 2 * _MARGIN_PX[level]
        start = 0 if everything else (self.border >> level) - _CELL
        height, width = self.size(level)
        if not everything:
            height, width = ((n >> level) + 3 * _CELL for n in (self.height, self.width))
        return [tile.moved(start) for tile in plan_tiles((height, width), core_px=(core, core))]


@dataclass(frozen=True)
class _Level:
    """The picture's surfaces at a reduced size, over the padded grid."""

    planes: np.ndarray
    radii: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """The blurred picture taken apart, in the scene's own encoding.

    background: (H, W, C), the farther part, continued behind the subject. subject, foreground: (H, W, 4), straight
    alpha. Laid over one another in linear light they make the picture.
    """

    background: np.ndarray
    subject: np.ndarray
    foreground: np.ndarray


def blur(scene: Scene, *, aperture: Aperture | None = None, progress: Progress = no_progress) -> np.ndarray:
    """The scene as a lens sees it: (H, W, C) in the scene's own encoding, alpha straight.

    Raises whatever `progress` raises, between tiles.
    """
    if _identity(scene):
        return scene.unblurred()
    (picture,) = _blur(scene, aperture or Aperture(), subject_px=None, progress=progress)
    return picture


def blur_in_pieces(
    scene: Scene,
    *,
    subject_px: float = 3.0,
    aperture: Aperture | None = None,
    progress: Progress = no_progress,
) -> Pieces:
    """The same as three layers: what is blurred by at most `subject_px` (whole pixels) is the subject."""
    background, subject, foreground = _blur(scene, aperture or Aperture(), subject_px=subject_px, progress=progress)
    return Pieces(background=background, subject=subject, foreground=foreground)


def _identity(scene: Scene) -> bool:
    return scene.largest_radius_px() < _IDENTITY_PX


def _blur(
    scene: Scene, aperture: Aperture, *, subject_px: float | None, progress: Progress
) -> tuple[np.ndarray, ...]:
    largest = min(scene.largest_radius_px(), LARGEST_RADIUS_PX)
    grid = _Grid(scene.height, scene.width, (int(largest) // _BLOCK + 1) * _BLOCK)
    surfaces = _Surfaces(scene)
    levels = _reduced(surfaces, grid, progress)
    series = groups(subject_px=subject_px)
    tops = [_top(group, levels[group.level + _TOP]) for group in series]
    wide = [
        None if group.level == 0 else _blur_group(group, levels[group.level], top, aperture, grid)
        for group, top in zip(series, tops, strict=True)
    ]
    progress(0.6, "Blurring")
    return _finish(surfaces, series, wide, tops, aperture, grid, progress)


def _each(tiles: Sequence[Tile], work: Callable[[Tile], None], watch: Callable[[float], None]) -> None:
    """Work on all tiles, on as many threads as there are cores; stop early when `watch` or a tile raises."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        futures = [pool.submit(work, tile) for tile in tiles]
        try:
            for number, future in enumerate(as_completed(futures)):
                future.result()
                watch((number + 1) / len(tiles))
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def _edge_pixels(mask: Array) -> tuple[np.ndarray, int]:
    """Flat indices of the pixels to take apart, filled up to a fixed number, and how many they are."""
    flags = np.array(mask)
    flags[:4] = flags[-4:] = flags[:, :4] = flags[:, -4:] = False
    found = np.flatnonzero(flags)[:_MOST_EDGES].astype(np.int32)
    where = np.zeros(_MOST_EDGES, np.int32)
    where[: found.size] = found
    return where, found.size


class _Surfaces:
    """Both surfaces of full-size tiles with their margins; what was taken apart once is kept."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._apart: dict[Tile, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}

    def __call__(self, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        """Planes and radii; `tile` in the picture's coordinates."""
        colour, radius = self.scene.read(tile, side=TILE_PX, margin=_MARGIN_PX[0])
        if tile not in self._apart:
            self._apart[tile] = _take_apart(colour, radius)
        planes = np.zeros((2, colour.shape[0] + 1, TILE_PX, TILE_PX), np.float32)
        planes[0, :-1], planes[0, -1] = np.asarray(colour), 1
        radii = np.stack([np.asarray(radius)] * 2)
        for at, values, value_radii in self._apart[tile]:
            rows, columns = np.divmod(at, TILE_PX)
            planes[:, :, rows, columns] = values
            radii[:, rows, columns] = value_radii
        return planes, radii


def _take_apart(colour: Array, radius: Array) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Flat indices, planes and radii of the pixels with two surfaces; later entries go over earlier ones."""
    steps = depth_steps(radius)
    where, found = _edge_pixels(steps[0])
    if not found:
        return []
    planes, radii = split_edges(colour, radius, steps, jnp.asarray(where), jnp.int32(found))
    return [
        (where[:found].copy(), np.asarray(planes)[..., :found].copy(), np.asarray(radii)[..., :found].copy()),
        lights(np.asarray(colour), np.asarray(radius), np.asarray(steps[0])),
    ]


@jax.jit
def _reduce(
    planes: Float[Array, "2 e h w"], radii: Float[Array, "2 h w"]
) -> list[tuple[Float[Array, "2 e _ _"], Float[Array, "2 _ _"]]]:
    made = []
    for _ in range(LEVELS - 1):
        planes, radii = halve(planes, radii)
        made.append((planes, radii))
    return made


def _reduced(surfaces: _Surfaces, grid: _Grid, progress: Progress) -> dict[int, _Level]:
    """The surfaces at every reduced size; from the last on only for the tops of the fill."""
    levels = {
        level: _Level(
            np.empty((2, surfaces.scene.channels + 1, *grid.size(level)), np.float32),
            np.empty((2, *grid.size(level)), np.float32),
        )
        for level in range(1, LEVELS)
    }

    def work(tile: Tile) -> None:
        for level, made in enumerate(_reduce(*map(jnp.asarray, surfaces(tile.moved(-grid.border)))), start=1):
            for whole, part in zip((levels[level].planes, levels[level].radii), made, strict=True):
                _place(whole, np.asarray(part), tile, shift=level, margin=_MARGIN_PX[0])

    _each(grid.tiles(0, everything=True), work, lambda share: progress(0.3 * share, "Separating depths"))
    for level in range(LEVELS, LEVELS + _TOP):
        levels[level] = _Level(*halve_small(levels[level - 1].planes, levels[level - 1].radii))
    return levels


def _place(whole: np.ndarray, part: np.ndarray, tile: Tile, *, shift: int, margin: int) -> None:
    """Put a reduced tile's core into the reduced whole; `tile` and `margin` in pixels before the reduction."""
    top, left, inner = tile.top >> shift, tile.left >> shift, margin >> shift
    height = min((tile.bottom - tile.top) >> shift, whole.shape[-2] - top)
    width = min((tile.right - tile.left) >> shift, whole.shape[-1] - left)
    whole[..., top : top + height, left : left + width] = part[..., inner : inner + height, inner : inner + width]


def _read(planes: np.ndarray, top: int, left: int, side: int) -> np.ndarray:
    """A square of an array, the edge repeated outside."""
    if top >= 0 and left >= 0 and top + side <= planes.shape[-2] and left + side <= planes.shape[-1]:
        inside: np.ndarray = planes[..., top : top + side, left : left + side]
        return inside
    rows = np.clip(np.arange(top, top + side), 0, planes.shape[-2] - 1)
    columns = np.clip(np.arange(left, left + side), 0, planes.shape[-1] - 1)
    clipped: np.ndarray = planes[..., rows[:, None], columns]
    return clipped


def _top(group: Group, level: _Level) -> np.ndarray:
    """Per slice, colour and share as they continue behind nearer slices, over the whole padded grid."""
    made = np.zeros((_MOST_SLICES, *level.planes.shape[1:]), np.float32)
    seen = level.planes[:, -1] > _VISIBLE
    low, high = float(level.radii[seen].min()), float(level.radii[seen].max())
    squares = signed_square(level.radii)
    for index, bound in enumerate(group.bounds):
        if bound[2] < low or bound[0] > high:
            continue
        share, reach = share_and_reach(squares, np.asarray(bound, np.float32))
        made[index] = fill_small((share[:, None] * level.planes).sum(0), (reach * level.planes[:, -1]).sum(0))
    return made


_MOST_SLICES = max(len(group.bounds) for group in groups())


@lru_cache(maxsize=48)
def _kernels(group: Group, aperture: Aperture, field: tuple[float, float] = (0.0, 0.0)) -> Complex[Array, "k h w2"]:
    """Transforms of the slices' discs, in the group's own pixels, centred on pixel 0; field as of `Aperture`."""
    scale = 1 << group.level
    drawn = np.zeros((_MOST_SLICES, TILE_PX, TILE_PX), np.float32)
    for index, (_, radius, *_) in enumerate(group.bounds):
        # Drawing on pixels widens the disc by a pixel's own spread (1/12 in variance along each axis, a disc has
        # r²/4); going to a smaller size and back adds the mean over blocks (1/12) and the bilinear tent (1/6).
        added = 1 / 3 if scale == 1 else 4 / 3
        own = max((radius / scale) ** 2 - added, 0.0) ** 0.5
        size = 2 * int(np.ceil(own * 1.7)) + 5
        kernel = aperture.kernel(own, size=size, field=field, inverted=radius < 0)
        around = (np.arange(size) - size // 2) % TILE_PX
        drawn[index][np.ix_(around, around)] = kernel
    return jnp.fft.rfft2(drawn)


@jax.jit
def _layer_slices(
    planes: Float[Array, "2 e h w"],
    radii: Float[Array, "2 h w"],
    top: Float[Array, "k e ht wt"],
    bounds: Float[Array, "k 5"],
    kernels: Complex[Array, "k h w2"],
    order: Int[Array, " k"],
    count: Int[Array, ""],
) -> Float[Array, "e h w"]:
    """The group's slices over one another; the last plane is the share covered.

    order: indices of the slices, nearest first, the first `count` of them valid.

    Light of slices within `LIKE_SLICES` of each other adds up; a slice is hidden by all nearer ones beyond, with
    the light paths taken as independent.
    """
    size = planes.shape[-2:]
    squares = signed_square(radii)

    def lay(
        step: Int[Array, ""], above: tuple[Float[Array, "e h w"], Float[Array, "l h w"]]
    ) -> tuple[Float[Array, "e h w"], Float[Array, "l h w"]]:
        index = order[step]
        share, reach = share_and_reach(squares, bounds[index])
        result, history = above
        own = share[0] * planes[0] + share[1] * planes[1]
        known = (reach * planes[:, -1]).sum(0)
        whole: Array = jax.lax.cond(
            jnp.min(known) > 1 - _VISIBLE, lambda: own, lambda: fill(own, known, top[index])
        )
        blurred: Array = jax.lax.cond(
            jnp.abs(bounds[index, 1]) < 0.5,
            lambda planes: planes,
            lambda planes: jnp.fft.irfft2(jnp.fft.rfft2(planes) * kernels[index], s=size),
            whole,
        )
        through = 1 - history[index % LIKE_SLICES]
        visible = jnp.clip(blurred[-1] * through, 0.0, 1 - result[-1])
        result = result + blurred * (visible / jnp.maximum(blurred[-1], 1e-6))
        # What is covered so far counts for the slice LIKE_SLICES farther, and for those skipped until then.
        following = order[jnp.minimum(step + 1, order.shape[0] - 1)]
        last = jnp.where(step + 1 < count, following, index - LIKE_SLICES)
        slot_index = index - (index - jnp.arange(LIKE_SLICES)) % LIKE_SLICES
        return result, jnp.where((slot_index > last)[:, None, None], result[-1], history)

    nothing = jnp.zeros((planes.shape[1], *size), jnp.float32)
    history = jnp.zeros((LIKE_SLICES, *size), jnp.float32)
    result: Array
    result, _ = jax.lax.fori_loop(0, count, lay, (nothing, history))
    return result


def _layered(
    group: Group,
    aperture: Aperture,
    planes: Array,
    radii: Array,
    top: Array,
    present: np.ndarray,
    tile: Tile,
    grid: _Grid,
) -> Array:
    """`_layer_slices` for a tile of the padded grid, in the group's pixels, the aperture as seen from there."""

    def seen(field: tuple[float, float]) -> Array:
        made: Array = _layer_slices(
            planes,
            radii,
            top,
            _bounds(group),
            _kernels(group, aperture, field),
            _order(present),
            jnp.int32(present.size),
        )
        return made

    if aperture.cats_eye == 0:
        return seen((0.0, 0.0))
    # The opening changes over the picture: seen from the tile's four corners, and mixed in between. Neighbouring
    # tiles share their corners, so that nothing jumps.
    core = TILE_PX - 2 * _MARGIN_PX[group.level]
    along = jnp.clip((jnp.arange(TILE_PX) - _MARGIN_PX[group.level]) / core, 0.0, 1.0)
    mixed = jnp.zeros(planes.shape[1:], jnp.float32)
    for down in (0, 1):
        for right in (0, 1):
            place = tile.top + down * core, tile.left + right * core
            weight = (along if down else 1 - along)[:, None] * (along if right else 1 - along)
            mixed += weight * seen(grid.field(*place, level=group.level))
    return mixed


def _present(group: Group, radii: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """Indices of the group's slices that have anything in them, nearest first."""
    counts = np.bincount(
        (radii[coverage > _VISIBLE] * _BINS_PER_PX + _BIN_OFFSET).astype(np.int32), minlength=2 * _BIN_OFFSET
    )
    upto = np.concatenate([[0], np.cumsum(counts)])
    low, high = (np.array([bound[side] for bound in group.bounds]) * _BINS_PER_PX + _BIN_OFFSET for side in (0, 2))
    holds = upto[np.clip(high.astype(int) + 1, 0, upto.size - 1)] > upto[np.clip(low.astype(int), 0, upto.size - 1)]
    return np.flatnonzero(holds)[::-1].astype(np.int32)


_BINS_PER_PX = 4
_BIN_OFFSET = int(2 * LARGEST_RADIUS_PX) * _BINS_PER_PX


def _order(present: np.ndarray) -> Int[Array, " k"]:
    return jnp.asarray(np.pad(present, (0, _MOST_SLICES - present.size)))


@lru_cache(maxsize=64)
def _bounds(group: Group) -> Float[Array, "k 5"]:
    filled = list(group.bounds) + [group.bounds[-1]] * (_MOST_SLICES - len(group.bounds))
    return jnp.asarray(filled, jnp.float32)


def _blur_group(group: Group, level: _Level, top: np.ndarray, aperture: Aperture, grid: _Grid) -> np.ndarray | None:
    """The group's slices over one another, on the padded grid at the group's size; None when empty."""
    if _present(group, level.radii, level.planes[:, -1]).size == 0:
        return None
    margin = _MARGIN_PX[group.level]
    made = np.zeros(level.planes.shape[1:], np.float32)

    def work(tile: Tile) -> None:
        planes, radii = (
            _read(whole, tile.top - margin, tile.left - margin, TILE_PX) for whole in (level.planes, level.radii)
        )
        present = _present(group, radii, planes[:, -1])
        if present.size == 0:
            return
        blurred = _layered(
            group,
            aperture,
            jnp.asarray(planes),
            jnp.asarray(radii),
            jnp.asarray(_read_top(top, tile, margin)),
            present,
            tile,
            grid,
        )
        _place(made, np.asarray(blurred), tile, shift=0, margin=margin)

    _each(grid.tiles(group.level), work, lambda share: None)
    return made


def _read_top(top: np.ndarray, tile: Tile, margin: int) -> np.ndarray:
    return _read(top, (tile.top - margin) >> _TOP, (tile.left - margin) >> _TOP, TILE_PX >> _TOP)


@jax.jit
def _compose(
    narrow: Float[Array, "e h w"], behind: list[Float[Array, "e _ _"]], before: list[Float[Array, "e _ _"]]
) -> Float[Array, "e h w"]:
    """Wide slices behind (farthest first) and before (nearest first), each at half the next one's size."""

    def over(upper: Array, lower: Array) -> Array:
        opaque = lower / jnp.maximum(lower[-1:], _VISIBLE)
        return upper + (1 - upper[-1:]) * opaque

    back = behind[0]
    for planes in behind[1:]:
        back = over(planes, doubled(back))
    result = over(_before(before), over(narrow, doubled(back)))
    return result / jnp.maximum(result[-1:], _VISIBLE)


def _before(before: list[Float[Array, "e _ _"]]) -> Float[Array, "e h w"]:
    front = before[0]
    for planes in before[1:]:
        front = doubled(front)
        front = front + (1 - front[-1:]) * planes
    return doubled(front)


@jax.jit
def _foreground(before: list[Float[Array, "e _ _"]], narrow: Float[Array, "e h w"]) -> Float[Array, "e h w"]:
    front: Array = _before(before)
    whole: Array = front + (1 - front[-1:]) * narrow
    return whole


def _finish(
    surfaces: _Surfaces,
    series: tuple[Group, ...],
    wide: list[np.ndarray | None],
    tops: list[np.ndarray],
    aperture: Aperture,
    grid: _Grid,
    progress: Progress,
) -> tuple[np.ndarray, ...]:
    """The finished picture alone, or its three pieces where the series has three full-size groups."""
    scene = surfaces.scene
    margin = _MARGIN_PX[0]
    middle = [index for index, group in enumerate(series) if group.level == 0]
    nothing = [
        jnp.zeros((scene.channels + 1, TILE_PX >> level, TILE_PX >> level), jnp.float32) for level in range(LEVELS)
    ]
    depths = (scene.channels,) if len(middle) == 1 else (scene.channels, 4, 4)
    results = tuple(np.empty((scene.height, scene.width, depth), np.float32) for depth in depths)

    def wide_tile(index: int, tile: Tile) -> Array:
        planes, level = wide[index], series[index].level
        if planes is None:
            return nothing[level]
        side = TILE_PX >> level
        return jnp.asarray(_read(planes, (tile.top - margin) >> level, (tile.left - margin) >> level, side))

    def work(on_grid: Tile) -> None:
        tile = on_grid.moved(-grid.border)
        planes, radii = surfaces(tile)
        on_device = jnp.asarray(planes), jnp.asarray(radii)

        def layered(index: int) -> Array:
            present = _present(series[index], radii, planes[:, -1])
            if present.size == 0:
                return nothing[0]
            top = jnp.asarray(_read_top(tops[index], on_grid, margin))
            return _layered(series[index], aperture, *on_device, top, present, on_grid, grid)

        behind = [wide_tile(index, on_grid) for index in range(middle[0])]
        before = [wide_tile(index, on_grid) for index in range(len(series) - 1, middle[-1], -1)]
        if len(middle) == 1:
            made = [_compose(layered(middle[0]), behind, before)]
        else:
            made = [
                _compose(layered(middle[0]), behind, [nothing[level] for level in (3, 2, 1)]),
                layered(middle[1]),
                _foreground(before, layered(middle[2])),
            ]
        top, left = max(tile.top, 0), max(tile.left, 0)
        bottom, right = min(tile.bottom, scene.height), min(tile.right, scene.width)
        row, column = margin + top - tile.top, margin + left - tile.left
        for piece, result in zip(made, results, strict=True):
            # A piece of an opaque picture has its own coverage for alpha; with alpha, it is in the planes already.
            kept = piece[:-1] if result.shape[2] == scene.channels else piece
            pixels = scene.write(kept)
            result[top:bottom, left:right] = pixels[row : row + bottom - top, column : column + right - left]

    def on_picture(on_grid: Tile) -> bool:
        tile = on_grid.moved(-grid.border)
        return tile.bottom > 0 and tile.right > 0 and tile.top < scene.height and tile.left < scene.width

    tiles = [tile for tile in grid.tiles(0, everything=True) if on_picture(tile)]
    _each(tiles, work, lambda share: progress(0.6 + 0.4 * share, "Blurring"))
    return results
