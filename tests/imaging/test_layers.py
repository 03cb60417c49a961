"""Layers computed on demand have the same pixels as other layers, and are recomputed at each access."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.contract import Layer, LayerOnDemand, Rows, row_slices
from dioptre_link.operation import Role

PIXELS = np.random.default_rng(0).uniform(size=(600, 5, 3)).astype(np.float32)


def _on_demand(begun: list[int]) -> LayerOnDemand:
    def begin() -> Rows:
        begun.append(1)
        return lambda rows: PIXELS[rows] * 2

    return LayerOnDemand(name="Twice", role=Role.BACKGROUND, shape=PIXELS.shape, begin=begin, made_of=(PIXELS,))


def test_its_pixels_are_all_rows_and_nothing_is_made_before() -> None:
    begun: list[int] = []
    layer = _on_demand(begun)
    assert (layer.name, layer.role, layer.visible, layer.shape) == ("Twice", Role.BACKGROUND, True, PIXELS.shape)
    assert layer.made_of() == (PIXELS,)
    assert not begun
    np.testing.assert_array_equal(layer.pixels, PIXELS * 2)
    assert layer.pixels is not layer.pixels  # The pixels are not cached.
    assert len(begun) == 3


def test_a_plain_layer_reads_alike() -> None:
    layer = Layer(name="Plain", role=Role.RESULT, pixels=PIXELS)
    assert layer.shape == PIXELS.shape
    assert layer.made_of()[0] is PIXELS
    np.testing.assert_array_equal(layer.reader()(slice(3, 9)), PIXELS[3:9])


@pytest.mark.parametrize("height", [1, 256, 257, 1000])
def test_row_slices_cover_every_row_once(height: int) -> None:
    rows = [row for part in row_slices(height) for row in range(height)[part]]
    assert rows == list(range(height))
