"""Matrix products in float32, or of bfloat16 factors with float32 sums.

bfloat16 has the range of float32 and 8 significant bits. Processors with instructions for it multiply it about
twice as fast. `precision` decides whether this machine does.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
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


class Linear(nnx.Linear):
    """Linear layer that can multiply in bfloat16.

    The kernel stays in float32 and is rounded in the program. Rounding it once would save no time, and networks
    that share a backbone would need a second copy of it.
    """

    def __init__(self, inputs: int, outputs: int, *, bfloat16: bool, rngs: nnx.Rngs) -> None:
        super().__init__(inputs, outputs, rngs=rngs)
        self.bfloat16 = bfloat16

    def __call__(self, inputs: Float[Array, "*n c"], out_sharding: None = None) -> Float[Array, "*n d"]:
        if not self.bfloat16:
            return super().__call__(inputs, out_sharding)
        assert self.bias is not None
        return product(inputs, self.kernel[...], bfloat16=True) + self.bias[...]
