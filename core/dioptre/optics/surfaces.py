"""Split each pixel into up to two surfaces, one in front of the other.

A pixel on an object's edge mixes two depths, but has only one disparity. If it were spread as one colour at one
depth, it would become a rim or a halo. Such pixels are therefore split, and reduced pictures also keep two surfaces
per pixel.

Surfaces are stored as planes (2, C + 1, H, W), the nearer surface first, which hold colour times coverage, then
coverage; and as radii (2, H, W), the signed circle of confusion in pixels of the full picture. The coverages of
both surfaces add up to 1.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int

from dioptre.programs import kept

REACH_PX = 3
"""Distance in pixels up to which `split_edges` reads neighbours of a pixel."""

# Minimum jump of the radius, as a fraction of its change over three times the distance (1 / 3 on a slope).
_JUMP_OF_AROUND = 0.4
# Relative width of the soft threshold at the minimum jump, so that rounding does not decide which pixels are split.
_UNSURE = 0.2
_CHUNK = 256  # number of edge pixels split at once
_LEAST_STEP_PX = 0.25  # smaller jumps of the radius are not visible
# Width of the zone in the middle of a jump whose pixels belong to both sides, as a fraction of the jump.
_BETWEEN = 0.2
# Standard deviations of the coverage estimated from depth alone: for pixels whose 3 x 3 neighbourhood contains both
# sides of the edge, and for all others.
_STD_AT_EDGE = 0.15
_STD_BESIDE = 0.05
_THICK = 0.05  # minimum weight of unmixed neighbours to measure a structure's colour from them
_NOISE_VARIANCE = 1e-4  # variance that noise adds to values in linear light
_SEEN = 0.02  # minimum coverage for a surface to affect the radii of a reduced pixel
_NOTHING = 1e-6
_SMALL = np.float32(1e-4)  # a surface with less coverage has no meaningful radius
_FAR = np.float32(1e9)


def extreme(values: Float[Array, "h w"], reach: int, *, largest: bool) -> Float[Array, "h w"]:
    """Return the largest or smallest value within a square around each pixel, repeating the edge.

    Args:
        values: the values.
        reach: distance in pixels from the centre of the square to its sides.
        largest: return the largest value, else the smallest.
    """
    pick = jnp.maximum if largest else jnp.minimum
    padded = jnp.pad(values, reach, mode="edge")
    height, width = values.shape
    rows = padded[:height]
    for offset in range(1, 2 * reach + 1):
        rows = pick(rows, padded[offset : offset + height])
    columns = rows[:, :width]
    for offset in range(1, 2 * reach + 1):
        columns = pick(columns, rows[:, offset : offset + width])
    return columns


@partial(kept, static_argnames="reach")
def depth_steps(
    radius: Float[Array, "h w"], *, reach: int = 1
) -> tuple[Float[Array, "h w"], Float[Array, "h w"], Float[Array, "h w"]]:
    """Detect jumps of the radius within `reach` pixels.

    On a slope, the radius changes in proportion to distance. If it changes hardly more over three times the
    distance, there is a jump.

    Returns:
        The confidence (0 to 1) in a jump, and the largest and the smallest radius within reach.
    """
    nearest, farthest = extreme(radius, reach, largest=True), extreme(radius, reach, largest=False)
    around = extreme(nearest, 2 * reach, largest=True) - extreme(farthest, 2 * reach, largest=False)
    size = jnp.maximum(jnp.abs(nearest), jnp.abs(farthest))
    jump = nearest - farthest
    least = jnp.maximum(jnp.maximum(_LEAST_STEP_PX, 0.05 * size), _JUMP_OF_AROUND * around)
    sure = jnp.clip(0.5 + (jump / least - 1) / _UNSURE, 0.0, 1.0)
    return sure, nearest, farthest


@kept
def split_edges(
    colour: Float[Array, "c h w"],
    radius: Float[Array, "h w"],
    steps: tuple[Float[Array, "h w"], Float[Array, "h w"], Float[Array, "h w"]],
    where: Int[Array, " n"],
    count: Int[Array, ""],
) -> tuple[Float[Array, "2 e n"], Float[Array, "2 n"]]:
    """Split pixels on depth edges into a front and a back surface.

    The colours of both surfaces come from pixels next to the edge. The coverage follows from the position of the
    pixel's colour between them; where the two colours are similar or textured, it is constrained by the neighbours'
    depths. The lower the confidence in a jump, the closer both radii are to the pixel's own.

    Args:
        colour: linear light, premultiplied.
        radius: signed circle of confusion in pixels.
        steps: result of `depth_steps`.
        where: flat indices of the pixels to split, of which the first `count` are valid; the length must be a
            multiple of 256. They should not include the outer 4 pixels of the array.
        count: number of valid indices.

    Returns:
        Planes and radii of both surfaces of these pixels.
    """
    channels, _, width = colour.shape
    sure, nearest, farthest = (step.reshape(-1) for step in steps)
    flat = [*colour.reshape(channels, -1), radius.reshape(-1), sure]

    def chunk(number: Int[Array, ""], made: tuple[Array, Array]) -> tuple[Array, Array]:
        start = number * _CHUNK
        at = jax.lax.dynamic_slice(where, (start,), (_CHUNK,))
        ends = jnp.stack([nearest[at], farthest[at]])
        split = _split(flat, at, ends, width)
        own = flat[-2][at]
        radii = own + sure[at] * (ends - own)
        planes, both = made
        return (
            jax.lax.dynamic_update_slice(planes, split, (0, 0, start)),
            jax.lax.dynamic_update_slice(both, radii, (0, start)),
        )

    empty = jnp.zeros((2, channels + 1, *where.shape), jnp.float32), jnp.zeros((2, *where.shape), jnp.float32)
    return jax.lax.fori_loop(0, -(-count // _CHUNK), chunk, empty)


class _Around(NamedTuple):
    """One neighbour of each of n pixels, with its weights for the colours of the two surfaces."""

    colour: Float[Array, "c n"]
    in_front: Float[Array, " n"]
    pure: Float[Array, " n"]
    mixed: Float[Array, " n"]
    tent: Float[Array, ""]


class _Sums(NamedTuple):
    """Weighted sums over the neighbours of each of n pixels."""

    weight: Float[Array, " n"]
    colour: Float[Array, "c n"]
    square: Float[Array, " n"]

    def plus(self, weight: Float[Array, " n"], colour: Float[Array, "c n"]) -> _Sums:
        return _Sums(
            self.weight + weight, self.colour + weight * colour, self.square + weight * _along_first(colour**2)
        )

    def mean(self) -> Float[Array, "c n"]:
        return self.colour / jnp.maximum(self.weight, _NOTHING)

    def variance(self) -> Float[Array, " n"]:
        """Return the variance, summed over the channels."""
        square = self.square / jnp.maximum(self.weight, _NOTHING)
        return jnp.maximum(square - _along_first(self.mean() ** 2), 0.0)


def _along_first(values: Float[Array, "c n"]) -> Float[Array, " n"]:
    """Sum over the channels, written out because XLA's reduction is ten times slower on a CPU."""
    return functools.reduce(operator.add, list(values))


