import numpy as np
import pytest

from dioptre.imaging.tiles import plan_tiles, read_tile

OVERLAP_PX = 2


def blur(tile):
    """Return the mean over 5 × 5 pixels, a filter that reaches 2 pixels far."""
    padded = np.pad(tile, ((2, 2), (2, 2)), mode="reflect")
    height, width = tile.shape
    return sum(padded[i : i + height, j : j + width] for i in range(5) for j in range(5)) / np.float32(25)


@pytest.mark.parametrize("size", [(40, 50), (16, 16), (7, 90), (33, 3), (1, 1)])
def test_what_reaches_no_further_than_the_margin_is_the_same_in_tiles(size):
    image = np.random.default_rng(0).uniform(size=size).astype(np.float32)
    tile_px, core_px, together = (20, 16), (16, 12), np.empty_like(image)
    for tile in plan_tiles(size, core_px=core_px):
        seen = read_tile(image, tile, tile_px=tile_px, overlap_px=OVERLAP_PX)
        assert seen.shape == tile_px
        rows, columns = tile.bottom - tile.top, tile.right - tile.left
        inner = blur(seen)[OVERLAP_PX : OVERLAP_PX + rows, OVERLAP_PX : OVERLAP_PX + columns]
        together[tile.top : tile.bottom, tile.left : tile.right] = inner
    whole = blur(image) if min(size) > OVERLAP_PX else together
    assert np.allclose(together, whole, atol=1e-6)
    assert np.isfinite(together).all()


def test_cores_cover_every_pixel_once():
    count = np.zeros((30, 41), int)
    for tile in plan_tiles((30, 41), core_px=(8, 9)):
        count[tile.top : tile.bottom, tile.left : tile.right] += 1
    assert np.all(count == 1)
