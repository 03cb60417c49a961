"""The range that limits an effect, after a drag on the histogram or a key press."""

from __future__ import annotations

import pytest

from dioptre_link.catalogue import haze
from dioptre_link.editing.limit_range import LimitDrag
from dioptre_link.editing.state import opened

RANGE = (0.2, 0.6)


def options_after(*places: float, key: str = "", sharp: tuple[float, float] = RANGE) -> tuple[float, float]:
    """Return the range after a press at the first place and drags to the others, or after a key."""
    last = dict(zip(("range_farthest", "range_nearest"), sharp, strict=True))
    drag = LimitDrag(last.update)
    drag.sharp = sharp
    if key:
        assert drag.key(key)
    else:
        drag.pressed(places[0])
        for at in places[1:]:
            drag.sharp = last["range_farthest"], last["range_nearest"]
            drag.moved(at)
        drag.released()
    return last["range_farthest"], last["range_nearest"]


@pytest.mark.parametrize(
    ("places", "wanted"),
    [
        ((0.21, 0.3), (0.3, 0.6)),  # the far end
        ((0.59, 0.9), (0.2, 0.9)),  # the near end
        ((0.4, 0.5), (0.3, 0.7)),  # the middle
        ((0.4, 1.0), (0.6, 1.0)),  # the middle, up to the end of the histogram
    ],
)
def test_each_part_is_dragged_by_itself(places: tuple[float, ...], wanted: tuple[float, float]) -> None:
    assert options_after(*places) == pytest.approx(wanted)


def test_a_press_on_the_whole_range_changes_nothing() -> None:
    assert options_after(0.3, sharp=(0.0, 1.0)) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("key", "wanted"),
    [("left", (0.18, 0.58)), ("right", (0.22, 0.62)), ("up", (0.19, 0.61)), ("down", (0.21, 0.59))],
)
def test_arrow_keys_move_and_widen_the_range(key: str, wanted: tuple[float, float]) -> None:
    assert options_after(key=key) == pytest.approx(wanted)


def test_a_range_never_turns_round() -> None:
    assert options_after(key="down", sharp=(0.5, 0.5)) == (0.5, 0.5)
    assert options_after(0.21, 0.55, sharp=(0.2, 0.3)) == (0.3, 0.3)


def test_the_state_of_an_effect_has_its_range() -> None:
    state = opened(haze.OPERATION, {"range_farthest": 0.25})
    assert state.sharp == (0.25, 1.0)
