"""What each pixel shows: up to two surfaces, one in front of the other.

A pixel on an object's edge mixes two depths, but its disparity names only one. Spread as one colour at one depth,
it becomes a rim or a halo. Here such pixels are taken apart, and reduced pictures keep two surfaces a pixel too.

Surfaces are held as planes (2, C + 1, H, W), nearer and farther, of colour times coverage and coverage, and radii
(2, H, W), the signed circle of confusion in pixels of the full picture. The two coverages add up to 1.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, Int

REACH_PX = 3
"""How far `split_edges` looks around a pixel."""

_JUMP_OF_AROUND = 0.4  # of the change within thrice the distance; a slope has 1 / 3
_CHUNK = 2048  # edge pixels taken apart at once
_LEAST_STEP_PX = 0.25  # a smaller jump of the radius cannot be seen
_DEVIATION_AT_EDGE = 0.15  # of the coverage guessed from depth alone, where the 3 x 3 around are not all one side
_DEVIATION_BESIDE = 0.05
_NOISE_VARIANCE = 1e-4  # of linear light
_SEEN = 0.02  # least coverage of a surface that has a say in the radii of a reduced pixel
_NOTHING = 1e-6
_SMALL = np.float32(1e-4)  # coverage below it has no radius of its own
_FAR = np.float32(1e9)


def _extreme(values: Float[Array, "h w"], reach: int, *, largest: bool) -> Float[Array, "h w"]:
    """Largest or smallest value within a square; the edge repeated."""
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


@partial(jax.jit, static_argnames="reach")
def depth_steps(
    radius: Float[Array, "h w"], *, reach: int = 1
) -> tuple[Bool[Array, "h w"], Float[Array, "h w"], Float[Array, "h w"]]:
    """Where the radius jumps within `reach` pixels, and its largest and smallest value there.

    A slope changes in proportion to the distance; where thrice as far there is little more change, there is a jump.
    """
    nearest, farthest = _extreme(radius, reach, largest=True), _extreme(radius, reach, largest=False)
    around = _extreme(nearest, 2 * reach, largest=True) - _extreme(farthest, 2 * reach, largest=False)
    size = jnp.maximum(jnp.abs(nearest), jnp.abs(farthest))
    jump = nearest - farthest
    step = (jump > jnp.maximum(_LEAST_STEP_PX, 0.05 * size)) & (jump > _JUMP_OF_AROUND * around)
    return step, nearest, farthest


@jax.jit
def split_edges(
    colour: Float[Array, "c h w"],
    radius: Float[Array, "h w"],
    steps: tuple[Bool[Array, "h w"], Float[Array, "h w"], Float[Array, "h w"]],
    where: Int[Array, " n"],
    count: Int[Array, ""],
) -> tuple[Float[Array, "2 e n"], Float[Array, "2 n"]]:
    """Take pixels on depth edges apart into the surface in front and the one behind: their planes and radii.

    colour: linear light, premultiplied. radius: signed circle of confusion in pixels. steps: of `depth_steps`.
    where: flat indices of the pixels to take apart, the first `count` of them valid; the length must be a multiple
        of 2048. The outer 4 pixels of the array should not be among them.

    Both surfaces' colours come from pixels beside the edge; the coverage from where the pixel's own colour lies
    between them, held to what the neighbours' depths suggest where the colours are alike or textured.
    """
    width = radius.shape[1]
    channels = colour.shape[0]
    edge, nearest, farthest = steps
    table = jnp.concatenate([colour, radius[None], edge[None].astype(jnp.float32)]).reshape(channels + 2, -1).T
    near, far = nearest.reshape(-1)[where], farthest.reshape(-1)[where]

    def chunk(number: Int[Array, ""], made: Float[Array, "2 e n"]) -> Float[Array, "2 e n"]:
        start = number * _CHUNK
        at, nearer, farther = (jax.lax.dynamic_slice(part, (start,), (_CHUNK,)) for part in (where, near, far))
        split = _split(table, at, nearer, farther, width)
        return jax.lax.dynamic_update_slice(made, split, (0, 0, start))

    planes = jnp.zeros((2, channels + 1, where.shape[0]), jnp.float32)
    return jax.lax.fori_loop(0, -(-count // _CHUNK), chunk, planes), jnp.stack([near, far])


def _split(
    table: Float[Array, "p d"], at: Int[Array, " n"], near: Float[Array, " n"], far: Float[Array, " n"], width: int
) -> Float[Array, "2 e n"]:
    """Planes of the two surfaces of the pixels `at`; the table's columns are colour, radius, on an edge."""
    span = jnp.arange(-REACH_PX, REACH_PX + 1)
    offsets = (span[:, None] * width + span).reshape(-1)
    squared = (span[:, None] ** 2 + span**2).reshape(-1)
    around = table[jnp.clip(at[:, None] + offsets, 0, table.shape[0] - 1)]
    colours, radii, edges = around[..., :-2], around[..., -2], around[..., -1]
    own = table[at, :-2]
    in_front = (radii > (near + far)[:, None] / 2).astype(jnp.float32)

    closeness = jnp.exp(-squared / 4.5)
    pure = (1 - edges) * closeness
    mixed = edges * closeness
    back, back_variance, _ = _mean(colours, (1 - in_front) * (pure + 1e-3 * mixed))
    front, front_variance, thick = _mean(colours, in_front * pure)

    # A structure with no pure pixel: its colour is that of the pixels most unlike the background.
    towards = _mean(colours, in_front * mixed)[0] - back
    along = ((colours - back[:, None]) * towards[:, None]).sum(-1)
    along = along / jnp.maximum((towards**2).sum(-1), _NOTHING)[:, None]
    extreme = _mean(colours, in_front * mixed * jnp.maximum(along, 1e-2) ** 4)[0]
    is_thick = thick > 0.05
    front = jnp.where(is_thick[:, None], front, extreme)
    front_variance = jnp.where(is_thick, front_variance, 0.0)
    difference = front - back
    contrast = (difference**2).sum(-1)

    tent = jnp.where(squared <= 2, jnp.asarray([4.0, 2.0, 1.0])[jnp.minimum(squared, 2)] / 16, 0.0)
    prior = (in_front * tent).sum(-1)
    beside = (prior < 1e-3) | (prior > 1 - 1e-3)
    precision = jnp.where(beside, 1 / _DEVIATION_BESIDE**2, 1 / _DEVIATION_AT_EDGE**2)
    variance = (front_variance + back_variance) / own.shape[-1] + _NOISE_VARIANCE
    evidence = ((own - back) * difference).sum(-1) / variance
    coverage = jnp.clip((prior * precision + evidence) / (precision + contrast / variance), 0.0, 1.0)

    # What the two mean colours leave over goes to the surface that covers more, so that the sum stays exact.
    residual = own - coverage[:, None] * front - (1 - coverage)[:, None] * back
    share = (coverage**2 / (coverage**2 + (1 - coverage) ** 2))[:, None]
    made = jnp.clip(coverage[:, None] * front + share * residual, 0.0, jnp.maximum(own, 0.0))
    return jnp.stack(
        [
            jnp.concatenate([made, coverage[:, None]], 1).T,
            jnp.concatenate([own - made, 1 - coverage[:, None]], 1).T,
        ]
    )


