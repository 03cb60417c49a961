"""Search for similar patches, and blend overlapping ones: the two steps that exemplar-based filling alternates.

The search is PatchMatch (C. Barnes et al., "PatchMatch: A Randomized Correspondence Algorithm for Structural Image
Editing", SIGGRAPH 2009): good matches spread to neighbours and are improved by random trials nearby. All pixels are
processed at once, so a match spreads by several distances per pass. Patches are compared by their principal
components, as in K. He, J. Sun, "Computing Nearest-Neighbor Fields via Propagation-Assisted KD-Trees", CVPR 2012,
and by their surroundings.

Pictures are flat arrays of pixels in rows of `stride` pixels. Their lengths come from a few fixed sizes, so that
few programs are compiled.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

RADIUS = 3  # patches have 7 x 7 pixels
AREA = (2 * RADIUS + 1) ** 2
COMPONENTS, CONTEXT = (
    20,
    4,
)  # principal components of a patch, and values of its surroundings: a colour, and the depth
NEVER = 1e3  # depth of a place that must not be copied from
_FARTHER = 0.1  # weight of the depth component where the source is farther away than the surface behind the hole
_CHUNK = 2048
_JUMPS = (1, 2, 8)  # distances in pixels over which matches spread to neighbours
_TRIALS = 6  # random trials per pass, each within half the distance of the one before
_SHARPNESS = 2.0  # exponent of the vote of a patch; its distance is relative to the mean one


class Places(NamedTuple):
    """The pixels to fill, and those near enough to be part of the same patches.

    Attributes:
        at: the flat index of each pixel.
        number: the position in `at` of each pixel of the picture; the length of `at` for all others.
        hole: whether the pixel is to be filled; the others keep their values.
        weight: how much the patch around the pixel counts in votes; 0 for padding.
        context: the surroundings that a source should have: the colour, and the depth of the background.
    """

    at: Int[Array, "n"]
    number: Int[Array, "p"]
    hole: Bool[Array, "n"]
    weight: Float[Array, "n"]
    context: Float[Array, "n x"]


class Sources(NamedTuple):
    """The components of the patches to copy from.

    Attributes:
        table: the components of the patch around every pixel, and its context with the depth last, which is `NEVER`
            where it is not allowed.
        basis: the principal components.
    """

    table: Float[Array, "p k1"]
    basis: Float[Array, "ac k"]


def _steps(stride: Int[Array, ""]) -> Int[Array, "a"]:
    """Return the differences of flat indices from a patch's middle to all of its pixels."""
    side = jnp.arange(-RADIUS, RADIUS + 1)
    return (side[:, None] * stride + side[None, :]).reshape(-1)


def patches(picture: Float[Array, "p c"], at: Int[Array, "n"], stride: Int[Array, ""]) -> Float[Array, "n ac"]:
    """Return the values of the patches around some pixels, clamped at the ends of the picture."""
    places = at[:, None] + _steps(stride)[None, :]
    return picture.at[places].get(mode="clip").reshape(at.shape[0], -1)


def _components(
    picture: Float[Array, "p c"], at: Int[Array, "n"], stride: Int[Array, ""], basis: Float[Array, "ac k"]
) -> Float[Array, "n k"]:
    chunk = min(_CHUNK, at.shape[0])
    parts = jax.lax.map(lambda some: patches(picture, some, stride) @ basis, at.reshape(-1, chunk))
    return parts.reshape(at.shape[0], -1)


@jax.jit
def sources_of(
    picture: Float[Array, "p c"],
    context: Float[Array, "p x"],
    stride: Int[Array, ""],
    basis: Float[Array, "ac k"],
) -> Sources:
    """Compute the components of the patches around all pixels.

    Args:
        picture: the picture.
        context: the colour around each pixel, and its depth, or `NEVER` where it must not be copied from.
        stride: pixels per row.
        basis: the principal components.
    """
    components = _components(picture, jnp.arange(picture.shape[0]), stride, basis)
    return Sources(jnp.concatenate([components, context], axis=1), basis)


