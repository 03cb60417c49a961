"""Chromatic adaptation maps white to white, is invertible, and agrees with CAT16."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from dioptre.colour import D65_XY, adapt, adaptation_matrix, xy_to_linear_rgb

A_XY = jnp.array([0.44758, 0.40745])
D65 = jnp.array(D65_XY)
CAT16_D65_TO_A = np.array(
    [[1.057009, 0.200525, -0.097952], [0.026286, 0.973334, 0.001545], [0.00018, -0.031291, 0.355278]]
)


def test_the_source_white_becomes_the_target_white() -> None:
    white = adapt(xy_to_linear_rgb(A_XY), A_XY, D65)
    np.testing.assert_allclose(white, 1.0, atol=1e-5)  # Tolerance for float32.


def test_there_and_back(rng: np.random.Generator) -> None:
    pixels = jnp.asarray(rng.uniform(0, 4, (50, 3)).astype(np.float32))
    back = adapt(adapt(pixels, A_XY, D65), D65, A_XY)
    np.testing.assert_allclose(back, pixels, atol=2e-5)


def test_agrees_with_published_cat16() -> None:
    """Compare with colour-science 0.4 (matrix_chromatic_adaptation_VonKries, CAT16 on XYZ, from D65 to A)."""
    from dioptre.colour.adaptation import _RGB_TO_XYZ, _XYZ_TO_RGB

    ours = _RGB_TO_XYZ @ np.asarray(adaptation_matrix(D65, A_XY)) @ _XYZ_TO_RGB
    np.testing.assert_allclose(ours, CAT16_D65_TO_A, atol=2e-4)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
