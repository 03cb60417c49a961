"""Enlargement by whole factors: pixel shuffle with PyTorch's channel order, and pixel repetition.

Both functions are jitted so that a traced network contains their names, by which other runtimes recognise them.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@partial(jax.jit, static_argnames="factor")
def pixel_shuffle(x: Float[Array, "n h w i"], factor: int) -> Float[Array, "n H W o"]:
    """Rearrange (n, h, w, c f²) to (n, h f, w f, c), with input channel = c f² + dy f + dx."""
    n, h, w, channels = x.shape
    c = channels // factor**2
    split = x.reshape(n, h, w, c, factor, factor)
    return split.transpose(0, 1, 4, 2, 5, 3).reshape(n, h * factor, w * factor, c)


@partial(jax.jit, static_argnames="factor")
def repeat_pixels(x: Float[Array, "n h w c"], factor: int) -> Float[Array, "n H W c"]:
    """Enlarge by nearest neighbour: repeat every pixel as a square of `factor` x `factor`."""
    n, h, w, c = x.shape
    repeated = jnp.broadcast_to(x[:, :, None, :, None, :], (n, h, factor, w, factor, c))
    return repeated.reshape(n, h * factor, w * factor, c)