def _mean(
    colours: Float[Array, "n k c"], weights: Float[Array, "n k"]
) -> tuple[Float[Array, "n c"], Float[Array, " n"], Float[Array, " n"]]:
    """Weighted mean, variance (summed over channels) and total weight."""
    total = weights.sum(-1)
    share = weights / jnp.maximum(total, _NOTHING)[:, None]
    mean = (share[..., None] * colours).sum(1)
    square = (share * (colours**2).sum(-1)).sum(-1)
    return mean, jnp.maximum(square - (mean**2).sum(-1), 0.0), total


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
    """Half the size: the eight surfaces of 2 x 2 pixels become two, parted half-way between their radii."""
    # Kept apart from what uses it: XLA would compute it anew for every smaller size.
    made: tuple[Array, Array] = jax.lax.optimization_barrier(_halve(planes, radii, jnp))  # type: ignore[no-untyped-call]
    return made


def halve_small(
    planes: Float32[np.ndarray, "2 e h w"], radii: Float32[np.ndarray, "2 h w"]
) -> tuple[Float32[np.ndarray, "2 e h2 w2"], Float32[np.ndarray, "2 h2 w2"]]:
    """`halve` on the host, where the size differs from picture to picture."""
    made: tuple[np.ndarray, np.ndarray] = _halve(planes, radii, np)
    return made


def any_of_four(mask: Any) -> Any:
    """Half the size of a mask (H, W) of NumPy or JAX: set where any of 2 x 2 pixels is."""
    rows = mask[::2] | mask[1::2]
    return rows[:, ::2] | rows[:, 1::2]
