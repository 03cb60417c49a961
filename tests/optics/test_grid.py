"""The tile grid of a picture at every size, and the border around it."""

import numpy as np
import pytest

from dioptre.optics.grid import CELL, MARGIN_PX, Grid


@pytest.mark.parametrize("size", [(1, 1), (37, 900), (480, 640), (531, 707), (3000, 4000)])
@pytest.mark.parametrize(("radius", "levels"), [(3.0, 1), (60.0, 3), (300.0, 4)])
def test_tiles_cover_the_picture_once_and_stay_on_cells(size, radius, levels):
    grid = Grid.around(*size, radius_px=radius, levels=levels)
    for level in range(levels):
        side, core, border = grid.side(level), grid.core(level), grid.border >> level
        assert max(core) + 2 * MARGIN_PX[level] <= side
        covered = np.zeros(grid.size(level), int)
        for tile in grid.tiles(level):
            assert not any(edge % CELL for edge in (tile.top, tile.left, tile.bottom, tile.right))
            covered[tile.top : tile.bottom, tile.left : tile.right] += 1
        height, width = (-(-length >> level) for length in size)
        inside = covered[border : border + height, border : border + width]
        assert covered.max() == 1
        assert inside.all()


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (64, 64), (100, 30)])
@pytest.mark.parametrize("scale", [1, 4])
def test_the_border_mirrors_the_picture(size, scale):
    grid = Grid.around(*size, radius_px=100.0, levels=3)
    border = grid.border // scale
    inside = np.random.default_rng(0).random([2] + [n // scale - 2 * border for n in grid.padded])
    whole = np.zeros([2] + [n // scale for n in grid.padded])
    whole[:, border:-border, border:-border] = inside
    grid.mirror(whole, scale=scale)
    np.testing.assert_array_equal(whole, np.pad(inside, ((0, 0), (border,) * 2, (border,) * 2), "symmetric"))
