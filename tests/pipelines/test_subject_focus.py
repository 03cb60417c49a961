"""The focus of a lens on a subject: its sharpest part in the picture, or the chosen point."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dioptre.pipelines import subject_focus
from dioptre.pipelines.subject_focus import focus_of

NEAR, FAR, BEHIND = 0.9, 0.4, 0.1
LARGE, SMALL = (slice(60, 360), slice(20, 220)), (slice(120, 300), slice(330, 440))


@pytest.fixture
def two() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Picture, coverage and disparity of two chequered people, the large one near, all sharp."""
    rows, columns = np.mgrid[:400, :480] // 10
    picture = gaussian_filter(np.where((rows + columns) % 2, 0.7, 0.3).astype(np.float32), 0.7)
    alpha, disparity = np.zeros((400, 480), np.float32), np.full((400, 480), BEHIND, np.float32)
    for where, depth in ((LARGE, NEAR), (SMALL, FAR)):
        alpha[where], disparity[where] = 1, depth
    return np.repeat(picture[..., None], 3, axis=2), alpha, disparity


def blurred(picture: np.ndarray, where: tuple[slice, slice]) -> np.ndarray:
    made = picture.copy()
    made[where] = gaussian_filter(picture[where], (3, 3, 0))
    return made


def test_the_sharp_one_of_two_is_focused_on(two) -> None:
    picture, alpha, disparity = two
    assert focus_of(blurred(picture, LARGE), alpha, disparity)[0] == pytest.approx(FAR, abs=0.01)
    assert focus_of(blurred(picture, SMALL), alpha, disparity)[0] == pytest.approx(NEAR, abs=0.01)


def test_where_both_are_sharp_or_blurred_the_larger_counts(two) -> None:
    picture, alpha, disparity = two
    soft = blurred(blurred(picture, LARGE), SMALL)
    assert focus_of(picture, alpha, disparity)[0] == pytest.approx(NEAR, abs=0.01)
    assert focus_of(soft, alpha, disparity)[0] == pytest.approx(NEAR, abs=0.01)
    assert focus_of(np.full_like(picture, 0.5), alpha, disparity)[0] == pytest.approx(NEAR, abs=0.01)


def test_the_extent_holds_all_parts_whatever_is_in_focus(two) -> None:
    picture, alpha, disparity = two
    low, high = focus_of(blurred(picture, LARGE), alpha, disparity)[1]
    assert (low, high) == pytest.approx((FAR, NEAR), abs=0.01)


def test_a_point_says_where_to_focus(two) -> None:
    picture, alpha, disparity = two
    assert focus_of(blurred(picture, SMALL), alpha, disparity, at=(385, 210))[0] == pytest.approx(FAR, abs=0.01)


def test_what_lies_at_one_depth_is_not_measured(two, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, alpha, disparity = two
    monkeypatch.setattr(subject_focus, "parts_defocus_px", None)
    disparity[SMALL] = NEAR
    assert focus_of(picture, alpha, disparity)[0] == pytest.approx(NEAR, abs=0.01)


def test_damaged_values_do_no_harm(two) -> None:
    picture, alpha, disparity = two
    picture = blurred(picture, LARGE)
    picture[5:30, 5:30], disparity[5:30, 5:30] = np.nan, np.nan
    assert focus_of(picture, alpha, disparity)[0] == pytest.approx(FAR, abs=0.01)
