"""Keep XLA from fusing loops that are faster apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool


def apart(needed: Bool[Array, ""], compute: Callable[..., Any], *operands: Any) -> Any:
    """Return the arrays that `compute` makes of the operands, or zeros if they are not needed.

    XLA does not fuse across branches. A fused loop would compute values once per use, and it is not vectorised if
    it reads many arrays, or two parts of one; it would be several times slower than storing the values first.
    """
    shapes = jax.eval_shape(compute, *operands)

    def nothing(*_: Any) -> Any:
        return jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)

    return jax.lax.cond(needed, compute, nothing, *operands)
