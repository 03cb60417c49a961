import jax.numpy as jnp
import numpy as np

from dioptre.imaging.alpha import premultiply, unpremultiply


def test_round_trip_where_alpha_is_not_zero():
    straight = np.random.default_rng(1).uniform(0.01, 1, (7, 5, 4)).astype(np.float32)
    assert np.allclose(unpremultiply(premultiply(jnp.asarray(straight))), straight, atol=1e-6)


def test_transparent_pixels_have_no_colour():
    straight = jnp.float32([[0.9, 0.1, 0.5, 0.0]])
    assert np.array_equal(premultiply(straight), [[0, 0, 0, 0]])
    assert np.array_equal(unpremultiply(premultiply(straight)), [[0, 0, 0, 0]])
