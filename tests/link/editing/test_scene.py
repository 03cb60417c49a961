"""The subject's outline and the position of the automatic focus."""

from __future__ import annotations

import pytest

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.editing.events import Image, Shown
from dioptre_link.editing.scene import automatic_place, automatic_words, focus_parts, outline
from dioptre_link.editing.state import arrived, changed, chose_view, opened, reading

SIDE = 12


def square(first: int, last: int) -> Image:
    data = bytes(255 if first <= x < last and first <= y < last else 0 for y in range(SIDE) for x in range(SIDE))
    return Image(width=SIDE, height=SIDE, channels=1, data=data)


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
    assert automatic_place(state) == (0.25, 0.75)
    assert automatic_place(changed(state, "focal_disparity", 0.1)) is None
    assert automatic_place(changed(state, "focus", (3.0, 4.0))) is None
    assert automatic_place(chose_view(state, "before")) is None
    unknown = arrived(reading(opened(OPERATIONS["portrait"])), Shown(values={"focal_disparity": 0.7}))
    assert automatic_place(unknown) is None


@pytest.mark.parametrize(
    ("operation", "options", "words"),
    [
        ("portrait", {}, "the subject"),
        ("portrait", {"focal_disparity": 0.5}, "at a fixed depth"),
        ("white_balance", {}, "none: click the picture"),
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
