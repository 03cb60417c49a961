"""Flax layers whose products may be in bfloat16.

They are apart from `functions`, which every process imports, because the import of Flax takes half a second.
"""

from __future__ import annotations

from flax import nnx
from jaxtyping import Array, Float

from .functions import product


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
