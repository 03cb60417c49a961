"""A layer on ground that bends, of which a plane is only fitted to the part where it stands."""

from __future__ import annotations

import numpy as np

from dioptre.features.place.placing import above_surface

HEIGHT, WIDTH = 240, 320
FOOT = (160.0, 200.0)


def test_ground_that_bends_does_not_cover_its_layer_but_a_box_on_it_does() -> None:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    plane = 0.2 + 0.6 * y / HEIGHT
    ground = plane + 0.07 * (np.maximum(x - FOOT[0], 0) / FOOT[0]) ** 2
    box = (x > 200) & (x < 240) & (y > 100) & (y < 180)
    disparity = np.where(box, ground[180, 220], ground).astype(np.float32)
    level = above_surface(disparity, plane, FOOT)
    bare = (y > 60) & ((x < 190) | (x > 250))
    assert (plane < disparity).mean(where=bare) > 0.3
    assert (level > disparity)[bare].mean() > 0.99
    assert (level < disparity)[box & (y < 150)].all()


def test_a_point_on_an_edge_leaves_the_plane_as_it_is() -> None:
    x = np.mgrid[0:HEIGHT, 0:WIDTH][1].astype(np.float32)
    disparity, plane = np.where(x < 160, 0.2, 0.9).astype(np.float32), np.full((HEIGHT, WIDTH), 0.2, np.float32)
    np.testing.assert_array_equal(above_surface(disparity, plane, (160.0, 100.0)), plane)
