"""Clipped light is raised before blurring and lowered again afterwards."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dioptre.imaging.encoding import srgb_to_linear
from dioptre.optics.highlights import Highlights, lower_highlights, raise_highlights, raised_share
from dioptre_link.errors import UsageError


def light() -> np.ndarray:
    """Return linear hues (3, 8, 96) of rising brightness, ending slightly above white."""
    encoded = np.linspace(0.2, 1.0, 96, dtype=np.float32) * np.float32([[1.0], [0.8], [0.5]])
    linear = np.array(srgb_to_linear(jnp.asarray(encoded)))
    linear[:, -4:] *= 2
    return np.repeat(linear[:, None], 8, axis=1)


@jax.jit
def raised_and_lowered(linear, numbers, shares):
    return lower_highlights(raise_highlights(linear, numbers, shares), numbers, shares)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("strength", [0.2, 1.0])
def test_lowering_undoes_raising(share: float, strength: float) -> None:
    numbers = Highlights(strength=strength, threshold=0.8).numbers()
    shares = jnp.full((8, 96), share)
    np.testing.assert_allclose(np.asarray(raised_and_lowered(light(), numbers, shares)), light(), rtol=1.5e-3)


def test_white_is_raised_by_five_stops_with_its_hue_and_the_rest_stays() -> None:
    given = light()
    raised = np.asarray(
        raise_highlights(jnp.asarray(given), jnp.asarray(Highlights(strength=1.0).numbers()), jnp.ones((8, 96)))
    )
    gain = raised / given
    np.testing.assert_allclose(gain[0], gain[2], rtol=1e-5)
    assert gain[0, 0, -1] == pytest.approx(32, rel=1e-3)
    assert (gain[:, :, :80] == 1).all()  # These pixels are below the encoded threshold of 0.9.


def test_what_is_sharp_is_not_raised() -> None:
    shares = np.asarray(raised_share(jnp.array([0.0, 0.5, -0.5, 1.5, -2.5, 40.0])))
    np.testing.assert_allclose(shares, [0, 0, 0, 0.5, 1, 1], atol=1e-6)


def test_numbers_beyond_0_to_1_are_refused() -> None:
    with pytest.raises(UsageError, match="strength is out of range: 2"):
        Highlights(strength=2)
