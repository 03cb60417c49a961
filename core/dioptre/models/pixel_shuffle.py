"""Enlarging by whole factors: channels to pixels in the channel order of PyTorch, and repeated pixels.

Both are jitted so that they keep their names in a traced network, by which other runtimes know them.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@partial(jax.jit, static_argnames="factor")
def pixel_shuffle(x: Float[Array, "n h w i"], factor: int) -> Float[Array, "n H W o"]:
    """(n, h, w, c f²) to (n, h f, w f, c), with input channel = c f² + dy f + dx."""
    n, h, w, channels = x.shape
    c = channels // factor**2
    split = x.reshape(n, h, w, c, factor, factor)
    return split.transpose(0, 1, 4, 2, 5, 3).reshape(n, h * factor, w * factor, c)


@partial(jax.jit, static_argnames="factor")
def repeat_pixels(x: Float[Array, "n h w c"], factor: int) -> Float[Array, "n H W c"]:
    """Nearest-neighbour enlargement: every pixel becomes a square of `factor` x `factor`."""
    n, h, w, c = x.shape
    repeated = jnp.broadcast_to(x[:, :, None, :, None, :], (n, h, factor, w, factor, c))
    return repeated.reshape(n, h * factor, w * factor, c)
