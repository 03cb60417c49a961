"""The colour mapping: identity for equal illuminants, exact removal of casts, no clipping, monotony above white."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from dioptre.colour import D65_XY, WhitePoint, adapt
from dioptre.colour.correction import correct_channels_locally
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from training.white_balance.colours import TERMS, correct, unclipped, with_blown_kept

D65 = jnp.array(D65_XY)
NOTHING = jnp.zeros((TERMS, 3))
TUNGSTEN = jnp.array(WhitePoint(cct_kelvin=2850, duv=0.003).xy)


@pytest.fixture
def colours() -> np.ndarray:
    return np.random.default_rng(2).uniform(0, 1, (200, 3)).astype(np.float32)


def test_the_light_of_a_von_kries_cast_is_undone_exactly(colours: np.ndarray) -> None:
    cast = linear_to_srgb(adapt(srgb_to_linear(jnp.asarray(colours)), D65, TUNGSTEN))
    undone = correct(cast, TUNGSTEN, D65, NOTHING)
    # Tolerance for float32 in two passes through the sRGB curve.
    np.testing.assert_allclose(undone, colours, atol=2e-5)


def test_beyond_white_the_residual_grows_in_proportion() -> None:
    """The mapping is homogeneous above white, so a difference of one exposure stop is preserved."""
    residual = jnp.asarray(np.random.default_rng(4).normal(0, 0.05, (TERMS, 3)).astype(np.float32))
    colour = jnp.array([[2.0, 1.5, 1.2]])
    one, two = correct(colour, D65, D65, residual), correct(2 * colour, D65, D65, residual)
    np.testing.assert_allclose(two, 2 * one, rtol=1e-5)


def test_a_light_for_each_pixel_equals_one_light(colours: np.ndarray) -> None:
    pixels = jnp.asarray(colours)
    everywhere = jnp.broadcast_to(TUNGSTEN, (len(colours), 2))
    whole = correct(pixels, TUNGSTEN, D65, NOTHING)
    channels = pixels[:, 0], pixels[:, 1], pixels[:, 2]
    local = jnp.stack(correct_channels_locally(channels, everywhere, D65, NOTHING), axis=-1)
    np.testing.assert_allclose(local, whole, atol=3e-5)


def test_what_was_below_white_stays_there_with_its_hue() -> None:
    before, pushed = jnp.array([[0.9, 0.8, 0.7]]), jnp.array([[0.6, 0.9, 1.2]])
    after = np.asarray(unclipped(pushed, before))
    assert after.max() == pytest.approx(1)
    np.testing.assert_allclose(after / after.max(), np.asarray(pushed) / 1.2, rtol=1e-6)


def test_what_was_clipped_to_white_stays_white_and_the_rest_is_corrected() -> None:
    before = jnp.array([[1.0, 1.0, 1.0], [0.85, 0.85, 0.85]])
    bluer = before * jnp.array([0.8, 0.9, 1.0])
    np.testing.assert_allclose(with_blown_kept(bluer, before), [[1, 1, 1], bluer[1]], atol=1e-6)


def test_colours_below_black_are_kept() -> None:
    """The negative channels of out-of-gamut colours survive a change of illuminant."""
    colour = jnp.array([[-0.1, 0.5, 0.4]])
    there = correct(colour, D65, TUNGSTEN, NOTHING)
    np.testing.assert_allclose(correct(there, TUNGSTEN, D65, NOTHING), colour, atol=1e-5)
