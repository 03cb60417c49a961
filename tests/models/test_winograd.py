"""Winograd's convolution equals the ordinary one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dioptre.models.winograd import convolve3x3


@pytest.mark.parametrize("shape", [(1, 6, 6, 3), (2, 11, 16, 4), (1, 3, 21, 1)])
def test_it_equals_an_ordinary_convolution(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(shape[1])
    x = jnp.asarray(random.normal(size=shape), jnp.float32)
    kernel = jnp.asarray(random.normal(size=(3, 3, shape[3], 5)), jnp.float32)
    expected = jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"), precision="highest"
    )
    result = jax.jit(convolve3x3)(x, kernel)
    # float32 sums in a different order; the largest factor of the transforms is 8 * 5
    np.testing.assert_allclose(result, expected, atol=2e-5 * float(jnp.ptp(expected)))
