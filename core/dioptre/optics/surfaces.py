"""What each pixel shows: up to two surfaces, one in front of the other.

A pixel on an object's edge mixes two depths, but its disparity names only one. Spread as one colour at one depth,
it becomes a rim or a halo. Here such pixels are taken apart, and reduced pictures keep two surfaces a pixel too.

Arrays of surfaces are (2, C + 2, H, W): nearer and farther; per surface the colour times its coverage, the
coverage (both coverages add up to 1) and the signed circle-of-confusion radius in pixels of the full picture.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

REACH_PX = 4
"""How far `split_edges` looks around a pixel."""

_WINDOW_PX = 2
_LEAST_STEP_PX = 0.25  # a smaller jump of the radius cannot be seen
_PRIOR_DEVIATION = 0.3  # of the coverage guessed from depth alone
_NOISE_VARIANCE = 1e-4  # of linear light


def shifted(planes: Float[Array, "*c h w"], dy: int, dx: int) -> Float[Array, "*c h w"]:
    """planes[..., y + dy, x + dx], the edge repeated."""
    height, width = planes.shape[-2:]
    padding = [(0, 0)] * (planes.ndim - 2) + [(max(-dy, 0), max(dy, 0)), (max(-dx, 0), max(dx, 0))]
    padded = jnp.pad(planes, padding, mode="edge")
    return padded[..., max(dy, 0) : max(dy, 0) + height, max(dx, 0) : max(dx, 0) + width]


def _window(radius: int) -> list[tuple[int, int]]:
    return [(dy, dx) for dy in range(-radius, radius + 1) for dx in range(-radius, radius + 1)]


@jax.jit
def split_edges(colour: Float[Array, "c h w"], radius: Float[Array, "h w"]) -> Float[Array, "2 d h w"]:
    """Take the pixels on depth edges apart into the surface in front and the one behind.

    colour: linear light, premultiplied. radius: signed circle-of-confusion radius in pixels.
    Both surfaces' colours come from pixels beside the edge; the coverage from where the pixel's own colour lies
    between them, held to what the neighbours' depths suggest where the colours are alike or textured.
    """
    nearest, farthest = radius, radius
    for dy, dx in _window(1):
        nearest = jnp.maximum(nearest, shifted(radius, dy, dx))
        farthest = jnp.minimum(farthest, shifted(radius, dy, dx))
    edge = nearest - farthest > _LEAST_STEP_PX
    middle = (nearest + farthest) / 2

    plain = jnp.where(edge, 1e-3, 1.0)  # pixels on edges count only where there are no others
    sums = {side: jnp.zeros((colour.shape[0] + 2, *radius.shape)) for side in (True, False)}
    prior = jnp.zeros_like(radius)
    for dy, dx in _window(_WINDOW_PX):
        weight = jnp.exp(-(dy * dy + dx * dx) / 4.5) * shifted(plain, dy, dx)
        near = shifted(radius, dy, dx) > middle
        there = shifted(colour, dy, dx)
        moments = jnp.concatenate([there, (there**2).sum(0, keepdims=True), jnp.ones_like(there[:1])])
        for side in (True, False):
            sums[side] += jnp.where(near == side, weight, 0.0) * moments
        if max(abs(dy), abs(dx)) <= 1:
            prior += jnp.where(near, (2 - abs(dy)) * (2 - abs(dx)) / 16, 0.0)
    channels = colour.shape[0]

    def statistics(side: bool) -> tuple[Array, Array]:
        moments = sums[side] / jnp.maximum(sums[side][-1:], 1e-12)
        mean = moments[:channels]
        return mean, jnp.maximum(moments[channels] - (mean**2).sum(0), 0.0)

    front, front_variance = statistics(True)
    back, back_variance = statistics(False)
    difference = front - back
    variance = (front_variance + back_variance) / 6 + _NOISE_VARIANCE
    by_depth = 1 / _PRIOR_DEVIATION**2
    evidence = ((colour - back) * difference).sum(0) / variance
    coverage = (prior * by_depth + evidence) / (by_depth + (difference**2).sum(0) / variance)
    coverage = jnp.where(edge, jnp.clip(coverage, 0.0, 1.0), 1.0)

    # What the two mean colours leave over goes to the surface that covers more, so that the sum stays exact.
    residual = colour - coverage * front - (1 - coverage) * back
    share = coverage**2 / (coverage**2 + (1 - coverage) ** 2)
    in_front = jnp.clip(coverage * front + share * residual, 0.0, jnp.maximum(colour, 0.0))
    in_front = jnp.where(edge, in_front, colour)
    return jnp.stack(
        [
            jnp.concatenate([in_front, coverage[None], jnp.where(edge, nearest, radius)[None]]),
            jnp.concatenate([colour - in_front, 1 - coverage[None], jnp.where(edge, farthest, radius)[None]]),
        ]
    )


@jax.jit
def halve(surfaces: Float[Array, "2 d h w"]) -> Float[Array, "2 d h2 w2"]:
    """Half the size: the eight surfaces of 2 x 2 pixels become two, parted half-way between their radii."""
    _, depth, height, width = surfaces.shape
    blocks = surfaces.reshape(2, depth, height // 2, 2, width // 2, 2).transpose(1, 0, 3, 5, 2, 4)
    blocks = blocks.reshape(depth, 8, height // 2, width // 2)
    coverage, radius = blocks[-2], blocks[-1]
    seen = coverage > 0.02
    highest = jnp.where(seen, radius, -jnp.inf).max(0)
    lowest = jnp.where(seen, radius, jnp.inf).min(0)
    near = radius >= (highest + lowest) / 2
    made = []
    for part in (near, ~near):
        weight = jnp.where(part, coverage, 0.0)
        total = weight.sum(0)
        mean_radius = jnp.where(total > 1e-6, (weight * radius).sum(0) / jnp.maximum(total, 1e-6), lowest)
        colour = jnp.where(part, blocks[:-2], 0.0).sum(1)
        made.append(jnp.concatenate([colour / 4, total[None] / 4, mean_radius[None]]))
    return jnp.stack(made)
