"""When strokes on a depth layer are over, by looks at a reduced layer."""

from __future__ import annotations

from dioptre_link.editing.strokes import Strokes


def looks(strokes: Strokes, *layers: str) -> list[bool]:
    return [strokes.are_over(layer) for layer in layers]


def test_a_stroke_is_over_once_after_a_pause() -> None:
    strokes = Strokes("")
    assert looks(strokes, "", "", "a", "ab", "ab", "ab") == [False] * 4 + [True, False]


def test_a_stroke_before_the_first_look_is_a_stroke() -> None:
    assert looks(Strokes(""), "a", "a") == [False, True]


def test_a_pressed_button_is_no_pause() -> None:
    strokes = Strokes("")
    looks(strokes, "", "a")
    assert not strokes.are_over("a", pressed=True)
    assert not strokes.rest
    assert strokes.are_over("a")
    assert strokes.rest


def test_a_stroke_that_has_to_wait_is_not_forgotten() -> None:
    strokes = Strokes("")
    looks(strokes, "", "a")
    assert not strokes.are_over("a", waits=True)
    assert not strokes.is_known
    assert strokes.are_over("a")
    assert not strokes.are_over("a")
    assert strokes.is_known


def test_a_change_that_the_user_has_not_made_is_no_stroke() -> None:
    strokes = Strokes("")
    looks(strokes, "", "a", "a")
    strokes.follow("snapped")
    assert looks(strokes, "snapped", "snapped") == [False, False]


def test_undo_and_redo_are_no_strokes() -> None:
    strokes = Strokes("")
    looks(strokes, "", "a", "a", "ab", "ab")
    assert looks(strokes, "a", "a", "", "", "a", "a", "ab", "ab") == [False] * 8
    assert looks(strokes, "", "", "b", "b") == [False] * 3 + [True]


def test_strokes_whose_update_was_given_up_are_strokes_again() -> None:
    strokes = Strokes("")
    looks(strokes, "", "a", "a")
    assert [strokes.are_undone("a", now) for now in ("a", "ab", "")] == [False, False, True]
    assert looks(strokes, "", "", "a", "a") == [False, False, False, True]
