"""Zoom, pan, clicks, boxes, strokes and the divider of a preview."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dioptre_link.editing.picking import Click
from dioptre_link.editing.viewport import DRAG_PX, MOST_ZOOM, Viewport, between

Heard = list[tuple[object, ...]]


@pytest.fixture
def heard() -> Heard:
    return []


@pytest.fixture
def view(heard: Heard) -> Viewport:
    """A picture of 100 × 50 in a widget of 200 × 200: it lies at y = 50 to 150."""
    view = Viewport(lambda: (200, 200), lambda *given: heard.append(given), lambda: None)
    view.picture = (100, 50)
    return view


def drag(view: Viewport, *at: tuple[float, float], left: bool = True) -> None:
    view.pressed(at[0], Click.CHOOSE, left=left)
    for each in at[1:]:
        view.moved(each)
    view.released(at[-1], Click.CHOOSE, left=left)


def test_the_picture_is_in_the_middle_and_has_no_gaps_when_enlarged(view: Viewport) -> None:
    assert view.place() == (0, 50, 200, 100)
    view.set_zoom(4.0, (0.0, 0.0))
    assert view.place() == (0, 0, 800, 400)
    view.pan(9.0, 9.0)
    assert view.place() == (-600, -200, 800, 400)
    view.pan(-0.25, 0.0)  # Not lost: the middle stayed within the picture.
    assert view.place() == (-400, -200, 800, 400)
    view.reset()
    assert view.place() == (0, 50, 200, 100)


def test_a_picture_that_something_else_lays_neither_zooms_nor_pans(view: Viewport, heard: Heard) -> None:
    view.laid = (-100.0, 10.0, 400.0, 200.0)
    assert not view.scrolled((50.0, 60.0), 1.0, control=False)
    drag(view, (50.0, 60.0), (90.0, 90.0))
    assert (view.place(), heard) == (view.laid, [])
    drag(view, (100.0, 60.0))
    assert heard == [(0.5, 0.25, Click.CHOOSE)]


@pytest.mark.parametrize("at", [(30.0, 70.0), (150.0, 140.0)])
def test_the_wheel_keeps_the_place_under_the_pointer(view: Viewport, at: tuple[float, float]) -> None:
    view.picture = (100, 100)
    before = view.point(at)
    for _ in range(9):
        assert view.scrolled(at, 1, control=False)
    assert view.zoom == pytest.approx(1.25**9)
    assert view.point(at) == pytest.approx(before)
    view.scrolled(at, 9, control=False)
    assert view.zoom == MOST_ZOOM
    assert not [view.scrolled(at, -1, control=False) for _ in range(20)][-1]  # The whole picture is shown.
    assert view.zoom == 1


def test_clicks_hit_the_picture_only(view: Viewport, heard: Heard) -> None:
    drag(view, (50, 75))
    drag(view, (50, 20))
    drag(view, (50, 75), left=False)
    drag(view, (50, 75), (50 + DRAG_PX, 75))
    assert heard == [(0.25, 0.25, Click.CHOOSE)]
    view.picture = None
    drag(view, (7, 7))
    assert heard[1:] == [(0.5, 0.5, Click.CHOOSE)]


def test_a_drag_pans_an_enlarged_picture(view: Viewport, heard: Heard) -> None:
    view.set_zoom(4.0)
    drag(view, (100, 100), (60, 100), (20, 100))
    assert view.place() == (-380, -100, 800, 400)
    assert heard == []


def test_a_drag_draws_a_box(view: Viewport, heard: Heard) -> None:
    view.on_box = lambda *corners: heard.append(corners)
    view.pressed((150, 140), Click.CHOOSE, left=True)
    view.moved((50, 0))
    assert view.box == pytest.approx((0.25, 0, 0.5, 0.9))
    view.released((50, 0), Click.CHOOSE, left=True)
    assert (view.box, len(heard)) == (None, 1)
    drag(view, (50, 75))  # A click still picks.
    assert heard[1] == (0.25, 0.25, Click.CHOOSE)
    assert between((0.5, 0.1), (0.2, 0.4)) == pytest.approx((0.2, 0.1, 0.3, 0.3))


def test_the_divider_is_dragged_and_stays_in_the_picture(view: Viewport, heard: Heard) -> None:
    view.divider, view.on_divider = 0.5, lambda at: heard.append((at,))
    drag(view, (105, 100), (150, 100), (500, 100))
    assert heard == [(0.75,), (1.0,)]


def test_the_left_button_paints_and_others_pan(view: Viewport, heard: Heard) -> None:
    names = ("began", "moved", "ended", "resized", "undone")
    view.set_painting(SimpleNamespace(**{n: lambda *given, n=n: heard.append((n, *given)) for n in names}))  # type: ignore[arg-type]
    drag(view, (50, 75), (900, 75))
    assert heard == [("began", (0.25, 0.25), Click.CHOOSE), ("moved", (1.0, 0.25)), ("ended",)]
    view.set_zoom(2.0)
    drag(view, (100, 100), (80, 100), left=False)
    assert len(heard) == 3
    assert view.place()[0] == pytest.approx(-120)
    assert view.scrolled((50, 75), 2, control=True)
    assert heard[3:] == [("resized", 2)]
    view.left()
    assert view.brush_at is None


def test_a_drag_that_means_nothing_is_free(view: Viewport) -> None:
    def is_free() -> bool:
        view.pressed((100, 100), Click.CHOOSE, left=True)
        view.moved((100 + DRAG_PX - 1, 100))
        assert not view.drags_freely
        view.moved((100 + 2 * DRAG_PX, 100))
        free = view.drags_freely
        view.released((100, 100), Click.CHOOSE, left=True)
        assert not view.drags_freely
        return free

    assert is_free()
    view.divider, view.on_divider = 0.5, lambda _: None
    assert not is_free()
    view.divider, view.on_box = None, lambda *_: None
    assert not is_free()
    view.on_box = None
    view.set_zoom(2.0)
    assert not is_free()


def test_a_mark_is_dragged_instead_of_the_picture(view: Viewport, heard: Heard) -> None:
    view.marks, view.on_mark = [(0.1, 0.1), (0.5, 0.5)], lambda *given: heard.append(given)
    view.on_box = lambda *given: heard.append(("box", *given))
    view.pressed((104.0, 98.0), Click.CHOOSE, left=True)
    view.moved((150.0, 125.0))
    assert not view.drags_freely
    view.moved((300.0, 125.0))
    view.released((300.0, 125.0), Click.CHOOSE, left=True)
    assert heard == [(1, (0.75, 0.75)), (1, (1.0, 0.75))]
    drag(view, (100.0, 100.0))
    assert heard[2:] == [(0.5, 0.5, Click.CHOOSE)]
    drag(view, (60.0, 80.0), (100.0, 120.0))
    assert heard[3][0] == "box"


def test_the_wheel_with_ctrl_changes_what_is_at_the_marks(view: Viewport, heard: Heard) -> None:
    assert view.scrolled((100.0, 100.0), 1.0, control=True)
    assert view.zoom > 1
    view.on_notches = lambda *given: heard.append(given)
    zoom = view.zoom
    assert view.scrolled((100.0, 100.0), -2.0, control=True)
    assert (heard, view.zoom) == ([(-2.0,)], zoom)
