"""Enlarge a map along the edges of a finer picture.

J. Kopf et al., "Joint Bilateral Upsampling", SIGGRAPH 2007, by factors of two: every fine pixel is a mean of the
coarse ones around it, of which those of its own colour count. Steps stay steps, at the fine picture's edge; unlike
a guided filter's, the result never follows texture where the map is flat.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_REACH = 2  # coarse pixels to either side
_SIGMA_PX = 0.9  # of the spatial weight, in coarse pixels
_SIGMA_COLOUR = 0.06  # of the colour weight: Euclidean distance of encoded RGB
_LEAST = 1e-5  # colour weight of what has nothing in common with the pixel


@jax.jit
def double_along_edges(
    values: Float[Array, "h w"], guide: Float[Array, "h w 3"], finer: Float[Array, "H W 3"]
) -> Float[Array, "H W"]:
    """`values` at twice the size. guide, finer: the picture at both sizes, encoded, [0, 1]."""
    height, width = values.shape
    fine = finer.reshape(height, 2, width, 2, 3)
    padding = ((_REACH, _REACH), (_REACH, _REACH))
    padded_values = jnp.pad(values, padding, mode="edge")
    padded_guide = jnp.pad(guide, (*padding, (0, 0)), mode="edge")
    phase = jnp.array([-0.25, 0.25])  # of the fine pixels' centres from the coarse one's
    total = jnp.zeros((height, 2, width, 2))
    weights = jnp.zeros((height, 2, width, 2))
    for dy in range(-_REACH, _REACH + 1):
        for dx in range(-_REACH, _REACH + 1):
            rows, columns = slice(_REACH + dy, _REACH + dy + height), slice(_REACH + dx, _REACH + dx + width)
            colour = padded_guide[rows, columns][:, None, :, None]
            unlike = ((fine - colour) ** 2).sum(axis=-1) / (2 * _SIGMA_COLOUR**2)
            far_y, far_x = (phase - dy) ** 2 / (2 * _SIGMA_PX**2), (phase - dx) ** 2 / (2 * _SIGMA_PX**2)
            spatial = jnp.exp(-far_y)[:, None, None] * jnp.exp(-far_x)
            weight = spatial * (jnp.exp(-unlike) + _LEAST)
            total = total + weight * padded_values[rows, columns][:, None, :, None]
            weights = weights + weight
    return (total / weights).reshape(2 * height, 2 * width)
