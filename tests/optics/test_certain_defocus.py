"""Certain defocus is measured where a photo has it; photos that are sharp or soft everywhere have none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dioptre.optics.certain_defocus import certain_defocus_px, find_edges

SIZE = (360, 480)


def patches(seed: int = 0, *, side: int = 40) -> np.ndarray:
    """Return squares of random grey whose edges are as sharp as those in a photo."""
    rng = np.random.default_rng(seed)
    grey = rng.uniform(0.1, 0.9, (SIZE[0] // side, SIZE[1] // side)).astype(np.float32)
    return gaussian_filter(grey.repeat(side, 0).repeat(side, 1), 0.6)


def planes(*disparities: float) -> np.ndarray:
    """Return a disparity map with columns of equal width at these disparities."""
    return np.broadcast_to(np.repeat(np.float32(disparities), SIZE[1] // len(disparities)), SIZE).copy()


def blurred(*stds: float) -> np.ndarray:
    """Return a picture whose columns of equal width are blurred by these standard deviations in pixels."""
    sharp, width = patches(), SIZE[1] // len(stds)
    result = sharp.copy()
    for number, std in enumerate(stds):
        columns = slice(number * width, (number + 1) * width)
        result[:, columns] = gaussian_filter(sharp, std)[:, columns] if std else sharp[:, columns]
    return np.repeat(result[..., None], 3, axis=2)


@pytest.mark.parametrize("std", [2.0, 4.0])
def test_a_background_out_of_focus_is_measured(std: float) -> None:
    radius = certain_defocus_px(find_edges(blurred(std, 0)), planes(0.1, 0.9))
    assert radius is not None
    assert radius.shape == SIZE
    assert np.median(radius[:, :200]) == pytest.approx(2 * np.sqrt(std**2 - 0.9**2), rel=0.25)
    assert radius[:, 280:].max() == 0


def test_a_foreground_out_of_focus_is_measured() -> None:
    radius = certain_defocus_px(find_edges(blurred(0, 3)), planes(0.1, 0.9))
    assert radius is not None
    assert np.median(radius[:, 280:]) > 3
    assert radius[:, :200].max() == 0


@pytest.mark.parametrize("std", [0, 3.0])
def test_a_photo_that_is_sharp_or_soft_everywhere_has_none(std: float) -> None:
    assert certain_defocus_px(find_edges(blurred(std)), planes(0.1, 0.5, 0.9)) is None


def test_blur_that_does_not_follow_depth_is_none() -> None:
    """A soft object with a sharp one behind it is itself soft, and not out of focus."""
    assert certain_defocus_px(find_edges(blurred(0, 3, 0)), planes(0.1, 0.5, 0.9)) is None


def test_a_sharp_detail_at_a_blurred_depth_has_none() -> None:
    picture = blurred(3, 0)
    picture[100:180, 60:140] = np.repeat(patches(1, side=10)[100:180, 60:140, None], 3, axis=2)
    radius = certain_defocus_px(find_edges(picture), planes(0.1, 0.9))
    assert radius is not None
    assert radius[120:160, 80:120].max() < 1
    assert np.median(radius[220:, :200]) > 3


def test_too_few_edges_are_no_evidence() -> None:
    picture = blurred(3, 0)
    picture[30:, :240] = 0.5
    assert certain_defocus_px(find_edges(picture), planes(0.1, 0.9)) is None


def test_transparent_pixels_do_not_count() -> None:
    picture = np.concatenate([blurred(3, 0), np.ones((*SIZE, 1), np.float32)], axis=2)
    picture[:, 240:, 3] = 0  # hides everything that is sharp
    assert certain_defocus_px(find_edges(picture), planes(0.1, 0.9)) is None


def test_depth_without_range_has_none() -> None:
    assert certain_defocus_px(find_edges(blurred(3, 0)), np.full(SIZE, 0.5, np.float32)) is None


def test_a_preview_gets_its_own_pixels() -> None:
    edges = find_edges(blurred(3, 0))
    whole = certain_defocus_px(edges, planes(0.1, 0.9))
    small = certain_defocus_px(edges, planes(0.1, 0.9)[::2, ::2].copy())
    assert whole is not None
    assert small is not None
    assert small.max() == pytest.approx(whole.max() / 2, rel=0.05)
