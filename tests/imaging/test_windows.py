"""Overlapping windows contribute each pixel once, far enough from window edges that lie inside the picture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dioptre.imaging.windows import plan_windows


@given(st.integers(1, 700), st.integers(11, 200), st.integers(0, 5))
def test_every_pixel_is_kept_once_with_its_margin(length: int, window: int, overlap: int) -> None:
    kept = 0
    for planned in plan_windows(length, window_px=window, overlap_px=overlap):
        assert planned.first == kept < planned.last
        assert planned.length == min(length, window)
        assert 0 <= planned.start <= planned.first
        assert planned.last <= planned.start + planned.length <= length
        assert planned.start == 0 or planned.first - planned.start >= overlap
        end = planned.start + planned.length
        assert end == length or end - planned.last >= overlap
        kept = planned.last
    assert kept == length


def test_a_window_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="keeps nothing"):
        plan_windows(100, window_px=20, overlap_px=10)