_SPAN = np.arange(-REACH_PX, REACH_PX + 1)
_SQUARED_DISTANCE = _SPAN[:, None] ** 2 + _SPAN**2
_CLOSENESS = np.exp(-_SQUARED_DISTANCE / 4.5).astype(np.float32)
_TENT = np.where(_SQUARED_DISTANCE <= 2, 2.0 ** -(2 + _SQUARED_DISTANCE), 0.0).astype(np.float32)
_LEAST_TENT = float(_TENT[_TENT > 0].min())


class _Neighbourhood:
    """The neighbourhood of each of n pixels, and the side of the edge on which each neighbour lies.

    Attributes:
        own: colours of the pixels themselves.
    """

    def __init__(
        self, flat: list[Float[Array, " p"]], at: Int[Array, " n"], radii: Float[Array, "2 n"], width: int
    ) -> None:
        """Gather the neighbourhoods; the arguments are those of `_split`."""
        offsets = (_SPAN[:, None] * width + _SPAN).reshape(-1, 1)
        around = jnp.clip(at + offsets, 0, flat[0].shape[0] - 1)
        table = jnp.stack([plane[around] for plane in flat])
        self._table = table.reshape(-1, _SPAN.size, _SPAN.size, at.shape[0])
        self._channels = len(flat) - 2
        self.own = self._table[: self._channels, REACH_PX, REACH_PX]
        self._middle, self._jump = (radii[0] + radii[1]) / 2, jnp.maximum(radii[0] - radii[1], _NOTHING)

    def fold(self, visit: Callable[[Any, _Around], Any], start: Any) -> Any:
        """Fold over the neighbours, with a loop over rows because sums along an axis are far slower."""

        def row(number: Int[Array, ""], folded: Any) -> Any:
            values = jax.lax.dynamic_index_in_dim(self._table, number, axis=1, keepdims=False)
            for column in range(_SPAN.size):
                closeness, edge = jnp.asarray(_CLOSENESS)[number, column], values[-1, column]
                pixel = _Around(
                    colour=values[: self._channels, column],
                    in_front=self._in_front(values[-2, column]),
                    pure=(1 - edge) * closeness,
                    mixed=edge * closeness,
                    tent=jnp.asarray(_TENT)[number, column],
                )
                folded = visit(folded, pixel)
            return folded

        return jax.lax.fori_loop(0, _SPAN.size, row, start)

    def _in_front(self, radius: Array) -> Array:
        # A soft transition around the middle, so that rounding does not decide on which side a pixel lies.
        return jnp.clip(0.5 + (radius - self._middle) / (_BETWEEN * self._jump), 0.0, 1.0)


