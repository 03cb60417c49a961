"""Lamps get the correct radius even if their pixels have the depth of another object."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.optics.lights import lights


def test_a_lamp_behind_a_twig_has_its_own_radius_there_too() -> None:
    radius = np.full((24, 24), -8.0, np.float32)
    colour = np.full((3, 24, 24), 0.2, np.float32)
    radius[10:14, 10:14], colour[:, 10:14, 10:14] = -4.0, 3.0  # A lamp nearer than the wall.
    radius[:, 12] = 0.0  # A twig in front of both, whose disparity covers the lamp's pixels.
    colour[:, :10, 12] = colour[:, 14:, 12] = 0.05
    edge = np.zeros((24, 24), bool)
    edge[:, 11:14] = True
    at, planes, radii = lights(colour, radius, edge)
    twig = at % 24 == 12
    assert sorted((at[twig] // 24).tolist()) == [10, 11, 12, 13]
    np.testing.assert_array_equal(radii[0, twig], 0)
    np.testing.assert_array_equal(radii[1, twig], -4)
    assert (planes[1, :3, twig] > 2).all()  # The light is assigned to the lamp.
    np.testing.assert_allclose(planes[:, -1].sum(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(planes[:, :3].sum(axis=0)[:, twig], 3.0, atol=1e-5)


def test_nothing_bright_is_no_light() -> None:
    at, planes, radii = lights(
        np.full((4, 24, 24), 0.9, np.float32), np.zeros((24, 24), np.float32), np.ones((24, 24), bool)
    )
    assert (at.size, planes.shape, radii.shape) == (0, (2, 5, 0), (2, 0))


@pytest.mark.parametrize("channels", [3, 4])
def test_the_outer_pixels_are_left_out(channels: int) -> None:
    colour = np.full((channels, 24, 24), 2.0, np.float32)
    at, _, _ = lights(colour, np.zeros((24, 24), np.float32), np.ones((24, 24), bool))
    assert at.size == 16 * 16
