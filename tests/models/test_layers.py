"""Layers of our own equal the ordinary ones: attention, products, linear layers, convolutions, enlargements."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from dioptre.models.depth_anything_v2.backbone import Linear
from dioptre.models.functions import attend, depthwise3x3, double, product
from dioptre.models.winograd import convolve3x3


def test_head_by_head_equals_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    query, key, value = (rng.normal(0, 1, (2, 3, tokens, 8)).astype(np.float32) for tokens in (5, 7, 7))
    on_device = tuple(map(jax.numpy.asarray, (query, key, value)))
    found = np.asarray(attend(*on_device))
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    np.testing.assert_allclose(np.asarray(attend(*on_device)), found, atol=1e-5)
    weights = np.exp(query[1, 2] @ key[1, 2].T.astype(np.float64))
    expected = weights @ value[1, 2] / weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found[1, 2], expected, atol=1e-5)


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


def test_a_float32_layer_equals_flax_to_the_bit() -> None:
    x = jnp.asarray(np.random.default_rng(2).normal(size=(5, 12)), jnp.float32)
    ours, flax = Linear(12, 7, bfloat16=False, rngs=nnx.Rngs(0)), nnx.Linear(12, 7, rngs=nnx.Rngs(0))
    np.testing.assert_array_equal(np.asarray(ours(x)), np.asarray(flax(x)))


def test_the_bias_is_not_rounded() -> None:
    layer = Linear(3, 2, bfloat16=True, rngs=nnx.Rngs(0))
    layer.bias.set_value(jnp.asarray([1.001, -7.003], jnp.float32))
    np.testing.assert_array_equal(np.asarray(layer(jnp.zeros((4, 3))))[2], np.float32([1.001, -7.003]))


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


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
def test_shifted_sums_equal_a_grouped_convolution(size: tuple[int, int], stride: int) -> None:
    rng = np.random.default_rng(0)
    x, kernel = (jnp.asarray(rng.normal(0, 1, shape), jnp.float32) for shape in ((2, *size, 4), (3, 3, 4)))
    expected = jax.lax.conv_general_dilated(
        x,
        kernel[:, :, None],
        (stride, stride),
        ((1, 1), (1, 1)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=4,
    )
    np.testing.assert_allclose(depthwise3x3(x, kernel, stride=stride), expected, atol=1e-6)


def test_phases_equal_a_general_enlargement() -> None:
    x = jnp.asarray(np.random.default_rng(0).normal(0, 1, (1, 5, 7, 3)), jnp.float32)
    np.testing.assert_allclose(double(x), jax.image.resize(x, (1, 10, 14, 3), "linear"), atol=1e-6)
