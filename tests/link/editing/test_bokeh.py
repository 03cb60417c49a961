"""Pictures of the aperture match the blur itself, and bokeh shapes are sets of existing options."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.optics.aperture import Aperture
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.editing import bokeh
from dioptre_link.editing.bokeh import CENTRE, CORNER, OPTIONS, disc, transmission
from dioptre_link.presets import presets

ROUND = {"blades": 0, "blade_curvature": 0.0, "blade_rotation": 0.0, "anamorphic": 1.0, "cats_eye": 0.0}
SHAPES = [
    ROUND,
    {**ROUND, "blades": 5, "blade_rotation": 17.0},
    {**ROUND, "blades": 9, "blade_curvature": 0.6, "anamorphic": 2.0},
    {**ROUND, "cats_eye": 0.8, "anamorphic": 0.5},
]


@pytest.mark.parametrize("shape", bokeh.SHAPES, ids=lambda shape: shape.name)
def test_a_shape_is_a_set_of_valid_options(shape: bokeh.Shape) -> None:
    checked = OPERATIONS["portrait"].check(shape.options)
    assert {name: checked[name] for name in bokeh.SHAPED} == dict(shape.options)
    assert bokeh.shape_of(checked) is shape


def test_the_aperture_of_every_preset_is_a_shape() -> None:
    steps = [step for recipe in presets().values() for step in recipe.steps]
    of_lenses = [step.options for step in steps if set(bokeh.SHAPED) & set(step.options)]
    assert of_lenses
    for options in of_lenses:
        assert bokeh.shape_of(OPERATIONS["portrait"].defaults() | dict(options)) is not None


def test_shapes_look_different() -> None:
    assert len({shape.picture(24) for shape in bokeh.SHAPES}) == len(bokeh.SHAPES)


def test_the_default_is_round_and_another_value_is_no_shape() -> None:
    options = OPERATIONS["portrait"].defaults()
    assert bokeh.shape_of(options) is bokeh.SHAPES[0]
    assert bokeh.shape_of({**options, "blades": 7}) is None
    assert bokeh.shape_of({**options, "blade_rotation": 30.0}) is bokeh.SHAPES[0]


def test_only_operations_with_an_aperture_have_shapes() -> None:
    assert set(bokeh.SHAPED) < set(OPTIONS)
    every = {name: {one.name for one in operation.parameters} for name, operation in OPERATIONS.items()}
    having = {name for name, names in every.items() if set(bokeh.SHAPED) <= names}
    assert having == {"portrait", "lens_blur"}
    assert all(set(OPTIONS) <= every[name] for name in having)


@pytest.mark.parametrize("options", SHAPES)
@pytest.mark.parametrize("field", [CENTRE, CORNER])
def test_shape_is_that_of_the_blur(options, field) -> None:
    aperture = Aperture(
        blades=options["blades"],
        curvature=options["blade_curvature"],
        rotation_deg=options["blade_rotation"],
        anamorphic=options["anamorphic"],
        cats_eye=options["cats_eye"],
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
