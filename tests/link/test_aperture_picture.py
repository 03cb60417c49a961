"""The picture of the aperture in dialogs matches the blur itself."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.optics.aperture import Aperture
from dioptre_link.aperture_picture import CENTRE, CORNER, OPTIONS, disc, transmission
from dioptre_link.catalogue import operation

ROUND = {"blades": 0, "blade_curvature": 0.0, "blade_rotation": 0.0, "anamorphic": 1.0, "cats_eye": 0.0}
SHAPES = [
    {**ROUND, "disc_edge": 0.0},
    {**ROUND, "blades": 5, "blade_rotation": 17.0, "disc_edge": 0.5},
    {**ROUND, "blades": 9, "blade_curvature": 0.6, "anamorphic": 2.0, "disc_edge": -1.0},
    {**ROUND, "cats_eye": 0.8, "anamorphic": 0.5, "disc_edge": 1.0},
]


@pytest.mark.parametrize("options", SHAPES)
@pytest.mark.parametrize("field", [CENTRE, CORNER])
def test_shape_is_that_of_the_blur(options, field) -> None:
    aperture = Aperture(
        blades=options["blades"],
        curvature=options["blade_curvature"],
        rotation_deg=options["blade_rotation"],
        anamorphic=options["anamorphic"],
        cats_eye=options["cats_eye"],
        edge=options["disc_edge"],
    )
    axis = np.linspace(-1.9, 1.9, 37)
    wanted = aperture.transmission(axis[None, :], axis[:, None], field=field)
    got = [[transmission(x, y, options, field=field) for x in axis] for y in axis]
    np.testing.assert_allclose(got, wanted, atol=1e-12)


def test_picture_is_whole_and_white_at_its_brightest() -> None:
    picture = np.frombuffer(disc(40, SHAPES[0]), np.uint8).reshape(40, 40)
    assert picture[20, 20] == 255
    assert picture[0].max() == picture[:, -1].max() == 0
    assert abs((picture > 127).sum() - np.pi * 10**2) < 12
    assert max(disc(40, {**SHAPES[0], "blades": 3})) == 255  # Three blades are possible while a slider moves.


def test_operations_that_blur_have_all_options() -> None:
    for name in ("lens_blur", "portrait"):
        assert set(OPTIONS) <= {parameter.name for parameter in operation(name).parameters}
