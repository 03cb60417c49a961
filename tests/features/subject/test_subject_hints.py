"""Strokes of the subject brush: the painted area, and the object under it, are added to a selection or removed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dioptre
from dioptre.caching.caches import MemoryCache
from dioptre.contract import NO_STEP_CACHE, Inputs
from dioptre.features.subject import cut_out
from dioptre.features.subject import hints as subject_hints
from dioptre.features.subject import views as subject_views
from dioptre.features.subject.hints import points_of
from dioptre.features.subject.several import Choice, chosen_subject
from dioptre.features.subject.views import Saliency, Squeezed

SIDE = 320  # of the picture; the network's square is larger
LARGE, TOUCHING, SMALL, UNSEEN = (55.0, 160.0), (115.0, 160.0), (270.0, 160.0), (200.0, 285.0)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Networks that detect exactly the red channel; the list gets an entry each time they run."""
    runs: list[int] = []

    def seen(squeezed: Squeezed) -> Saliency:
        small = squeezed(subject_views.SIDE_PX)
        runs.append(len(small))
        return Saliency(coverage=np.clip((small[..., 0] - 0.1) / 0.8, 0, 1), chance=0.9)

    monkeypatch.setattr(subject_views, "saliency_of", seen)
    return runs


@pytest.fixture
def picture(runs: list[int]) -> np.ndarray:
    """A large object on the left, whose right part has another colour, a small one, and one without any red."""
    drawn = np.full((SIDE, SIDE, 3), 0.1, np.float32)
    drawn[80:240, 20:140, 0] = 0.9
    drawn[80:240, 90:140, 1:] = 0.9
    drawn[130:190, 250:290, 0] = 0.9
    drawn[270:300, 150:260, 1] = 0.9
    return drawn


def stroke(*points: tuple[float, float], keep: bool, radius_px: float = 6.0) -> dict[str, Any]:
    return {"keep": keep, "radius": radius_px / SIDE, "points": [(x / SIDE, y / SIDE) for x, y in points]}


def along(point: tuple[float, float], length: float, *, keep: bool) -> dict[str, Any]:
    x, y = point
    return stroke((x - length / 2, y), (x + length / 2, y), keep=keep)


def coverage(picture: np.ndarray, *strokes: dict[str, Any], **choice: Any) -> np.ndarray:
    near = np.full(picture.shape[:2], 0.5, np.float32)
    quick, cache = choice.pop("quick", True), choice.pop("cache", NO_STEP_CACHE)
    inputs = Inputs(picture=picture, cache=cache)
    return chosen_subject(inputs, near, Choice(strokes=strokes, **choice), quick=quick).alpha


def at(alpha: np.ndarray, *points: tuple[float, float]) -> list[bool]:
    return [bool(alpha[int(y), int(x)] > 0.5) for x, y in points]


@pytest.mark.parametrize("quick", [False, True])
def test_a_stroke_adds_an_object_that_no_network_detects_up_to_its_edges(picture: np.ndarray, quick: bool) -> None:
    assert at(coverage(picture, quick=quick), LARGE, UNSEEN) == [True, False]
    alpha = coverage(picture, along(UNSEEN, 30, keep=True), quick=quick)
    assert at(alpha, LARGE, UNSEEN, SMALL) == [True, True, False]
    assert alpha[276:294, 158:252].min() > 0.8  # The stroke covers only columns 185 to 215.
    assert alpha[276:294, 275:].max() < 0.2
    assert alpha[310:].max() < 0.2


def test_a_stroke_adds_an_object_that_a_network_detects(picture: np.ndarray) -> None:
    alpha = coverage(picture, along(SMALL, 20, keep=True))
    assert alpha[135:185, 255:285].min() > 0.9
    assert at(alpha, LARGE) == [True]


def test_a_short_stroke_is_a_click(picture: np.ndarray) -> None:
    for keep, option, point in ((True, "added", SMALL), (False, "removed", TOUCHING)):
        drawn = coverage(picture, along(point, 3, keep=keep))
        clicked = coverage(picture, **{option: (point,)})
        assert (np.abs(drawn - clicked) > 0.1).mean() < 0.002  # All but the rim of the painted dot.


def test_a_stroke_removes_what_it_lies_on_up_to_its_edges(picture: np.ndarray) -> None:
    alpha = coverage(picture, along(TOUCHING, 20, keep=False))
    assert alpha[100:220, 30:80].min() > 0.9
    assert alpha[100:220, 100:130].max() < 0.1


def test_a_stroke_within_one_of_two_objects_leaves_the_rest_of_that_object(picture: np.ndarray) -> None:
    both = {"added": (SMALL,)}
    alpha = coverage(picture, along(TOUCHING, 20, keep=False), **both)
    assert at(alpha, LARGE, TOUCHING, SMALL) == [True, False, True]
    through = stroke((30, 160), (130, 160), keep=False)
    assert at(coverage(picture, through, **both), LARGE, TOUCHING, SMALL) == [False, False, True]


