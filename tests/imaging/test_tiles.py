import numpy as np
import pytest

from dioptre.imaging.tiles import map_tiles, plan_tiles
from dioptre_link.errors import Cancelled


def blur(tile):
    """Mean over 5 x 5: reach 2."""
    padded = np.pad(tile, ((2, 2), (2, 2)), mode="reflect")
    height, width = tile.shape
    return sum(padded[i : i + height, j : j + width] for i in range(5) for j in range(5)) / np.float32(25)


@pytest.mark.parametrize("size", [(40, 50), (16, 16), (7, 90), (33, 3)])
def test_tiled_equals_untiled(size):
    image = np.random.default_rng(0).uniform(size=size).astype(np.float32)
    assert np.allclose(map_tiles(blur, image, tile_px=(20, 16), overlap_px=2), blur(image), atol=1e-6)


def test_tiles_have_one_shape_and_scale_lands_in_place():
    shapes = set()

    def twice(tile):
        shapes.add(tile.shape)
        return tile.repeat(2, 0).repeat(2, 1)

    image = np.random.default_rng(0).uniform(size=(37, 23, 3)).astype(np.float32)
    made = map_tiles(twice, image, tile_px=(16, 16), overlap_px=3, scale=2)
    assert np.array_equal(made, image.repeat(2, 0).repeat(2, 1))
    assert shapes == {(16, 16, 3)}


def test_a_single_pixel():
    image = np.full((1, 1, 3), 0.3, np.float32)
    assert np.array_equal(map_tiles(lambda tile: tile, image, tile_px=(8, 8), overlap_px=2), image)


def test_cores_cover_every_pixel_once():
    count = np.zeros((30, 41), int)
    for tile in plan_tiles((30, 41), core_px=(8, 9)):
        count[tile.top : tile.bottom, tile.left : tile.right] += 1
    assert np.all(count == 1)


def test_cancels_between_tiles_and_refuses_all_margin():
    def stop(fraction, phase):
        if fraction > 0.3:
            raise Cancelled

    image = np.zeros((40, 40), np.float32)
    with pytest.raises(Cancelled):
        map_tiles(lambda tile: tile, image, tile_px=(16, 16), overlap_px=2, progress=stop)
    with pytest.raises(ValueError, match="leaves nothing"):
        map_tiles(lambda tile: tile, image, tile_px=(8, 8), overlap_px=4)