@jax.jit
def improve(
    picture: Float[Array, "p c"],
    sources: Sources,
    places: Places,
    source: Int[Array, "n"],
    *,
    stride: Int[Array, ""],
    reach: Float[Array, ""],
    rounds: Int[Array, ""],
    passes: Int[Array, ""],
) -> tuple[Float[Array, "p c"], Int[Array, "n"], Float[Array, "n"]]:
    """Alternate between filling in by the votes of the matches and searching matches for the filling.

    Args:
        picture: the picture; its filling is replaced.
        sources: the result of `sources_of`.
        places: the pixels to fill.
        source: the flat index of the middle of the patch that each place copies.
        stride: pixels per row.
        reach: the largest distance of random trials along both axes, in pixels.
        rounds: how often to search; the votes of the last matches follow.
        passes: passes of the search per round.

    Returns:
        The filled picture, the sources, and the squared distance of each place's patch to its source's.
    """

    def one(step: Int[Array, ""], state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        picture, source, distance = state
        picture = vote(picture, places, source, distance, stride)
        own = _components(picture, places.at, stride, sources.basis)
        search = _Search(sources.table, jnp.concatenate([own, places.context], axis=1), places, stride)

        def once(number: Int[Array, ""], found: _Found) -> _Found:
            return _try_nearby(search, _spread(search, found), step * passes + number, reach)

        found = source, _distance(search.table, search.wanted, source)
        return picture, *jax.lax.fori_loop(0, jnp.where(step < rounds, passes, 0), once, found)

    start = (picture, source, jnp.zeros(source.shape, picture.dtype))
    return jax.lax.fori_loop(0, rounds + 1, one, start)


class _Search(NamedTuple):
    """What a search compares: the components of all sources, and those wanted at each place."""

    table: Float[Array, "p k1"]
    wanted: Float[Array, "n k1"]
    places: Places
    stride: Int[Array, ""]


_Found = tuple[Int[Array, "n"], Float[Array, "n"]]
"""The source of each place, and the squared distance of the patches."""


def _distance(
    table: Float[Array, "p k1"], wanted: Float[Array, "n k1"], source: Int[Array, "n"]
) -> Float[Array, "n"]:
    difference = table.at[source].get(mode="clip") - wanted
    farther = jnp.minimum(difference[:, -1], 0)
    return jnp.square(difference).sum(axis=1) - (1 - _FARTHER) * jnp.square(farther)


def _better(search: _Search, found: _Found, other: Int[Array, "n"]) -> _Found:
    """Take the other sources where they are closer."""
    source, distance = found
    other = jnp.clip(other, 0, search.table.shape[0] - 1)
    theirs = _distance(search.table, search.wanted, other)
    closer = theirs < distance
    return jnp.where(closer, other, source), jnp.where(closer, theirs, distance)


def _spread(search: _Search, found: _Found) -> _Found:
    """Try the sources of neighbours, shifted by the distance to the neighbour."""
    places, jumps = search.places, jnp.asarray(_JUMPS, jnp.int32)
    steps = jnp.concatenate([jumps, -jumps, jumps * search.stride, -jumps * search.stride])

    def one(index: Int[Array, ""], found: _Found) -> _Found:
        step = steps[index]
        neighbour = places.number.at[places.at + step].get(mode="fill", fill_value=places.at.shape[0])
        return _better(search, found, found[0].at[neighbour].get(mode="fill", fill_value=0) - step)

    return jax.lax.fori_loop(0, steps.shape[0], one, found)


def _try_nearby(search: _Search, found: _Found, number: Int[Array, ""], reach: Float[Array, ""]) -> _Found:
    """Try random sources around the present ones, from far away to next to them."""
    index = jnp.arange(found[0].shape[0])

    def one(trial: Int[Array, ""], found: _Found) -> _Found:
        farthest = jnp.maximum(reach * 0.4**trial, 1.5)
        draw = 2 * (number * _TRIALS + trial)
        down = jnp.round(farthest * _noise(index, draw)).astype(jnp.int32)
        across = jnp.round(farthest * _noise(index, draw + 1)).astype(jnp.int32)
        return _better(search, found, found[0] + down * search.stride + across)

    return jax.lax.fori_loop(0, _TRIALS, one, found)


def _noise(index: Int[Array, "n"], draw: Int[Array, ""]) -> Float[Array, "n"]:
    """Return pseudo-random numbers in [-1, 1): a hash of the index (C. Wellons, "lowbias32"), quick to compile."""
    bits = index.astype(jnp.uint32) + draw.astype(jnp.uint32) * jnp.uint32(0x9E3779B9)
    bits = (bits ^ (bits >> 16)) * jnp.uint32(0x7FEB352D)
    bits = (bits ^ (bits >> 15)) * jnp.uint32(0x846CA68B)
    return ((bits ^ (bits >> 16)) >> 8).astype(jnp.float32) / 2**23 - 1


@jax.jit
def vote(
    picture: Float[Array, "p c"],
    places: Places,
    source: Int[Array, "n"],
    distance: Float[Array, "n"],
    stride: Int[Array, ""],
) -> Float[Array, "p c"]:
    """Fill each pixel with the weighted mean of what all patches that contain it would copy there."""
    trusted = jnp.where(distance < NEVER, places.weight, 0)
    usual = jnp.sum(distance * trusted) / jnp.maximum(trusted.sum(), 1e-9)
    weight = trusted * jnp.exp(-_SHARPNESS * jnp.minimum(distance / jnp.maximum(usual, 1e-9), 8.0))
    steps = _steps(stride)
    # One more element, with weight 0, stands for all pixels that are no place.
    weight, sources = (jnp.concatenate([each, jnp.zeros_like(each[:1])]) for each in (weight, source))

    def add(index: Int[Array, ""], sums: tuple[Array, Array]) -> tuple[Array, Array]:
        patch = places.number.at[places.at + steps[index]].get(mode="clip")
        share = weight.at[patch].get(mode="clip")
        values = picture.at[sources.at[patch].get(mode="clip") - steps[index]].get(mode="clip")
        return sums[0] + share[:, None] * values, sums[1] + share

    zero = jnp.zeros(source.shape, picture.dtype)
    colours, total = jax.lax.fori_loop(0, AREA, add, (jnp.zeros((*zero.shape, picture.shape[1]), zero.dtype), zero))
    filled = places.hole & (total > 0)
    now = picture.at[places.at].get(mode="clip")
    values = jnp.where(filled[:, None], colours / jnp.maximum(total, 1e-20)[:, None], now)
    return picture.at[places.at].set(values, mode="drop")
