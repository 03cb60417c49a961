"""Joint bilateral upsampling: enlarge a map along the edges of a finer picture.

J. Kopf et al., "Joint Bilateral Upsampling", SIGGRAPH 2007, by factors of two. Each fine pixel is a weighted mean
of the coarse pixels around it, mostly of those with a similar colour. Steps stay sharp and follow the edges of the
fine picture. Unlike with a guided filter, the texture of the picture never shows where the map is flat.
"""

from __future__ import annotations

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from dioptre.programs import kept

_REACH = 2  # radius of the window, in coarse pixels
_SIGMA_PX = 0.9  # standard deviation of the spatial weight, in coarse pixels
_SIGMA_COLOUR = 0.06  # standard deviation of the colour weight, in Euclidean distance of encoded RGB
_LEAST = 1e-5  # smallest colour weight, for pixels with a completely different colour


@kept
def double_along_edges(
    values: Float[Array, "h w"], guide: Float[Array, "h w 3"], finer: Float[Array, "H W 3"]
) -> Float[Array, "H W"]:
    """Return `values` at twice the size.

    Args:
        values: the map to enlarge.
        guide: the picture at the size of `values`, encoded, in [0, 1].
        finer: the picture at twice that size, encoded, in [0, 1].
    """
    height, width = values.shape
    # With the four phases as separate planes, XLA compiles all 25 taps into one vectorised pass.
    phases = jnp.moveaxis(finer.reshape(height, 2, width, 2, 3), (1, 3, 4), (0, 1, 2)).reshape(4, 3, height, width)
    padded_values = jnp.pad(values, _REACH, mode="edge")
    padded_guide = jnp.pad(jnp.moveaxis(guide, 2, 0), ((0, 0), (_REACH, _REACH), (_REACH, _REACH)), mode="edge")

    def one(phase: tuple[Float[Array, "3 h w"], Float[Array, "t t"]]) -> Float[Array, "h w"]:
        (red, green, blue), spatial = phase
        total = weights = jnp.zeros((height, width))
        for dy, dx in product(range(2 * _REACH + 1), repeat=2):
            place = slice(dy, dy + height), slice(dx, dx + width)
            r, g, b = padded_guide[(slice(None), *place)]  # slicing the channels separately takes six times as long
            unlike = ((red - r) ** 2 + (green - g) ** 2 + (blue - b) ** 2) / (2 * _SIGMA_COLOUR**2)
            weight = spatial[dy, dx] * (jnp.exp(-unlike) + _LEAST)
            total += weight * padded_values[place]
            weights += weight
        return total / weights

    made = jax.lax.map(one, (phases, jnp.asarray(_spatial_weights())))
    return made.reshape(2, 2, height, width).transpose(2, 0, 3, 1).reshape(2 * height, 2 * width)


def _spatial_weights() -> Float32[np.ndarray, "4 t t"]:
    """Return the spatial weights of the surrounding coarse pixels for each of the four fine pixels."""
    centres = np.array([-0.25, 0.25])  # centres of the fine pixels relative to that of the coarse pixel
    near = np.exp(-((centres[:, None] - np.arange(-_REACH, _REACH + 1)) ** 2) / (2 * _SIGMA_PX**2))
    both: np.ndarray = np.einsum("ay,bx->abyx", near, near).reshape(4, 2 * _REACH + 1, -1)
    return both.astype(np.float32)
