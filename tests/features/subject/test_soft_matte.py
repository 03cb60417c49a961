"""Soft edges from a second network are used only where it cuts out the same object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.features.subject.soft_matte import soft_matte, supported, with_soft_edges


def square(side: int, first: int, last: int, value: float = 1.0) -> np.ndarray:
    plane = np.zeros((side, side), np.float32)
    plane[first:last, first:last] = value
    return plane


def test_what_our_matte_drops_comes_back_where_both_see_one_thing() -> None:
    alpha, soft = square(256, 40, 200), square(256, 40, 200)
    soft[20:40, 40:200] = 0.6  # Hair that only the second matte contains.
    mended = with_soft_edges(alpha, soft)
    assert mended[30, 100] > 0.25
    np.testing.assert_array_equal(mended[60:180, 60:180], 1)


def test_another_thing_changes_nothing() -> None:
    alpha, soft = square(256, 20, 120), square(256, 130, 240)
    np.testing.assert_array_equal(with_soft_edges(alpha, soft), alpha)


@pytest.mark.parametrize("shown", [0.0, 1.0])
def test_a_whole_part_that_only_one_shows_stays_as_it_is(shown: float) -> None:
    """An arm that the second matte misses stays opaque, and a table that it adds stays out."""
    alpha, soft = square(256, 40, 200), square(256, 40, 200)
    alpha[100:130, 200:240], soft[100:130, 200:240] = shown, 1 - shown
    np.testing.assert_allclose(with_soft_edges(alpha, soft)[100:130, 200:240], shown, atol=0.01)


def test_detail_finer_than_the_network_s_square_stays() -> None:
    """The second matte sees blades of one pixel in a large picture as a haze, which must not smear them."""
    alpha = square(512, 100, 400)
    alpha[50:100, 200:400:4] = 1.0
    hazy = square(128, 25, 100)
    hazy[12:25, 50:100] = 0.25
    np.testing.assert_allclose(with_soft_edges(alpha, hazy)[60:90, 240:360], alpha[60:90, 240:360], atol=0.1)


def test_a_change_of_nothing_changes_nothing() -> None:
    """The second matte's weight grows gradually with the overlap, so no single pixel switches it on or off."""
    alpha, hazy = square(256, 40, 200), square(256, 40, 200, 0.4)
    made = [with_soft_edges(alpha, np.maximum(square(256, first, 200), hazy)) for first in (59, 60, 61)]
    changes = [float(np.abs(other - alpha).mean()) for other in made]
    assert max(np.abs(np.diff(changes))) < 0.01


def test_a_doubtful_part_is_kept_where_both_see_one_thing() -> None:
    doubtful = square(320, 80, 240)
    doubtful[120:160, 120:160] = 0.45
    closed = supported(doubtful, square(512, 128, 384))
    assert closed[120:160, 120:160].min() > 0.75
    assert closed[:80].max() < 0.01


@pytest.mark.parametrize("soft", [square(512, 220, 384), square(512, 420, 500), square(512, 64, 448)])
def test_the_second_opinion_neither_removes_nor_chooses(soft: np.ndarray) -> None:
    """The second network sees a part of the subject, another object, or more than the subject."""
    sure = square(320, 80, 240)
    np.testing.assert_allclose(supported(sure, soft) > 0.5, sure > 0.5)


def test_a_person_is_cut_out(checkout: Path) -> None:
    with Image.open(checkout / "examples" / "astronaut.jpg") as picture:
        soft = soft_matte(np.asarray(picture.convert("RGB"), np.float32) / 255)
    assert soft.shape == (512, 512)
    assert min(soft[110, 225], soft[330, 200]) > 0.97
    assert max(soft[60, 380], soft[60, 30]) < 0.03