def test_the_painted_area_itself_is_certain(picture: np.ndarray) -> None:
    inside = stroke((60, 100), (60, 220), keep=True)
    beside = stroke((30, 160), (130, 160), keep=False)
    later = coverage(picture, inside, beside)
    assert later[158:162, 34:126].max() < 0.05
    earlier = coverage(picture, beside, inside)
    assert earlier[104:216, 58:62].min() > 0.95
    assert earlier[158:162, 100:126].max() < 0.05


def test_strokes_alone_select_in_a_picture_without_a_subject(picture: np.ndarray) -> None:
    picture[..., 0] = 0.1
    strokes = [along(UNSEEN, 30, keep=True)]
    mask = dioptre.select_subject(
        picture, disparity=np.full((SIDE, SIDE), 0.5, np.float32), subject_strokes=strokes
    ).mask
    assert at(mask, UNSEEN, LARGE) == [True, False]


def test_strokes_mean_the_same_in_a_preview(picture: np.ndarray) -> None:
    strokes = along(UNSEEN, 30, keep=True), along(TOUCHING, 20, keep=False)
    small = np.ascontiguousarray(picture[::2, ::2])
    inputs = Inputs(picture=small, whole=picture)
    near = np.full(small.shape[:2], 0.5, np.float32)
    preview = chosen_subject(inputs, near, Choice(strokes=strokes), quick=True).alpha
    assert (np.abs(preview - coverage(picture, *strokes)[::2, ::2]) > 0.5).mean() < 0.01


def test_a_draft_runs_no_further_network(picture: np.ndarray, runs: list[int]) -> None:
    cache, strokes = MemoryCache({}), (along(UNSEEN, 30, keep=True), along(TOUCHING, 20, keep=False))
    coverage(picture, quick=True, cache=cache)
    before = len(runs)
    draft = coverage(picture, *strokes, quick=True, cache=cache)
    assert len(runs) == before
    assert (np.abs(draft - coverage(picture, *strokes, quick=False, cache=cache)) > 0.5).mean() < 0.01


def test_transparent_pixels_are_not_selected(picture: np.ndarray) -> None:
    seen = np.ones((SIDE, SIDE, 1), np.float32)
    seen[:, 200:] = 0
    alpha = coverage(np.concatenate([picture, seen], axis=-1), along(UNSEEN, 30, keep=True))
    assert alpha[285, 195] > 0.9
    assert alpha[:, 200:].max() == 0


def test_a_clicked_place_is_selected_even_if_matting_leaves_it_out(
    picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (cut_out, subject_hints):
        monkeypatch.setattr(
            module, "refine_matte", lambda _picture, _region, *, onto: np.zeros(onto.shape[:2], "f4")
        )
    assert at(coverage(picture, added=(UNSEEN,), quick=False), UNSEEN, SMALL) == [True, False]


@pytest.fixture
def missed(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A red subject over the whole height with a bright arm, before a wall of nearly the arm's colour.

    On the whole picture, which has a blue corner, the networks miss the arm and take a dark pole for the subject;
    on crops, they see both as they are.
    """

    def seen(squeezed: Squeezed) -> Saliency:
        small = squeezed(subject_views.SIDE_PX)
        wrong = small[:4, :4, 2].mean() > 0.5
        other = small[..., 1] < 0.3 if wrong else small[..., 1] > 0.75
        return Saliency(coverage=np.where((small[..., 0] > 0.6) | other, 0.98, 0.02).astype("f4"), chance=0.9)

    monkeypatch.setattr(subject_views, "saliency_of", seen)
    drawn = np.full((SIDE, SIDE, 3), (0.3, 0.7, 0.3), np.float32)
    drawn[:, 100:180] = (0.9, 0.5, 0.1)
    drawn[120:150, 180:240] = (0.3, 0.8, 0.3)
    drawn[60:200, 84:100] = (0.3, 0.2, 0.1)
    drawn[:8, :8, 2] = 1
    return drawn


@pytest.mark.parametrize(
    ("option", "point", "rows", "columns"),
    [
        ("added", (210, 135), slice(120, 150), slice(180, 240)),
        ("removed", (92, 130), slice(60, 200), slice(84, 100)),
    ],
)
def test_a_click_changes_the_piece_of_the_subject_that_a_closer_look_shows(
    missed: np.ndarray, option: str, point: tuple[float, float], rows: slice, columns: slice
) -> None:
    """Crops cut off the subject itself, and colours alone would add or remove a blob."""
    before = coverage(missed, quick=False) > 0.5
    changed = before != (coverage(missed, quick=False, **{option: (point,)}) > 0.5)
    expected = np.zeros_like(before)
    expected[rows, columns] = True
    assert (changed & expected).sum() / (changed | expected).sum() > 0.9
    assert before[135, 140]
    assert not changed[135, 140]


def test_points_lie_along_a_stroke() -> None:
    drawn = stroke((20, 40), (80, 40), (80, 60), keep=True, radius_px=16)
    points = points_of(drawn, (SIDE, SIDE))
    assert points[0] == pytest.approx((20, 40))
    assert points[-1] == pytest.approx((80, 60))
    steps = np.hypot(*np.diff(np.asarray(points), axis=0).T)
    assert steps.max() <= 8.01
    assert points_of(along((50, 50), 5, keep=True), (SIDE, SIDE)) == (pytest.approx((52.5, 50)),)
