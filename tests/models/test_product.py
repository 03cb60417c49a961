"""Products in bfloat16 are summed in float32."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dioptre.models.product import product


def test_sums_of_bfloat16_products_are_exact_in_float32() -> None:
    """Integers up to 255 are exact in bfloat16; their sums need 23 bits, three times as many as bfloat16 has."""
    rng = np.random.default_rng(0)
    x, kernel = (rng.integers(-255, 256, shape) for shape in ((70, 96), (96, 40)))
    run = jax.jit(lambda x, kernel: product(x, kernel, bfloat16=True))
    sums = run(jnp.asarray(x, jnp.float32), jnp.asarray(kernel, jnp.float32))
    assert sums.dtype == jnp.float32
    np.testing.assert_array_equal(np.asarray(sums), x @ kernel)


@pytest.mark.parametrize(("bfloat16", "tolerance"), [(False, 1e-6), (True, 2**-8)])
def test_products_are_as_accurate_as_their_factors(bfloat16: bool, tolerance: float) -> None:
    rng = np.random.default_rng(1)
    x, kernel = rng.normal(size=(2, 33, 384)).astype(np.float32), rng.normal(size=(384, 24)).astype(np.float32)
    run = jax.jit(lambda x, kernel: product(x, kernel, bfloat16=bfloat16))
    lengths = np.linalg.norm(x, axis=-1)[..., None] * np.linalg.norm(kernel, axis=0)
    errors = np.abs(np.asarray(run(x, kernel)) - x.astype(np.float64) @ kernel) / lengths
    assert errors.max() < tolerance
