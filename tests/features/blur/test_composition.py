"""The ground on which the subject stands does not blur over it."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.features.blur.composition import sorted_behind
from dioptre.features.blur.portrait_blur import portrait
from dioptre.optics.defocus import Focus, circle_of_confusion_px

SIDE = 320
FOCAL = 0.4
FEET = 240  # row on which the subject stands
FOCUS = Focus(focal_disparity=FOCAL, max_radius_px=20.0, range=0.04)


def standing_on_ground() -> tuple[np.ndarray, np.ndarray]:
    """Return a matte of something that stands on ground, and the disparity of both before a far wall."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    near = np.clip((rows - 120) / 200, 0.1, 1)
    subject = (rows > 60) & (rows < FEET) & (np.abs(columns - 160) < 40)
    near[subject] = (FEET - 120) / 200
    return subject.astype(np.float32), near


def pulled(alpha: np.ndarray, near: np.ndarray) -> np.ndarray:
    return np.where(alpha > 0.5, np.float32(FOCAL), near)


@pytest.mark.parametrize("scale", [1, 3])
def test_ground_before_the_feet_lies_behind_them_and_is_blurred_as_before(scale: int) -> None:
    alpha, near = (np.kron(plane, np.ones((scale, scale), np.float32)) for plane in standing_on_ground())
    before = pulled(alpha, near)
    made = sorted_behind(before.copy(), near, alpha, focus=FOCUS)
    radius, earlier = (circle_of_confusion_px(plane, focus=FOCUS) for plane in (made, before))
    np.testing.assert_allclose(np.abs(radius), np.abs(earlier), atol=1e-4)
    ground = slice(FEET * scale + 1, None)
    assert (radius[ground] <= 0).mean() > 0.99
    np.testing.assert_array_equal(made[alpha > 0.5], np.float32(FOCAL))


def test_the_strengths_before_and_behind_stay_as_chosen() -> None:
    alpha, near = standing_on_ground()
    before = pulled(alpha, near)
    focus = Focus(focal_disparity=FOCAL, max_radius_px=20.0, range=0.04, foreground=0.5, background=2.0)
    made = sorted_behind(before.copy(), near, alpha, focus=focus)
    radius, earlier = (circle_of_confusion_px(plane, focus=focus) for plane in (made, before))
    np.testing.assert_allclose(np.abs(radius), np.abs(earlier), atol=1e-4)
    none = Focus(focal_disparity=FOCAL, max_radius_px=20.0, background=0.0)
    np.testing.assert_array_equal(sorted_behind(before.copy(), near, alpha, focus=none), before)


def test_what_is_in_front_of_the_subject_stays_there() -> None:
    """A curtain covers part of the subject; it touches nothing else."""
    alpha, near = standing_on_ground()
    curtain = np.s_[:, 110:150]
    near[curtain], alpha[curtain] = 0.9, 0
    before = pulled(alpha, near)
    made = sorted_behind(before.copy(), near, alpha, focus=FOCUS)
    np.testing.assert_array_equal(made[curtain], before[curtain])


@pytest.mark.parametrize("thing", [np.s_[100:290, 230:300], np.s_[FEET:, 180:]], ids=["post", "table's edge"])
def test_ground_with_edges_of_its_own_stays_as_it_is(thing: tuple[slice, slice]) -> None:
    """A post on the ground, or the floor beside a table, would lie on the wrong side of a mirrored surface."""
    alpha, near = standing_on_ground()
    near[thing] = np.float32(FOCAL - 0.1) if thing[0].stop is None else np.float32((290 - 120) / 200)
    alpha[thing] = 0
    before = pulled(alpha, near)
    np.testing.assert_array_equal(sorted_behind(before.copy(), near, alpha, focus=FOCUS), before)


def test_feet_on_near_ground_stay_sharp() -> None:
    """The feet are nearer than the face, which is in focus, and so is the ground on which they stand."""
    picture = np.random.default_rng(5).uniform(0.2, 0.8, (SIDE, SIDE, 3)).astype(np.float32)
    alpha, near = standing_on_ground()
    made = portrait(picture, disparity=near, subject_alpha=alpha, focal_disparity=FOCAL, max_radius=40.0)
    feet = slice(FEET - 8, FEET - 2), slice(130, 190)
    np.testing.assert_allclose(made.image[feet], picture[feet], atol=2 / 255)
    ground = slice(FEET + 30, SIDE - 10), slice(10, -10)
    assert made.image[ground].std() < 0.5 * picture[ground].std()
    np.testing.assert_array_equal(made.disparity, near)
