"""Separate layers continue with texture behind nearer layers, and the blurred picture stays the same."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.features.blur.from_depth import lens_blur
from dioptre.optics.compositing import over
from dioptre.optics.defocus import Focus
from dioptre.optics.lens_blur import blur_in_layers
from dioptre.optics.scene import Scene

SIZE = 160, 160


def stripes() -> np.ndarray:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    wave = 0.5 + 0.3 * np.sin((x + 0.5 * y) * 2 * np.pi / 12)
    noise = np.random.default_rng(3).normal(0, 0.02, SIZE)
    return np.stack([0.3 * wave, wave + noise, 0.2 * wave], axis=-1).astype(np.float32)


def disc(radius: float) -> np.ndarray:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.hypot(y - 80, x - 75) < radius


def red_disc_in_front() -> tuple[np.ndarray, np.ndarray]:
    """Return a picture of a red disc in front of stripes, and its disparity."""
    near = disc(26)
    picture = np.where(near[..., None], np.float32([0.9, 0.1, 0.1]), stripes())
    return picture, np.where(near, np.float32(0.9), np.float32(0.2))


def contrast(picture: np.ndarray) -> float:
    return float(picture[..., 1][disc(20)].std())


@pytest.mark.parametrize(("focal", "layer"), [(0.9, "background"), (0.2, "subject")])
def test_the_layer_behind_a_nearer_one_has_texture(focal: float, layer: str) -> None:
    """The stripes are 4.5 pixels out of focus behind a sharp disc, and then sharp behind a blurred one."""
    picture, disparity = red_disc_in_front()
    radius = 4.5 / 0.7
    focus = Focus(focal_disparity=focal, max_radius_px=radius)
    truth = lens_blur(stripes(), np.full(SIZE, 0.2, np.float32), focus=focus).image
    made = lens_blur(picture, disparity, focus=focus, layers=True)
    behind = getattr(made, layer)[..., :3]
    assert 0.7 < contrast(behind) / contrast(truth) < 1.3
    assert (behind[..., 0] < behind[..., 1] + 0.05)[disc(40)].all(), "nothing red is left of the disc"
    scene = Scene(image=picture, disparity=disparity, focus=focus)
    smooth = blur_in_layers(scene)
    assert contrast(getattr(smooth, layer)) < 0.5 * contrast(truth), "a smooth filling would fail here"
    flat = over(smooth.background, [smooth.subject, smooth.foreground], linear=True)
    np.testing.assert_allclose(made.image, flat, atol=1e-5)


def test_a_ground_that_goes_on_keeps_its_pixels() -> None:
    """A ground without any jump in depth hides nothing, so its layers are the renderer's own."""
    picture = stripes()
    disparity = np.repeat(np.linspace(0, 1, SIZE[0], dtype=np.float32)[:, None], SIZE[1], axis=1)
    focus = Focus(focal_disparity=0.5, max_radius_px=16.0)
    made = lens_blur(picture, disparity, focus=focus, layers=True)
    plain = blur_in_layers(Scene(image=picture, disparity=disparity, focus=focus))
    np.testing.assert_array_equal(made.background, plain.background)
    np.testing.assert_array_equal(made.subject, plain.subject)
