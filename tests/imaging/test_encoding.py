import jax
import jax.numpy as jnp
import numpy as np

from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear

# float32 exp and log are accurate to a few units in the last place.
TOLERANCE = 2e-6


def test_known_values():
    # 0.5 encoded is 0.21404 linear; 0.18 linear (grey card) is 0.46136 encoded (IEC 61966-2-1, computed by hand).
    assert np.allclose(
        srgb_to_linear(jnp.float32([0, 0.02, 0.5, 1])), [0, 0.02 / 12.92, 0.2140411, 1], atol=TOLERANCE
    )
    assert np.allclose(linear_to_srgb(jnp.float32([0, 0.001, 0.18, 1])), [0, 0.01292, 0.4613561, 1], atol=TOLERANCE)


def test_round_trip_outside_the_nominal_range():
    values = jnp.linspace(-4, 4, 10001, dtype=jnp.float32)
    assert np.allclose(linear_to_srgb(srgb_to_linear(values)), values, rtol=TOLERANCE, atol=TOLERANCE)
    assert np.allclose(srgb_to_linear(linear_to_srgb(values)), values, rtol=TOLERANCE, atol=TOLERANCE)


def test_odd_and_monotonic():
    values = jnp.linspace(-2, 2, 4001, dtype=jnp.float32)
    for function in (srgb_to_linear, linear_to_srgb):
        assert np.allclose(function(-values), -function(values))
        assert np.all(np.diff(np.asarray(function(values))) > 0)


def test_gradients_are_finite_at_the_corners():
    for function in (srgb_to_linear, linear_to_srgb):
        for value in (0.0, 0.0031308, 0.04045, 1.0, -1.0):
            assert np.isfinite(jax.grad(function)(jnp.float32(value)))
