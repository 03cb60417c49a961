"""Bokeh shapes: sets of existing options, each with its own picture."""

from __future__ import annotations

import pytest

from dioptre_link.aperture_picture import OPTIONS
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.editing import bokeh


@pytest.mark.parametrize("shape", bokeh.SHAPES, ids=lambda shape: shape.name)
def test_a_shape_is_a_set_of_valid_options(shape: bokeh.Shape) -> None:
    checked = OPERATIONS["portrait"].check(shape.options)
    assert {name: checked[name] for name in bokeh.SHAPED} == dict(shape.options)
    assert bokeh.shape_of(checked) is shape


def test_shapes_look_different() -> None:
    assert len({shape.picture(24) for shape in bokeh.SHAPES}) == len(bokeh.SHAPES)


def test_the_default_is_round_and_another_value_is_no_shape() -> None:
    options = OPERATIONS["portrait"].defaults()
    assert bokeh.shape_of(options) is bokeh.SHAPES[0]
    assert bokeh.shape_of({**options, "blades": 7}) is None
    assert bokeh.shape_of({**options, "blade_rotation": 30.0}) is bokeh.SHAPES[0]


def test_only_operations_with_an_aperture_have_shapes() -> None:
    assert set(bokeh.SHAPED) < set(OPTIONS)
    having = {name for name, operation in OPERATIONS.items() if bokeh.has_shapes(operation)}
    assert having == {"portrait", "lens_blur"}
