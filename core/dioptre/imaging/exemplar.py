"""Continue the texture and the structure of a picture into a hole, by copying patches from elsewhere in it.

The hole is filled at a coarse size first, from its rim inwards, and then at finer sizes. Two steps alternate at
each size: a search for the best match of each patch that touches the hole, and a vote in which each pixel becomes
the weighted mean of the values that the patches around it copy there. Y. Wexler, E. Shechtman, M. Irani, "Space-
Time Completion of Video", PAMI 2007; A. Newson et al., "Video Inpainting of Complex Scenes", SIAM J. Imaging Sci.
2014.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, Int, Int32
from scipy import ndimage

from .layers import Progress, no_progress
from .patch_features import colours_around, colours_expected, with_roughness
from .patch_match import AREA, COMPONENTS, CONTEXT, NEVER, RADIUS, Places, improve, patches, sources_of, vote

FINEST_PIXELS, FINEST_PLACES = 1 << 18, 1 << 16  # limits at the finest size
_COARSEST_PIXELS, _COARSEST_PLACES = 1 << 12, 1 << 11  # at this size, the filling starts
_LENGTHS = (_COARSEST_PLACES, 6144, 20480, FINEST_PLACES)  # array lengths; a hole halved twice fits two steps lower
_MOST_PLACES = _LENGTHS[1]  # limit where the filling starts
_MOST_SOURCES = 1 << 9  # limit there; sources beyond are skipped evenly
_LEAST_SOURCES = 128  # a size with fewer places to copy from is not used
_DEPTH_WEIGHT = 5.0  # depth component of a patch per unit of disparity
_SAMPLES = 1024  # patches from which the principal components are computed
_ROUNDS = (1, 3, 8, 12)  # rounds at each size, from fine to coarse; the last number is for all coarser ones
_PASSES = 2
_FIRST_REACH = 64.0  # reach of the random trials at the second coarsest size, in pixels; it is halved at every size
_COLOUR_WEIGHT = 1.2  # how much the colour of the surroundings counts
_MATCH_ROUNDS, _MATCH_REACH = 6, 256.0  # rounds, and reach of the random trials, where the hole keeps its content
_RIM_STEPS, _RIM_ROUNDS = 5, 2  # steps from the rim to the middle of the hole, and rounds after them
_RIM_DECAY = 1.3  # pixels count less by this factor per pixel of distance from the rim
_CHUNK = 256


@dataclass(frozen=True, kw_only=True)
class Matches:
    """Where each pixel near a hole is copied from.

    Attributes:
        near: the pixels that have a source: those of the hole, and those near it.
        moves: differences in rows and columns from each pixel to its source; for pixels without a source, those of
            the nearest pixel with one.
        filled: the picture with its hole filled in by the votes of all patches.
        distance: mean squared difference per value between each pixel's patch and that of its source; 0 where
            there is none.
    """

    near: Bool[np.ndarray, "h w"]
    moves: Int32[np.ndarray, "h w 2"]
    filled: Float32[np.ndarray, "h w c"]
    distance: Float32[np.ndarray, "h w"]


@dataclass(frozen=True, kw_only=True)
class _Level:
    """One size of the picture, with the channels of `with_roughness`."""

    picture: Float32[np.ndarray, "h w c"]
    hole: Bool[np.ndarray, "h w"]
    allowed: Bool[np.ndarray, "h w"]
    context: Float32[np.ndarray, "h w x"]
    wanted: Float32[np.ndarray, "h w x"]
    places: Int[np.ndarray, "n"]
    source: Bool[np.ndarray, "h w"]

    @property
    def size(self) -> tuple[int, int]:
        return self.hole.shape[0], self.hole.shape[1]


def continue_texture(
    picture: Float32[np.ndarray, "h w 3"],
    hole: Bool[np.ndarray, "h w"],
    source: Bool[np.ndarray, "h w"],
    *,
    disparity: Float32[np.ndarray, "h w"],
    behind: Float32[np.ndarray, "h w"],
    progress: Progress = no_progress,
) -> Matches | None:
    """Find sources for the pixels of a hole.

    The same arguments give the same result.

    Args:
        picture: of at most `FINEST_PIXELS` pixels, and few enough of them in or near the hole (`is_small_enough`).
        hole: the pixels to fill.
        source: the pixels to copy from.
        disparity: of the picture, in [0, 1], 1 = nearest.
        behind: disparity of the surface that continues in the hole; sources of a similar disparity are preferred.
        progress: called with the fraction done; raises Cancelled to stop.

    Returns:
        The sources; None if there are too few pixels to copy from.
    """
    colours = [np.float32(_COLOUR_WEIGHT) * each(picture, hole) for each in (colours_around, colours_expected)]
    depths = [np.float32(_DEPTH_WEIGHT) * each[..., None] for each in (disparity, behind)]
    context, wanted = (np.concatenate(each, axis=-1) for each in zip(colours, depths, strict=True))
    levels = [_level(with_roughness(picture, hole), hole, source, context, wanted)]
    while not _is_coarsest(levels[-1]) and (coarser := _halved(levels[-1])) is not None:
        levels.append(coarser)
    if not _is_usable(levels[-1]):
        return None
    basis = _principal_components(levels[0])
    levels.reverse()
    found = _from_the_rim(levels[0])
    work = [len(level.places) for level in levels]
    for index, level in enumerate(levels):
        progress(sum(work[:index]) / sum(work), "Continuing the background")
        moves = _finer(found.moves, level) if index else found.moves
        rounds = _ROUNDS[min(len(levels) - 1 - index, len(_ROUNDS) - 1)]
        found = _improved(moves, level, basis, rounds=rounds, reach=max(4.0, _FIRST_REACH / 2**index))
    return replace(found, filled=found.filled[..., :3])


def match_texture(
    picture: Float32[np.ndarray, "h w 3"],
    hole: Bool[np.ndarray, "h w"],
    source: Bool[np.ndarray, "h w"],
    *,
    disparity: Float32[np.ndarray, "h w"],
    behind: Float32[np.ndarray, "h w"],
) -> Matches | None:
    """Find sources that look like the present content of a hole, which is kept.

    The arguments are those of `continue_texture`.

    Returns:
        The sources; None if there are too few pixels to copy from.
    """
    known = np.zeros_like(hole)
    around = np.float32(_COLOUR_WEIGHT) * colours_around(picture, known)
    context, wanted = (
        np.concatenate([around, np.float32(_DEPTH_WEIGHT) * each[..., None]], axis=-1)
        for each in (disparity, behind)
    )
    level = _level(with_roughness(picture, known), hole, source, context, wanted)
    if not 0 < len(level.places) <= FINEST_PLACES or int(level.allowed.sum()) < _LEAST_SOURCES:
        return None
    nearest = ndimage.distance_transform_edt(~level.allowed, return_distances=False, return_indices=True)
    moves = np.moveaxis(nearest - np.indices(level.size), 0, -1).astype(np.int32)
    basis = _principal_components(level)
    matches = _improved(moves, level, basis, rounds=_MATCH_ROUNDS, reach=_MATCH_REACH, keep=True)
    return replace(matches, filled=matches.filled[..., :3])


def is_small_enough(hole: Bool[np.ndarray, "h w"]) -> bool:
    """Return whether a hole can be filled at this size."""
    return hole.size <= FINEST_PIXELS and int(_near(hole).sum()) <= FINEST_PLACES


def _near(hole: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Return the middles of all patches that contain pixels of the hole and lie inside the picture."""
    near = ndimage.maximum_filter(hole, 2 * RADIUS + 1)
    for axis in (0, 1):
        ends = [slice(None), slice(None)]
        for ends[axis] in (slice(None, RADIUS), slice(-RADIUS, None)):
            near[tuple(ends)] = False
    return near


