"""The aperture's shape: area, proportions, rotation, and the distribution of light."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.optics.aperture import Aperture
from dioptre_link.errors import UsageError

STEP = 2.6 / 520
X, Y = np.meshgrid(np.arange(-1.3, 1.3, STEP), np.arange(-1.3, 1.3, STEP))


@pytest.mark.parametrize("blades", [0, 5, 6, 9, 11])
@pytest.mark.parametrize("anamorphic", [1.0, 2.0])
def test_every_opening_has_the_area_of_the_circle(blades: int, anamorphic: float) -> None:
    light = Aperture(blades=blades, anamorphic=anamorphic).transmission(X / anamorphic**0.5, Y * anamorphic**0.5)
    assert (light > 0).sum() * STEP**2 == pytest.approx(np.pi, rel=0.01)


def test_an_anamorphic_disc_is_as_much_higher_as_it_says() -> None:
    kernel = Aperture(anamorphic=2.0).kernel(20.0, size=81)
    height, width = (np.ptp(np.flatnonzero(kernel.any(axis=axis))) + 1 for axis in (1, 0))
    assert height / width == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("radius", [2.0, 7.5, 30.0])
def test_a_round_kernel_is_a_disc_of_its_radius(radius: float) -> None:
    kernel = Aperture().kernel(radius, size=81)
    place = np.arange(81) - 40
    assert kernel.sum() == pytest.approx(1.0)
    # A disc's variance is r²/4 along each axis, and a pixel's is 1/12. The kernel is sampled at 5 × 5 points per
    # pixel.
    assert (kernel * place**2).sum() == pytest.approx(radius**2 / 4 + 1 / 12, rel=0.02, abs=0.06)


def test_blades_turn_counter_clockwise_and_inverted_ones_by_half_a_turn() -> None:
    plain, turned = (Aperture(blades=5, rotation_deg=angle).kernel(30.0, size=81) for angle in (0.0, 90.0))
    assert np.abs(np.rot90(plain) - turned).sum() < 0.02
    assert np.abs(plain - turned).sum() > 0.1
    inverted = Aperture(blades=5).kernel(30.0, size=81, inverted=True)
    np.testing.assert_allclose(inverted, plain[::-1, ::-1], atol=1e-12)


def test_the_barrel_cuts_discs_on_the_side_away_from_the_centre() -> None:
    aperture = Aperture(cats_eye=0.6)
    centre, right = (aperture.transmission(X, Y, field=field) > 0 for field in ((0.0, 0.0), (1.0, 0.0)))
    assert right.sum() < 0.7 * centre.sum()
    assert right[X > 0].sum() < right[X < 0].sum()


def test_what_no_lens_has_is_refused() -> None:
    with pytest.raises(UsageError, match="3 blades"):
        Aperture(blades=3)
    with pytest.raises(UsageError, match="cats_eye is out of range: 2"):
        Aperture(cats_eye=2)
    with pytest.raises(ValueError, match="does not fit"):
        Aperture().kernel(30.0, size=21)
