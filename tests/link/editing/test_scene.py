"""The subject's outline, the marks, and the words over the picture."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.editing.events import Image, Shown
from dioptre_link.editing.focus_range import focused
from dioptre_link.editing.picking import Mark
from dioptre_link.editing.scene import automatic_words, focus_parts, histogram, marks_of, outline, sign
from dioptre_link.editing.state import (
    LEFT,
    State,
    arrived,
    changed,
    changed_all,
    chose_view,
    clicked,
    failed,
    opened,
    reading,
)
from dioptre_link.editing.views import FOCUS_COLOURS
from dioptre_link.errors import RefusedError

SIDE = 12


def rings(state: State) -> list[object]:
    return [*marks_of(state, (9, 9)).rings]


def square(first: int, last: int) -> Image:
    data = bytes(255 if first <= x < last and first <= y < last else 0 for y in range(SIDE) for x in range(SIDE))
    return Image(width=SIDE, height=SIDE, channels=1, data=data)


def test_known_distances_have_dots_and_lights_have_their_strength_alone() -> None:
    lit = marks_of(opened(OPERATIONS["light"], {"light_at": (3.0, 4.0)}), (9, 9))
    assert ([*lit.dots], len(lit.worded)) == ([], 1)
    known = marks_of(opened(OPERATIONS["portrait"], {"known_distance": ((0.0, 0.0, 2.0),)}), (9, 9))
    assert [*known.dots] == [place for place, _ in known.worded] == [(0.0, 0.0)]


def test_the_outline_lies_on_the_edge_alone() -> None:
    edge = outline(square(3, 8)).data
    marked = {(place % SIDE, place // SIDE) for place, value in enumerate(edge) if value}
    assert {(x, 5) for x in range(SIDE) if (x, 5) in marked} == {(2, 5), (3, 5), (7, 5), (8, 5)}
    assert {(5, y) for y in range(SIDE) if (5, y) in marked} == {(5, 2), (5, 3), (5, 7), (5, 8)}
    assert set(edge) == {0, 1}


def test_no_outline_along_the_border_of_the_picture() -> None:
    assert not any(outline(square(0, SIDE)).data)


def test_the_automatic_focus_is_marked_where_it_is_and_a_chosen_one_is_not() -> None:
    shown = Shown(values={"focal_disparity": 0.7, "focus_at": [0.25, 0.75]})
    state = arrived(reading(opened(OPERATIONS["lens_blur"])), shown)
    assert rings(state) == [((0.25, 0.75), Mark.AUTOMATIC)]
    assert rings(changed(state, "focal_disparity", 0.1)) == []
    assert rings(changed(state, "focus", (3.0, 4.0))) == [((3 / 8, 4 / 8), Mark.CHOSEN)]
    assert rings(chose_view(state, "before")) == []
    unknown = arrived(reading(opened(OPERATIONS["portrait"])), Shown(values={"focal_disparity": 0.7}))
    assert rings(unknown) == []


@pytest.mark.parametrize(
    ("operation", "options", "words"),
    [
        ("portrait", {}, "the subject"),
        ("portrait", {"focal_disparity": 0.5}, "at a fixed depth"),
        ("white_balance", {}, "none: click the picture"),
        ("place", {}, "behind the subject"),
        ("place", {"layer_depth": 0.4}, "at a fixed depth"),
    ],
)
def test_words_for_a_point_that_was_not_clicked(operation: str, options: dict[str, float], words: str) -> None:
    assert automatic_words(opened(OPERATIONS[operation], options)) == words


def test_words_when_the_preview_found_no_subject() -> None:
    state = arrived(reading(opened(OPERATIONS["portrait"])), Shown(after=square(0, SIDE)))
    assert automatic_words(state) == "automatic"


def test_the_focus_shows_a_kept_subject_as_sharp() -> None:
    """Depth is .9, .5 and .1 in both rows, of which only the second is inside the subject. The focus is at .5."""
    row = bytes((230, 128, 26))
    depth = Image(width=3, height=2, channels=1, data=row * 2)
    subject = Image(width=3, height=2, channels=1, data=bytes(3) + b"\xff" * 3)
    shown = Shown(depth=depth, subject=subject, values={"focal_disparity": 0.5, "focus_range": 0.1})
    state = arrived(reading(opened(OPERATIONS["portrait"], {"keep_subject": 0.8})), shown)
    parts = focus_parts(state)
    assert parts is not None
    assert list(parts.data) == [1, 0, 2, 0, 0, 0]
    parts = focus_parts(changed(state, "keep_subject", 0.0))
    assert parts is not None
    assert list(parts.data) == [1, 0, 2, 1, 0, 2]
    assert focus_parts(reading(state)) is None


def test_the_histogram_counts_every_depth_once() -> None:
    depth = Image(width=7, height=1, channels=1, data=bytes([0, 0, 0, 0, 128, 255, 255]))
    state = arrived(reading(opened(OPERATIONS["lens_blur"])), Shown(depth=depth))
    heights = [bar[0][0] for bar in histogram(state, 4)]
    assert heights == pytest.approx([0.92 * part**0.6 for part in (1.0, 0.0, 0.25, 0.5)])


def child_on_stones(keep: float = 1.0) -> State:
    """A subject at a depth of 0.6 to 0.8 covers the left half; behind it are 0.1 to 0.3."""
    row = bytes((153, 179, 204, 26, 51, 76))
    depth = Image(width=6, height=2, channels=1, data=row * 2)
    subject = Image(width=6, height=2, channels=1, data=(b"\xff" * 3 + bytes(3)) * 2)
    shown = Shown(depth=depth, subject=subject, values={"focal_disparity": 0.7, "focus_range": 0.05})
    return arrived(reading(opened(OPERATIONS["portrait"], {"keep_subject": keep})), shown)


def test_the_histogram_shows_a_kept_subject_as_sharp() -> None:
    sharp, in_front, behind = FOCUS_COLOURS[:3]
    state = child_on_stones()
    bars = histogram(changed(changed(state, "focal_disparity", 0.2), "keep_subject", 1.0), 25)
    drawn = {place: (whole[1], part[1]) for place, (whole, part) in enumerate(bars) if whole[0]}
    # The subject's bars, near, are sharp from the bottom to the top; of the ground, only the focus is.
    assert [drawn[place][1] for place in (14, 17, 19)] == [sharp] * 3
    assert all(bars[place][1][0] == bars[place][0][0] for place in (14, 17, 19))
    assert [drawn[place][0] for place in (2, 4, 7)] == [behind, sharp, in_front]


def test_a_focus_range_that_leaves_the_subject_releases_it_and_takes_it_back() -> None:
    state = child_on_stones(0.9)
    near = changed(state, "focal_disparity", 0.62)
    assert (near.options["keep_subject"], near.released) == (0.9, None)
    off = changed(near, "focal_disparity", 0.2)
    wide = changed_all(state, {"focal_disparity": 0.2, "focus_range": 0.5})
    assert wide.options["keep_subject"] == 0.9
    assert changed(wide, "focus_range", 0.1).options["keep_subject"] == 0.0  # an end is dragged off it
    assert (off.options["keep_subject"], automatic_words(off)) == (0.0, "at a fixed depth")
    for back in (
        changed(off, "focal_disparity", 0.7),
        changed(off, "focal_disparity", None),
        clicked(off, 0.1, 0.5, (100, 50)),
        changed_all(off, {"focus": None, "focal_disparity": None, "focus_range": None}),
    ):
        assert (back.options["keep_subject"], back.released) == (0.9, None)


def test_a_range_off_the_subject_or_the_clicked_place_is_told_until_it_is_back() -> None:
    seen = child_on_stones().shown
    assert seen is not None
    for operation, shown in (("portrait", seen), ("lens_blur", replace(seen, subject=None, clicked=0.7))):
        state = arrived(reading(opened(OPERATIONS[operation], {"focus": (10.0, 25.0)})), shown)
        off = changed_all(state, focused(0.2))
        back = changed_all(off, focused(0.7))
        assert [arrived(one, shown).message for one in (state, off, back)] == ["", LEFT, ""]
        assert off.point == back.point == (10.0, 25.0)
    kept = changed(changed_all(child_on_stones(), focused(0.2)), "keep_subject", 1.0)
    assert arrived(kept, seen).message == ""  # the user keeps it sharp off the range


def test_a_released_subject_stays_so_until_the_one_with_an_added_thing_is_known() -> None:
    off = changed(changed(child_on_stones(0.9), "focal_disparity", 0.2), "subject", ((1, 1),))
    assert off.shown is not None
    assert off.shown.subject is None
    assert changed(off, "f_number", 1.4).options["keep_subject"] == 0.0


def test_the_user_decides_about_a_subject_off_the_focus_range() -> None:
    kept = changed(changed(child_on_stones(), "focal_disparity", 0.2), "keep_subject", 0.5)
    assert (kept.options["keep_subject"], kept.released) == (0.5, None)
    assert changed(kept, "f_number", 1.4).options["keep_subject"] == 0.5
    blurred = changed(child_on_stones(), "keep_subject", 0.0)
    assert changed(changed(blurred, "focal_disparity", 0.2), "focal_disparity", 0.7).options["keep_subject"] == 0.0


def test_a_sign_stands_over_the_picture_until_it_matches_the_options() -> None:
    state = reading(opened(OPERATIONS["lens_blur"]))
    assert sign(state) == f"{OPERATIONS['lens_blur'].title}: Waiting for the preview…"
    shown = Shown(values={})
    assert sign(arrived(state, replace(shown, draft=True))) == "Draft"
    ready = arrived(state, shown)
    assert sign(ready) == ""
    assert sign(changed(ready, "f_number", 8.0)).endswith("Waiting for the preview…")
    refused = failed(ready, RefusedError("No."))
    assert sign(refused) == "No preview"
    assert sign(chose_view(refused, "before")) == ""
