"""The focus brush: the effect of each pointer movement on the state, and the visible strokes."""

from __future__ import annotations

import pytest

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.chain import as_operation
from dioptre_link.editing import brush, views
from dioptre_link.editing import state as states
from dioptre_link.editing.events import Image, Shown
from dioptre_link.editing.picking import Click
from dioptre_link.editing.state import Phase, State, Tool
from dioptre_link.recipe import Recipe, Step
from dioptre_link.strokes import MOST_STROKES

SIZE = (300, 200)
PICTURE = Image(width=1, height=1, channels=1, data=b"\0")


def ready(operation: str = "portrait", tool: Tool = Tool.KEEP) -> State:
    state = states.arrived(states.reading(states.opened(OPERATIONS[operation])), Shown(after=PICTURE))
    return brush.chose(state, tool)


def painted(state: State, *places: tuple[float, float]) -> State:
    state = brush.began(state, places[0])
    for place in places[1:]:
        state = brush.moved(state, place, size=SIZE)
    return brush.ended(state)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_blurs_by_depth_or_selects_the_subject_has_it(operation: str) -> None:
    assert brush.is_offered(states.opened(OPERATIONS[operation])) == (
        operation in ("portrait", "lens_blur", "select_subject")
    )


def test_the_strokes_of_a_recipe_are_its_own() -> None:
    steps = (Step(operation="depth"), Step(operation="lens_blur"))
    chain, options = as_operation(Recipe(steps=steps))
    assert not brush.is_offered(states.opened(chain, options))


@pytest.mark.parametrize(("tool", "keep"), [(Tool.KEEP, True), (Tool.LET, False)])
def test_a_drag_is_a_stroke_and_asks_for_a_preview(tool: Tool, keep: bool) -> None:
    state = painted(brush.sized(ready(tool=tool), 0.05), (0.25, 0.5), (0.5, 0.5), (0.5, 0.75))
    points = [[0.25, 0.5], [0.5, 0.5], [0.5, 0.75]]
    assert list(brush.strokes(state)) == [{"keep": keep, "radius": 0.05, "points": points}]
    assert state.phase is Phase.WAITING
    assert state.brush.drawn == ()
    assert state.point is None


def test_a_press_alone_is_a_dot() -> None:
    assert brush.strokes(painted(ready(), (0.25, 0.5)))[0]["points"] == [[0.25, 0.5]]


def test_nothing_is_asked_for_while_the_button_is_down() -> None:
    state = brush.moved(brush.began(ready(), (0.25, 0.5)), (0.5, 0.5), size=SIZE)
    assert len(state.brush.drawn) == 2
    assert (state.phase, brush.strokes(state)) == (Phase.READY, ())


def test_movements_that_say_nothing_are_no_points() -> None:
    state = brush.began(ready(), (0.5, 0.5))
    for number in range(100):
        state = brush.moved(state, (0.5 + 0.0001 * number, 0.5), size=SIZE)
    assert len(state.brush.drawn) == 2
    assert brush.moved(ready(), (0.5, 0.5), size=SIZE) == ready()  # No button is pressed.


def test_a_stroke_stays_within_the_picture() -> None:
    state = painted(ready(), (0.5, -0.2), (1.5, 0.5))
    assert brush.strokes(state)[0]["points"] == [[0.5, 0.0], [1.0, 0.5]]


def test_strokes_are_taken_back_one_by_one_or_all() -> None:
    first = painted(ready(), (0.2, 0.2))
    both = painted(first, (0.8, 0.8))
    assert brush.strokes(brush.undone(both)) == brush.strokes(first)
    assert brush.strokes(brush.cleared(both)) == ()
    assert brush.undone(ready()) == brush.cleared(ready()) == ready()


def test_too_many_strokes_are_refused_and_the_others_stay() -> None:
    dot = {"keep": True, "radius": 0.01, "points": [[0.5, 0.5]]}
    full = states.changed(ready(), "strokes", [dot] * MOST_STROKES)
    state = painted(full, (0.5, 0.5))
    assert brush.strokes(state) == brush.strokes(full)
    assert "more than 200 strokes" in state.message


def test_the_size_has_limits() -> None:
    state = brush.resized(ready(), 1)
    assert state.brush.radius > ready().brush.radius
    assert brush.resized(state, -1).brush.radius == pytest.approx(ready().brush.radius)
    assert brush.resized(state, 100).brush.radius == brush.LARGEST
    assert brush.resized(state, -100).brush.radius == brush.SMALLEST


