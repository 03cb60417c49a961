"""Find places elsewhere in a picture that look like the content of a part of it."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float32, Int, Int32
from scipy import ndimage

from .patch_features import colours_around, with_roughness
from .patch_match import AREA, COMPONENTS, CONTEXT, NEVER, RADIUS, Places, improve, sources_of

FINEST_PIXELS, FINEST_PLACES = 1 << 18, 1 << 16  # limits of the picture, and of the pixels in or near the hole
_LEAST_PIXELS = 1 << 12  # length of the arrays for the smallest pictures
_LENGTHS = 2048, 6144, 20480, FINEST_PLACES  # array lengths
_LEAST_SOURCES = 128  # fewer places to copy from are not used
_DEPTH_WEIGHT = 5.0  # depth component of a patch per unit of disparity
_SAMPLES = 1024  # patches from which the principal components are computed
_PASSES, _REACH = 12, 256.0  # passes of the search, and reach of its random trials, in pixels
_COLOUR_WEIGHT = 1.2  # how much the colour of the surroundings counts


@dataclass(frozen=True, kw_only=True)
class Matches:
    """Where each pixel near a hole is copied from.

    Attributes:
        near: the pixels that have a source: those of the hole, and those near it.
        moves: differences in rows and columns from each pixel to its source; for pixels without a source, those of
            the nearest pixel with one.
        distance: mean squared difference per value between each pixel's patch and that of its source; 0 where
            there is none.
    """

    near: Bool[np.ndarray, "h w"]
    moves: Int32[np.ndarray, "h w 2"]
    distance: Float32[np.ndarray, "h w"]


@dataclass(frozen=True, kw_only=True)
class _Level:
    """The picture, with the channels of `with_roughness`."""

    picture: Float32[np.ndarray, "h w c"]
    hole: Bool[np.ndarray, "h w"]
    allowed: Bool[np.ndarray, "h w"]
    context: Float32[np.ndarray, "h w x"]
    wanted: Float32[np.ndarray, "h w x"]
    places: Int[np.ndarray, "n"]

    @property
    def size(self) -> tuple[int, int]:
        return self.hole.shape[0], self.hole.shape[1]


def match_texture(
    picture: Float32[np.ndarray, "h w 3"],
    hole: Bool[np.ndarray, "h w"],
    source: Bool[np.ndarray, "h w"],
    *,
    disparity: Float32[np.ndarray, "h w"],
    behind: Float32[np.ndarray, "h w"],
) -> Matches | None:
    """Find places to copy that look like the present content of a hole.

    The same arguments give the same result.

    Args:
        picture: of at most `FINEST_PIXELS` pixels, and few enough of them in or near the hole (`is_small_enough`).
        hole: the pixels that have the content.
        source: the pixels to copy from.
        disparity: of the picture, in [0, 1], 1 = nearest.
        behind: disparity of the surface that continues in the hole; sources of a similar disparity are preferred.

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
    return _improved(moves, level, _principal_components(level))


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
    )


def _improved(moves: np.ndarray, level: _Level, basis: np.ndarray) -> Matches:
    """Search better sources."""
    pixels, count = _lengths(level)
    height, width = level.size
    rows, columns = np.divmod(level.places, width)
    moves = moves[rows, columns]
    source = np.clip(rows + moves[:, 0], 0, height - 1) * width + np.clip(columns + moves[:, 1], 0, width - 1)
    stride, flat = jnp.asarray(width, jnp.int32), jnp.asarray(_flat(level.picture, pixels))
    context = level.context.copy()
    context[~level.allowed, -1] = NEVER
    places = _places(level, pixels, count)
    nearest, distance = improve(
        flat,
        sources_of(flat, jnp.asarray(_flat(context, pixels, fill=NEVER)), stride, jnp.asarray(basis)),
        places,
        jnp.asarray(_padded(source.astype(np.int32), count)),
        stride=stride,
        reach=jnp.asarray(_REACH, jnp.float32),
        passes=jnp.asarray(_PASSES, jnp.int32),
    )
    return _matches(level, nearest, distance)


def _lengths(level: _Level) -> tuple[int, int]:
    """Return array lengths for the pixels and the places of a level, from a few fixed ones."""
    pixels = _LEAST_PIXELS
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
    wanted = level.wanted.reshape(-1, CONTEXT)[level.places]
    return Places(
        at=jnp.asarray(at),
        number=jnp.asarray(number),
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


def _matches(level: _Level, source: Array, distance: Array) -> Matches:
    height, width = level.size
    count = len(level.places)
    rows, columns = np.divmod(level.places, width)
    theirs = np.divmod(np.asarray(source)[:count], width)
    near, distances = np.zeros((height, width), bool), np.zeros((height, width), np.float32)
    near[rows, columns] = True
    distances[rows, columns] = np.asarray(distance)[:count] / (AREA * level.picture.shape[2])
    moves = np.zeros((height, width, 2), np.int32)
    moves[rows, columns, 0], moves[rows, columns, 1] = theirs[0] - rows, theirs[1] - columns
    nearest = ndimage.distance_transform_edt(~near, return_distances=False, return_indices=True)
    return Matches(near=near, moves=moves[nearest[0], nearest[1]], distance=distances)
