"""Snapping moves depth steps to the matte's outline, and preserves both sides' depth and continuous ground."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.features.blur.depth_edge_snap import snap_to_matte


def disc(size: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Return the coverage of a disc of radius 60, and the distance from its outline in pixels, positive outside."""
    y, x = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    distance = np.hypot(y - size / 2, x - size / 2) - 60
    return np.clip(0.5 - distance, 0, 1).astype(np.float32), distance


def test_a_soft_and_misplaced_step_moves_to_the_outline() -> None:
    matte, distance = disc()
    soft = (0.2 + 0.6 / (1 + np.exp((distance - 2) / 1.5))).astype(np.float32)
    snapped = snap_to_matte(soft, matte)
    tolerance = 0.12 * 0.6  # Errors of up to 12% of the step may remain.
    np.testing.assert_allclose(snapped[distance < -1], 0.8, atol=tolerance)
    np.testing.assert_allclose(snapped[distance > 1], 0.2, atol=tolerance)


def test_far_from_the_outline_nothing_changes() -> None:
    matte, distance = disc()
    rng = np.random.default_rng(0)
    disparity = np.clip(0.3 + 0.5 * matte + rng.normal(0, 0.02, matte.shape), 0, 1).astype(np.float32)
    snapped = snap_to_matte(disparity, matte)
    far = np.abs(distance) > 10
    np.testing.assert_array_equal(snapped[far], disparity[far])


def test_where_both_sides_lie_at_one_depth_nothing_changes() -> None:
    matte, _ = disc()
    ground = np.tile(np.linspace(0.2, 0.6, 200, dtype=np.float32)[:, None], (1, 200))
    np.testing.assert_allclose(snap_to_matte(ground, matte), ground, atol=0.02)


@pytest.mark.parametrize("coverage", [0.0, 1.0])
def test_a_matte_without_an_outline_changes_nothing(coverage: float) -> None:
    disparity = np.random.default_rng(0).random((30, 40)).astype(np.float32)
    np.testing.assert_array_equal(snap_to_matte(disparity, np.full((30, 40), coverage, np.float32)), disparity)


def test_strands_get_the_depth_of_what_they_grow_from() -> None:
    matte, _ = disc()
    matte[20:50, 100] = 1.0  # A hair that is one pixel wide.
    disparity = (0.2 + 0.6 * disc()[0]).astype(np.float32)  # The hair is missing in the depth map.
    snapped = snap_to_matte(disparity, matte, band=0.05)
    assert snapped[38, 100] > 0.7
    assert snapped[38, 97] < 0.3


def test_a_hole_in_the_matte_becomes_no_hole_in_the_depth() -> None:
    matte, _ = disc()
    disparity = (0.2 + 0.6 * matte).astype(np.float32)
    matte[95:105, 90:115] = 0.0  # A hole that should not be in the matte, far from the background.
    around = slice(80, 120), slice(80, 125)
    # The tolerance is for rounding.
    np.testing.assert_allclose(snap_to_matte(disparity, matte)[around], disparity[around], atol=1e-5)


def test_something_in_front_of_the_subject_stays_as_it_is() -> None:
    matte, _ = disc()
    disparity = (0.3 + 0.2 * matte).astype(np.float32)
    matte[130:] = 0.0  # A table hides the lower part.
    disparity[128:] = 0.9  # The table's edge does not quite match the end of the matte.
    np.testing.assert_array_equal(snap_to_matte(disparity, matte)[120:, 70:130], disparity[120:, 70:130])


def test_a_thin_thing_on_a_table_that_recedes_keeps_its_step_all_round() -> None:
    """Within the band, the table's disparity changes by more than the step between it and the saucer."""
    matte, distance = disc()
    table = np.tile(np.linspace(0.1, 0.8, 200, dtype=np.float32)[:, None], (1, 200))
    # The saucer in the map is soft, and three pixels too small.
    saucer = 0.03 * np.clip(0.5 - (distance + 3) / 3, 0, 1)
    snapped = snap_to_matte((table + saucer).astype(np.float32), matte)
    step = snapped - table
    for row, column in ((0, -1), (1, 0), (0, 1), (-1, 0)):  # Left, near, right and far rim.
        within, beyond = ((100 + row * r, 100 + column * r) for r in (57, 63))
        assert step[within] > 0.02
        assert abs(step[beyond]) < 0.006


def test_what_stands_before_the_subject_does_not_rub_off_on_it() -> None:
    """A near ball covers the disc's lower half; above it the disc keeps its own depth up to the outline."""
    matte, distance = disc()
    disparity = (0.1 + 0.3 * (distance < 4)).astype(np.float32)
    disparity[100:][distance[100:] < 4] = 0.9
    snapped = snap_to_matte(disparity, matte)
    within = (np.abs(distance + 4) < 3)[:80]
    np.testing.assert_allclose(snapped[:80][within], 0.4, atol=0.06)


def test_a_thin_part_that_leads_away_is_not_sloped_on() -> None:
    """A straw attached to a steeply sloping disc gets the depth of the disc's rim."""
    matte, distance = disc()
    slope = np.tile(np.linspace(0, 1, 200, dtype=np.float32)[:, None], (1, 200))
    disparity = np.where(distance < 0, slope, np.float32(0))
    matte[5:45, 98:102] = 1.0
    snapped = snap_to_matte(disparity, matte, band=0.05)
    assert snapped[23:34, 99:101].min() > 0.21  # The rim is at 0.2; extrapolating the slope would give 0.17.


def test_a_small_step_far_inside_leaves_no_dent() -> None:
    """The map's step lies eight pixels inside a low saucer, which keeps its height up to its near rim."""
    matte, distance = disc()
    table = np.tile(np.linspace(0.1, 0.8, 200, dtype=np.float32)[:, None], (1, 200))
    saucer = 0.05 * np.clip(0.5 - (distance + 8), 0, 1)
    height = snap_to_matte((table + saucer).astype(np.float32), matte, band=0.05) - table
    # The height used to drop to 0.013, when the step was measured at the pixel's own position.
    assert height[148:160, 100].min() > 0.028
    assert np.abs(height[160:164, 100]).max() < 0.002


def test_doubtful_specks_beside_the_outline_make_no_steps() -> None:
    matte, distance = disc()
    rng = np.random.default_rng(0)
    rim = (distance > 2) & (distance < 6)
    matte[rim & (rng.random(matte.shape) < 0.1)] = 0.6
    disparity = (0.2 + 0.6 * disc()[0]).astype(np.float32)
    np.testing.assert_allclose(snap_to_matte(disparity, matte)[rim], 0.2, atol=0.02)
