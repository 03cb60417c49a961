import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dioptre.features.depth.shock_filter import shock_filtered

SIZE = 96


def width_px(profile: np.ndarray) -> int:
    """Return the width of the step: the number of pixels between 10% and 90% of its height."""
    low, high = profile.min(), profile.max()
    inner = (profile > low + 0.1 * (high - low)) & (profile < low + 0.9 * (high - low))
    return int(inner.sum())


def disc() -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    return gaussian_filter((np.hypot(y, x) < 28).astype(np.float32) * 0.4 + 0.3, 3.0)


@pytest.mark.parametrize("turned", [False, True])
def test_a_ramp_between_two_levels_becomes_a_step_in_its_middle(turned: bool) -> None:
    ramp = np.clip((np.arange(SIZE) - 44) / 8, 0, 1) * 0.5 + 0.2
    soft = np.repeat(ramp[None].astype(np.float32), SIZE, 0)
    sharp = shock_filtered(soft.T if turned else soft)
    profile = (sharp.T if turned else sharp)[SIZE // 2]
    assert width_px(ramp) == 7
    assert width_px(profile) <= 2
    assert abs(int(np.argmax(np.diff(profile))) - 47.5) <= 1


def test_what_is_flat_or_slopes_stays() -> None:
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE
    for plain in (np.full_like(x, 0.4), np.float32(0.9) * x, np.float32(0.3) + np.float32(0.5) * y * x):
        np.testing.assert_allclose(shock_filtered(plain)[12:-12, 12:-12], plain[12:-12, 12:-12], atol=0.01)


def test_no_value_comes_up_that_was_not_there() -> None:
    soft = disc()
    sharp = shock_filtered(soft)
    assert sharp.min() >= soft.min() - 1e-6
    assert sharp.max() <= soft.max() + 1e-6
    assert np.abs(sharp - soft)[:8].max() < 1e-3  # Nothing changes far from the step.


def test_a_round_outline_stays_round() -> None:
    sharp = shock_filtered(disc())
    y, x = np.nonzero(sharp > 0.5)
    assert abs(len(y) - np.pi * 28**2) < 0.03 * np.pi * 28**2
    radii = np.hypot(y - SIZE / 2, x - SIZE / 2)
    far = np.hypot(*(np.mgrid[:SIZE, :SIZE] - SIZE / 2))[sharp < 0.5].min()
    assert radii.max() - far < 2.0


def test_the_picture_given_is_left_alone() -> None:
    soft = disc()
    before = soft.copy()
    shock_filtered(soft)
    np.testing.assert_array_equal(soft, before)
