"""Matrix products in float32, or of bfloat16 factors with float32 sums.

bfloat16 has the range of float32 and 8 significant bits. Processors with instructions for it multiply it about
twice as fast. `precision` decides whether this machine does.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def product(x: Float[Array, "*n c"], kernel: Float[Array, "c d"], *, bfloat16: bool) -> Float[Array, "*n d"]:
    """Multiply by a matrix and sum in float32.

    Args:
        x: vectors along the last axis.
        kernel: the matrix, by input and output channel.
        bfloat16: round both factors to bfloat16 first. Sums in bfloat16 would be less accurate and no faster.
    """
    if bfloat16:
        x, kernel = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    over = (((x.ndim - 1,), (0,)), ((), ()))
    return jax.lax.dot_general(x, kernel, over, preferred_element_type=jnp.float32)
