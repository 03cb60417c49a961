"""What a matte misses is added where depth shows a whole part of the subject, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from dioptre.features.blur import continuation
from dioptre.features.blur.continuation import continued

SIDE = 320
FAR, NEAR = 0.1, 0.7


def person() -> tuple[np.ndarray, np.ndarray]:
    """Return a matte of a head on a body, and the disparity of the same in front of a far wall."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    inside = (np.hypot(rows - 120, columns - 160) < 40) | ((rows > 150) & (np.abs(columns - 160) < 60))
    return inside.astype(np.float32), np.where(inside, np.float32(NEAR), np.float32(FAR))


@pytest.mark.parametrize("scale", [1, 3])
def test_a_hat_that_the_matte_misses_is_added_whole(scale: int) -> None:
    """The hat's top is so much farther back than the head that it continues only the hat's lower part."""
    alpha, near = person()
    hat = np.zeros_like(alpha, bool)
    hat[20:84, 130:190] = True
    hat &= alpha < 0.5
    near[hat] = np.linspace(NEAR - 0.1, NEAR, 64, dtype=np.float32)[:, None].repeat(SIDE, 1)[
        np.nonzero(hat)[0] - 20, 0
    ]
    alpha, near, hat = (np.kron(plane, np.ones((scale, scale), plane.dtype)) for plane in (alpha, near, hat))
    made = continued(alpha, near)
    assert made[hat].mean() > 0.95
    rest = ~hat & (alpha < 0.5)
    assert (made[rest] > 0.5).mean() < 0.003
    np.testing.assert_array_equal(made[alpha == 1], 1)


def test_the_ground_under_the_feet_is_not_the_subject() -> None:
    alpha, near = person()
    ground = np.clip(np.linspace(-0.6, 0.9, SIDE, dtype=np.float32), FAR, None)[:, None].repeat(SIDE, 1)
    alpha[280:] = 0
    near = np.maximum(np.where(alpha > 0.5, np.float32(NEAR), np.float32(FAR)), ground)
    assert continued(alpha, near) is alpha


def test_a_wall_that_is_leaned_on_is_not_the_subject() -> None:
    alpha, near = person()
    near[:, 200:] = NEAR
    assert continued(alpha, near) is alpha


def test_a_step_of_the_depth_that_lies_too_far_out_adds_no_rim() -> None:
    alpha, near = person()
    near[ndimage.binary_dilation(alpha > 0.5, iterations=6)] = NEAR
    assert continued(alpha, near) is alpha


def test_a_gap_that_the_depth_does_not_show_stays_a_gap() -> None:
    alpha, near = person()
    alpha[220:260, 140:170] = 0
    assert continued(alpha, near) is alpha


@pytest.mark.parametrize(("height", "is_added"), [(16, True), (50, False)])
def test_a_bystander_close_behind_is_not_the_subject_but_a_thin_part_is(height: int, is_added: bool) -> None:
    """Depth is mixed where they meet, and throughout a thin thing, which it therefore does not tell apart."""
    alpha, near = person()
    beside = np.zeros_like(alpha, bool)
    beside[170 : 170 + height, 50:100] = True
    near[beside] = NEAR - 0.1
    made = continued(alpha, ndimage.gaussian_filter(near, 3))
    assert (made[beside].mean() > 0.3) == is_added


@pytest.mark.parametrize("gap", [5, 30])
def test_what_is_beside_a_bystander_is_not_the_subject(gap: int) -> None:
    """For example, the bystander's shirt, which depth shows separately and hardly behind the subject."""
    alpha, near = person()
    bystander, shirt = np.zeros_like(alpha, bool), np.zeros_like(alpha, bool)
    bystander[170:220, 50:100], shirt[220 + gap : 240 + gap, 50:100] = True, True
    near[bystander], near[shirt] = NEAR - 0.1, NEAR - 0.04
    others = continuation._other_things(bystander | shirt, near, alpha)
    np.testing.assert_array_equal(others, bystander | shirt if gap < 10 else bystander)


def test_something_in_front_of_the_subject_is_not_the_subject() -> None:
    alpha, near = person()
    near[240:, 90:230] = 0.95
    alpha[240:] = 0
    assert continued(alpha, near) is alpha


def test_without_a_subject_nothing_is_added() -> None:
    _, near = person()
    nothing = np.zeros_like(near)
    assert continued(nothing, near) is nothing