def _level(
    picture: np.ndarray, hole: np.ndarray, source: np.ndarray, context: np.ndarray, wanted: np.ndarray
) -> _Level:
    allowed = ndimage.minimum_filter(source & ~hole, 2 * RADIUS + 1, mode="constant", cval=0)
    places = np.flatnonzero(_near(hole))
    return _Level(
        picture=picture,
        hole=hole,
        allowed=allowed,
        context=context,
        wanted=wanted,
        places=places,
        source=source,
    )


def _is_coarsest(level: _Level) -> bool:
    return level.hole.size <= _COARSEST_PIXELS and len(level.places) <= _COARSEST_PLACES


def _is_usable(level: _Level) -> bool:
    return 0 < len(level.places) <= _MOST_PLACES and int(level.allowed.sum()) >= _LEAST_SOURCES


def _halved(level: _Level) -> _Level | None:
    """Return the level at half the size; None if it could not be filled."""
    height, width = level.size
    if min(height, width) < 4 * RADIUS + 2:
        return None

    def blocks(plane: np.ndarray) -> np.ndarray:
        padded = np.pad(plane, ((0, height % 2), (0, width % 2), *[(0, 0)] * (plane.ndim - 2)), mode="edge")
        return padded.reshape(-(-height // 2), 2, -(-width // 2), 2, *plane.shape[2:])

    known = blocks((~level.hole).astype(np.float32))
    share = known.mean(axis=(1, 3))
    colours = (blocks(level.picture) * known[..., None]).mean(axis=(1, 3)) / np.maximum(share, 0.25)[..., None]
    halved = _level(
        colours,
        share < 1,
        np.asarray(blocks(level.source).all(axis=(1, 3))),
        blocks(level.context).mean(axis=(1, 3)),
        blocks(level.wanted).mean(axis=(1, 3)),
    )
    return halved if int(halved.allowed.sum()) >= _LEAST_SOURCES and len(halved.places) else None


def _from_the_rim(level: _Level) -> Matches:
    """Fill the coarsest level from the rim inwards, comparing with every source."""
    pixels, count = _lengths(level)
    flat = jnp.asarray(_flat(level.picture, pixels))
    places = _places(level, pixels, count)
    sources = np.flatnonzero(level.allowed).astype(np.int32)
    sources = sources[np.linspace(0, len(sources) - 1, min(len(sources), _MOST_SOURCES)).astype(int)]
    context = level.context.reshape(-1, CONTEXT)[sources]
    copied = _padded(sources, _MOST_SOURCES), _padded(context, _MOST_SOURCES, fill=NEVER)
    inwards = ndimage.distance_transform_edt(level.hole).astype(np.float32)
    deepest, stride = float(inwards.max()), jnp.asarray(level.size[1], jnp.int32)
    source, distance = jnp.zeros(count, jnp.int32), jnp.zeros(count, jnp.float32)
    for step in range(1, _RIM_STEPS + _RIM_ROUNDS):
        seen = inwards < max(deepest * step / _RIM_STEPS, 1.0)
        trust = np.where(seen, _RIM_DECAY**-inwards, 0).astype(np.float32)
        nearest, distance = _closest(flat, jnp.asarray(_flat(trust, pixels)), copied, places, stride)
        source = jnp.asarray(copied[0])[nearest]
        weight = ndimage.uniform_filter(trust, 2 * RADIUS + 1).reshape(-1)[level.places]
        flat = vote(flat, places._replace(weight=jnp.asarray(_padded(weight, count))), source, distance, stride)
    return _matches(level, flat, source, distance)


@jax.jit
def _closest(
    picture: Float[Array, "p c"],
    trust: Float[Array, "p"],
    copied: tuple[Int[Array, "s"], Float[Array, "s x"]],
    places: Places,
    stride: Int[Array, ""],
) -> tuple[Int[Array, "n"], Float[Array, "n"]]:
    """Compare each place with every source, weighting the pixels of its patch by `trust`.

    Args:
        picture: the picture with its present filling.
        trust: weight of each pixel.
        copied: the flat index and the context of each source.
        places: the pixels to fill.
        stride: pixels per row.

    Returns:
        The position of the closest source in `copied`, and its squared distance.
    """
    sources, context = copied
    everywhere = patches(picture, sources, stride)
    squares = jnp.square(everywhere)
    per_value = jnp.repeat(trust[:, None], picture.shape[1], axis=1)

    def one(some: tuple[Array, Array]) -> tuple[Array, Array]:
        at, wanted = some
        own, weight = patches(picture, at, stride), patches(per_value, at, stride)
        cross, theirs = (weight * own) @ everywhere.T, weight @ squares.T
        mine = (weight * jnp.square(own)).sum(axis=1, keepdims=True)
        mean = jnp.maximum(mine - 2 * cross + theirs, 0) / jnp.maximum(weight.sum(axis=1, keepdims=True), 1e-6)
        total = weight.shape[1] * mean + jnp.square(context[None] - wanted[:, None]).sum(axis=-1)
        best = jnp.argmin(total, axis=1).astype(jnp.int32)
        return best, jnp.take_along_axis(total, best[:, None], axis=1)[:, 0]

    chunks = places.at.reshape(-1, _CHUNK), places.context.reshape(-1, _CHUNK, CONTEXT)
    best, distance = jax.lax.map(one, chunks)
    return best.reshape(-1), distance.reshape(-1)


def _finer(moves: np.ndarray, level: _Level) -> Int32[np.ndarray, "h w 2"]:
    """Transfer the sources to a level of twice the size."""
    height, width = level.size
    doubled: np.ndarray = 2 * moves[np.arange(height)[:, None] // 2, np.arange(width) // 2]
    return doubled


def _improved(
    moves: np.ndarray, level: _Level, basis: np.ndarray, *, rounds: int, reach: float, keep: bool = False
) -> Matches:
    """Search better sources, and fill the hole by their votes unless `keep` is set."""
    pixels, count = _lengths(level)
    height, width = level.size
    rows, columns = np.divmod(level.places, width)
    moves = moves[rows, columns]
    source = np.clip(rows + moves[:, 0], 0, height - 1) * width + np.clip(columns + moves[:, 1], 0, width - 1)
    stride, flat = jnp.asarray(width, jnp.int32), jnp.asarray(_flat(level.picture, pixels))
    context = level.context.copy()
    context[~level.allowed, -1] = NEVER
    places = _places(level, pixels, count)
    places = places._replace(hole=jnp.zeros_like(places.hole)) if keep else places
    flat, nearest, distance = improve(
        flat,
        sources_of(flat, jnp.asarray(_flat(context, pixels, fill=NEVER)), stride, jnp.asarray(basis)),
        places,
        jnp.asarray(_padded(source.astype(np.int32), count)),
        stride=stride,
        reach=jnp.asarray(reach, jnp.float32),
        rounds=jnp.asarray(rounds, jnp.int32),
        passes=jnp.asarray(_PASSES, jnp.int32),
    )
    return _matches(level, flat, nearest, distance)


def _lengths(level: _Level) -> tuple[int, int]:
    """Return array lengths for the pixels and the places of a level, from a few fixed ones."""
    pixels = _COARSEST_PIXELS
    while pixels < level.hole.size:
        pixels *= 4
    count = next(length for length in _LENGTHS if length >= len(level.places))
    return pixels, count


def _flat(plane: np.ndarray, length: int, *, fill: float = 0.0) -> np.ndarray:
    values = plane.reshape(plane.shape[0] * plane.shape[1], *plane.shape[2:])
    values = values.astype(np.bool_ if plane.dtype == np.bool_ else np.float32, copy=False)
    return _padded(values, length, fill=fill)


def _padded(values: np.ndarray, length: int, *, fill: float = 0.0) -> np.ndarray:
    made = np.full((length, *values.shape[1:]), fill, values.dtype)
    made[: len(values)] = values
    return made


def _places(level: _Level, pixels: int, count: int) -> Places:
    at = np.full(count, pixels, np.int32)
    at[: len(level.places)] = level.places
    number = np.full(pixels, count, np.int32)
    number[level.places] = np.arange(len(level.places), dtype=np.int32)
    inwards = ndimage.distance_transform_edt(level.hole).astype(np.float32)
    weight = np.maximum(_RIM_DECAY**-inwards, 1e-3).reshape(-1)[level.places]
    wanted = level.wanted.reshape(-1, CONTEXT)[level.places]
    return Places(
        at=jnp.asarray(at),
        number=jnp.asarray(number),
        hole=jnp.asarray(_padded(level.hole.reshape(-1)[level.places], count)),
        weight=jnp.asarray(_padded(weight.astype(np.float32), count)),
        context=jnp.asarray(_padded(wanted, count)),
    )


def _principal_components(level: _Level) -> Float32[np.ndarray, "ac k"]:
    """Return the principal components of the patches that may be copied; their signs do not matter."""
    places = np.flatnonzero(level.allowed)
    places = places[np.linspace(0, len(places) - 1, min(_SAMPLES, len(places))).astype(int)]
    rows, columns = np.divmod(places, level.size[1])
    side = np.arange(-RADIUS, RADIUS + 1)
    sampled = level.picture[rows[:, None, None] + side[:, None], columns[:, None, None] + side[None, :]]
    values = sampled.reshape(len(places), -1)
    _, vectors = np.linalg.eigh(values.T @ values)
    return np.ascontiguousarray(vectors[:, -COMPONENTS:], np.float32)


def _matches(level: _Level, flat: Array, source: Array, distance: Array) -> Matches:
    height, width = level.size
    count = len(level.places)
    rows, columns = np.divmod(level.places, width)
    theirs = np.divmod(np.asarray(source)[:count], width)
    near, distances = np.zeros((height, width), bool), np.zeros((height, width), np.float32)
    near[rows, columns] = True
    distances[rows, columns] = np.asarray(distance)[:count] / (AREA * flat.shape[1])
    moves = np.zeros((height, width, 2), np.int32)
    moves[rows, columns, 0], moves[rows, columns, 1] = theirs[0] - rows, theirs[1] - columns
    nearest = ndimage.distance_transform_edt(~near, return_distances=False, return_indices=True)
    filled = np.asarray(flat)[: height * width].reshape(height, width, -1)
    return Matches(near=near, moves=moves[nearest[0], nearest[1]], filled=filled, distance=distances)