def test_another_tool_ends_the_stroke_under_way() -> None:
    state = brush.chose(brush.began(ready(), (0.5, 0.5)), Tool.LET)
    assert state.brush.drawn == ()
    assert brush.ended(state) == state


def test_the_stroke_under_way_is_seen_where_it_is() -> None:
    state = brush.moved(brush.began(brush.sized(ready(), 0.1), (0.25, 0.5)), (0.5, 0.5), size=SIZE)
    seen = brush.Overlay().picture(state, SIZE)
    assert seen is not None
    assert (seen.width, seen.height) == (512, 341)
    for x, y, value in ((0.25, 0.5, 1), (0.4, 0.5, 1), (0.5, 0.6, 1), (0.65, 0.5, 0), (0.4, 0.7, 0), (0.1, 0.5, 0)):
        assert seen.at(x, y) == value, (x, y)
    half = brush.SEEN * 0.1 * 300 / 200  # The brush's visible radius as a fraction of the height.
    assert seen.at(0.4, 0.5 + half - 0.01) == 1
    assert seen.at(0.4, 0.5 + half + 0.01) == 0


def test_strokes_are_seen_until_the_preview_has_them() -> None:
    overlay = brush.Overlay()
    state = painted(ready(tool=Tool.LET), (0.5, 0.5))
    seen = overlay.picture(state, SIZE)
    assert seen is not None
    assert seen.at(0.5, 0.5) == 2
    state = states.arrived(state, Shown(after=PICTURE, draft=True))
    assert overlay.picture(state, SIZE) is None
    assert overlay.picture(states.chose_view(state, views.FOCUS), SIZE) == seen
    assert overlay.picture(brush.cleared(states.chose_view(state, views.FOCUS)), SIZE) is None


def test_a_stroke_at_the_edge_is_seen_inside() -> None:
    state = brush.began(ready(), (1.0, 0.0))
    seen = brush.Overlay().picture(state, SIZE)
    assert seen is not None
    assert len(seen.data) == seen.width * seen.height
    assert seen.at(1.0, 0.0) == 1
    assert seen.at(0.0, 0.02) == 0


@pytest.mark.parametrize("name", ["portrait", "select_subject"])
def test_every_tool_has_words(name: str) -> None:
    words = {brush.label(OPERATIONS[name], tool) for tool in Tool}
    assert len(words) == len(Tool)
    assert all(brush.tip(OPERATIONS[name], tool).endswith(".") for tool in Tool)


@pytest.mark.parametrize("tool", [Tool.KEEP, Tool.LET])
def test_a_key_inverts_a_stroke_of_a_selection(tool: Tool) -> None:
    def after(name: str, click: Click) -> bool:
        store = states.Store(ready(name, tool))
        painting = brush.Painting(lambda change: store.set(change(store.state)), lambda: SIZE)
        painting.began((0.2, 0.5), click)
        painting.moved((0.6, 0.5))
        painting.ended()
        (stroke,) = brush.strokes(store.state)
        return bool(stroke["keep"])

    keeps = tool is Tool.KEEP
    assert after("select_subject", Click.CHOOSE) is keeps
    assert after("select_subject", Click.REMOVE) is not keeps
    assert after("portrait", Click.REMOVE) is keeps  # The focus brush has no such key.


def test_the_stroke_under_way_has_the_colour_of_its_effect() -> None:
    for inverts, value in ((False, 1), (True, 2)):
        state = brush.began(ready("select_subject"), (0.5, 0.5), inverts=inverts)
        seen = brush.Overlay().picture(state, SIZE)
        assert seen is not None
        assert seen.at(0.5, 0.5) == value


def test_strokes_of_a_selection_are_undone_and_a_box_starts_over() -> None:
    first = painted(ready("select_subject"), (0.2, 0.2))
    both = painted(brush.chose(first, Tool.LET), (0.8, 0.8))
    assert [stroke["keep"] for stroke in brush.strokes(both)] == [True, False]
    assert brush.strokes(brush.undone(both)) == brush.strokes(first)
    assert brush.strokes(states.boxed(both, (0.1, 0.1), (0.9, 0.9), SIZE)) == ()
