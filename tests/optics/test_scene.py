"""The scene: input and output as encoded pixels with straight alpha, and each pixel's circle of confusion."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.imaging.tiles import Tile
from dioptre.optics.defocus import Focus, circle_of_confusion_px
from dioptre.optics.scene import Scene

FOCUS = Focus(focal_disparity=0.5, max_radius_px=20.0, range=0.1, foreground=1.5)
TILE, SIDE, MARGIN = Tile(top=8, left=8, bottom=40, right=40), 64, 8


def scene(channels: int, **fields) -> Scene:
    rng = np.random.default_rng(channels)
    image = rng.uniform(0.05, 1, (64, 64, channels)).astype(np.float32)
    return Scene(image=image, disparity=rng.random((64, 64), np.float32), focus=FOCUS, **fields)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("encoded", [True, False])
def test_what_is_read_is_written_again(channels: int, encoded: bool) -> None:
    given = scene(channels, encoded=encoded)
    planes, radius = given.read(TILE, side=SIDE, margin=MARGIN)
    inside = slice(MARGIN, MARGIN + 32)
    written = given.write(planes, None)[inside, inside]
    np.testing.assert_allclose(written, given.image[8:40, 8:40], atol=2e-6)
    expected = circle_of_confusion_px(given.disparity, focus=FOCUS)[8:40, 8:40]
    np.testing.assert_allclose(np.asarray(radius)[inside, inside], expected, atol=1e-4)


def test_only_the_missing_blur_is_added() -> None:
    existing = np.full((64, 64), 3.0, np.float32)
    radius = np.asarray(scene(3, existing_defocus_px=existing).radius(TILE, side=SIDE, margin=MARGIN))
    whole = np.asarray(scene(3).radius(TILE, side=SIDE, margin=MARGIN))
    np.testing.assert_allclose(radius, np.sign(whole) * np.sqrt(np.maximum(whole**2 - 9, 0)), atol=1e-3)
