"""Search for similar patches.

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
from jaxtyping import Array, Float, Int

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


class Places(NamedTuple):
    """The pixels for whose patches matches are searched.

    Attributes:
        at: the flat index of each pixel.
        number: the position in `at` of each pixel of the picture; the length of `at` for all others.
        context: the surroundings that a source should have: the colour, and the depth of the background.
    """

    at: Int[Array, "n"]
    number: Int[Array, "p"]
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
    passes: Int[Array, ""],
) -> tuple[Int[Array, "n"], Float[Array, "n"]]:
    """Search better matches.

    Args:
        picture: the picture.
        sources: the result of `sources_of`.
        places: the pixels to match.
        source: the flat index of the middle of the patch that each place starts with.
        stride: pixels per row.
        reach: the largest distance of random trials along both axes, in pixels.
        passes: how often to search.

    Returns:
        The sources, and the squared distance of each place's patch to its source's.
    """
    own = _components(picture, places.at, stride, sources.basis)
    search = _Search(sources.table, jnp.concatenate([own, places.context], axis=1), places, stride)

    def once(number: Int[Array, ""], found: _Found) -> _Found:
        return _try_nearby(search, _spread(search, found), number, reach)

    return jax.lax.fori_loop(0, passes, once, (source, _distance(search.table, search.wanted, source)))


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
