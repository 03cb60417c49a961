"""Float32 layers are those of Flax, and bfloat16 layers do not round their bias."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from flax import nnx

from dioptre.models.linear import Linear


def test_a_float32_layer_equals_flax_to_the_bit() -> None:
    x = jnp.asarray(np.random.default_rng(2).normal(size=(5, 12)), jnp.float32)
    ours, flax = Linear(12, 7, bfloat16=False, rngs=nnx.Rngs(0)), nnx.Linear(12, 7, rngs=nnx.Rngs(0))
    np.testing.assert_array_equal(np.asarray(ours(x)), np.asarray(flax(x)))


def test_the_bias_is_not_rounded() -> None:
    layer = Linear(3, 2, bfloat16=True, rngs=nnx.Rngs(0))
    layer.bias.set_value(jnp.asarray([1.001, -7.003], jnp.float32))
    np.testing.assert_array_equal(np.asarray(layer(jnp.zeros((4, 3))))[2], np.float32([1.001, -7.003]))
