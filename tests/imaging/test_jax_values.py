"""JAX computes what NumPy computes in float64: new versions of jaxlib have had faults in these operations."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

RANDOM = np.random.default_rng(7)
VALUES = RANDOM.standard_normal((9, 67, 130)).astype(np.float32)
REDUCTIONS = ("sum", "mean", "max", "min", "std")


@pytest.mark.parametrize("axis", [0, 1, 2, (0, 1), (1, 2), (0, 2), None])
def test_reductions(axis: int | tuple[int, ...] | None) -> None:
    values = VALUES * np.float32(0.1) + np.float32(1)

    def reduced(x: jax.Array) -> tuple[jax.Array, ...]:
        return tuple(getattr(jnp, name)(x, axis=axis) for name in REDUCTIONS)

    for name, ours in zip(REDUCTIONS, jax.jit(reduced)(values), strict=True):
        expected = getattr(np, name)(values.astype(np.float64), axis=axis)
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6, err_msg=f"{name} along {axis}")


def test_softmax_and_cumulative_sums() -> None:
    wide = VALUES.astype(np.float64)
    powers = np.exp(wide - wide.max(-1, keepdims=True))
    np.testing.assert_allclose(jax.jit(jax.nn.softmax)(VALUES), powers / powers.sum(-1, keepdims=True), atol=1e-6)
    for axis in range(3):
        np.testing.assert_allclose(
            jax.jit(jnp.cumsum, static_argnums=1)(VALUES, axis), wide.cumsum(axis), atol=1e-4
        )


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 3)])
@pytest.mark.parametrize(("inputs", "outputs", "groups"), [(3, 16, 1), (32, 32, 1), (24, 24, 24)])
def test_convolutions(stride: int, dilation: int, inputs: int, outputs: int, groups: int) -> None:
    picture = RANDOM.standard_normal((2, 33, 46, inputs)).astype(np.float32)
    kernel = RANDOM.standard_normal((3, 3, inputs // groups, outputs)).astype(np.float32)

    def convolved(x: jax.Array, k: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(
            x,
            k,
            (stride, stride),
            ((dilation, dilation), (dilation, dilation)),
            rhs_dilation=(dilation, dilation),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=groups,
        )

    padded = np.pad(picture.astype(np.float64), ((0, 0), (dilation, dilation), (dilation, dilation), (0, 0)))
    expected = np.zeros((2, 33, 46, outputs))
    for row, column in itertools.product(range(3), range(3)):
        top, left = row * dilation, column * dilation
        window = padded[:, top : top + 33, left : left + 46]
        weights = kernel[row, column].astype(np.float64)
        expected += window @ weights if groups == 1 else window * weights[0]
    np.testing.assert_allclose(jax.jit(convolved)(picture, kernel), expected[:, ::stride, ::stride], atol=1e-4)


@pytest.mark.parametrize("shape", [(64, 64), (135, 240), (97, 128)])
def test_fourier_transforms(shape: tuple[int, int]) -> None:
    values = RANDOM.standard_normal((3, *shape)).astype(np.float32)
    there = jax.jit(jnp.fft.rfft2)(values)
    np.testing.assert_allclose(there, np.fft.rfft2(values.astype(np.float64)), atol=2e-3)
    back = jax.jit(lambda x: jnp.fft.irfft2(x, s=shape))(there)
    np.testing.assert_allclose(back, values, atol=1e-5)


@pytest.mark.parametrize(("rows", "inner", "columns"), [(1, 384, 1000), (257, 64, 257), (1037, 384, 96)])
def test_matrix_products(rows: int, inner: int, columns: int) -> None:
    left, right = (RANDOM.standard_normal(shape).astype(np.float32) for shape in ((rows, inner), (inner, columns)))
    expected = left.astype(np.float64) @ right.astype(np.float64)
    np.testing.assert_allclose(jax.jit(jnp.matmul)(left, right), expected, atol=2e-4)