def _split(
    flat: list[Float[Array, " p"]], at: Int[Array, " n"], radii: Float[Array, "2 n"], width: int
) -> Float[Array, "2 e n"]:
    """Return the planes of the two surfaces of the pixels `at`.

    Args:
        flat: the colour channels, the radius, and the confidence in a jump (0 to 1), each for all pixels.
        at: flat indices of the pixels.
        radii: radii of the two surfaces.
        width: width of the picture in pixels.
    """
    channels, count = len(flat) - 2, at.shape[0]
    around = _Neighbourhood(flat, at, radii, width)
    own = around.own

    def add_up(sums: tuple[_Sums, _Sums, _Sums, Array], pixel: _Around) -> tuple[_Sums, _Sums, _Sums, Array]:
        behind, front, towards, prior = sums
        return (
            behind.plus((1 - pixel.in_front) * (pixel.pure + 1e-3 * pixel.mixed), pixel.colour),
            front.plus(pixel.in_front * pixel.pure, pixel.colour),
            towards.plus(pixel.in_front * pixel.mixed, pixel.colour),
            prior + pixel.in_front * pixel.tent,
        )

    nothing = jnp.zeros(count, jnp.float32)
    none = _Sums(nothing, jnp.zeros((channels, count), jnp.float32), nothing)
    behind, pure_front, mixed_front, prior = around.fold(add_up, (none, none, none, nothing))
    back = behind.mean()

    # If a structure has no unmixed pixel, take its colour from the pixels that differ most from the background.
    towards = mixed_front.mean() - back
    length = jnp.maximum(_along_first(towards**2), _NOTHING)

    def add_unlike(sums: _Sums, pixel: _Around) -> _Sums:
        along = _along_first((pixel.colour - back) * towards) / length
        return sums.plus(pixel.in_front * pixel.mixed * jnp.maximum(along, 1e-2) ** 4, pixel.colour)

    unlike = around.fold(add_unlike, none)
    thick = jnp.clip(pure_front.weight / _THICK - 0.5, 0.0, 1.0)
    front = unlike.mean() + thick * (pure_front.mean() - unlike.mean())
    front_variance = thick * pure_front.variance()
    difference = front - back
    contrast = _along_first(difference**2)

    both = jnp.minimum(jnp.minimum(prior, 1 - prior) / _LEAST_TENT, 1.0)
    precision = 1 / (_STD_BESIDE + both * (_STD_AT_EDGE - _STD_BESIDE)) ** 2
    variance = (front_variance + behind.variance()) / channels + _NOISE_VARIANCE
    evidence = _along_first((own - back) * difference) / variance
    coverage = jnp.clip((prior * precision + evidence) / (precision + contrast / variance), 0.0, 1.0)

    # Assign the residual of the two mean colours mostly to the surface that covers more, to keep the sum exact.
    residual = own - coverage * front - (1 - coverage) * back
    share = coverage**2 / (coverage**2 + (1 - coverage) ** 2)
    near = jnp.clip(coverage * front + share * residual, 0.0, jnp.maximum(own, 0.0))
    return jnp.stack([jnp.concatenate([near, coverage[None]]), jnp.concatenate([own - near, 1 - coverage[None]])])


def _halve(planes: Any, radii: Any, xp: Any) -> tuple[Any, Any]:
    samples = [
        (planes[surface, :, dy::2, dx::2], radii[surface, dy::2, dx::2])
        for surface in (0, 1)
        for dy in (0, 1)
        for dx in (0, 1)
    ]
    highest, lowest = -_FAR, _FAR
    for plane, radius in samples:
        seen = plane[-1] > _SEEN
        highest = xp.maximum(highest, xp.where(seen, radius, -_FAR))
        lowest = xp.minimum(lowest, xp.where(seen, radius, _FAR))
    middle = (highest + lowest) / 2
    near: Any = np.float32(0)
    every = near_moment = moment = near
    for plane, radius in samples:
        in_front = radius >= middle
        near = near + xp.where(in_front[None], plane, np.float32(0))
        near_moment = near_moment + xp.where(in_front, plane[-1] * radius, np.float32(0))
        every, moment = every + plane, moment + plane[-1] * radius
    parts = ((near, near_moment), (every - near, moment - near_moment))
    return (
        xp.stack([part * np.float32(0.25) for part, _ in parts]),
        xp.stack(
            [xp.where(part[-1] > _SMALL, mean / xp.maximum(part[-1], _SMALL), lowest) for part, mean in parts]
        ),
    )


def halve(
    planes: Float[Array, "2 e h w"], radii: Float[Array, "2 h w"]
) -> tuple[Float[Array, "2 e h2 w2"], Float[Array, "2 h2 w2"]]:
    """Halve the size; the eight surfaces of 2 x 2 pixels become two, divided midway between their extreme radii."""
    # Without the barrier, XLA would recompute this for every smaller size.
    return jax.lax.optimization_barrier(_halve(planes, radii, jnp))


def halve_small(
    planes: Float32[np.ndarray, "2 e h w"], radii: Float32[np.ndarray, "2 h w"]
) -> tuple[Float32[np.ndarray, "2 e h2 w2"], Float32[np.ndarray, "2 h2 w2"]]:
    """Apply `halve` on the host, which needs no compilation for each picture's sizes."""
    return _halve(planes, radii, np)


def any_of_four(mask: Any) -> Any:
    """Halve a NumPy or JAX mask (H, W); a pixel is set if any of its 2 x 2 pixels is."""
    rows = mask[::2] | mask[1::2]
    return rows[:, ::2] | rows[:, 1::2]
