"""Several subjects: adding and removing them with clicks, and the message if several compete."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.contract import Inputs
from dioptre.features.subject import several
from dioptre.features.subject import views as subject_views
from dioptre.features.subject.finding import Subject
from dioptre.features.subject.region import competing_words
from dioptre.features.subject.several import Choice, chosen_subject
from dioptre.features.subject.views import Saliency, Squeezed
from dioptre_link.errors import UsageError

SIDE = 320  # of the picture; the network's square is larger
LARGE, SMALL, TOUCHING = (60.0, 160.0), (270.0, 160.0), (115.0, 160.0)


@pytest.fixture(autouse=True)
def as_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that detect exactly the red channel."""

    def seen(squeezed: Squeezed) -> Saliency:
        return Saliency(coverage=np.clip((squeezed(subject_views.SIDE_PX)[..., 0] - 0.1) / 0.8, 0, 1), chance=0.9)

    monkeypatch.setattr(subject_views, "saliency_of", seen)


@pytest.fixture
def picture() -> np.ndarray:
    """A large object on the left, whose right part has another colour, and a small object on the right."""
    drawn = np.full((SIDE, SIDE, 3), 0.1, np.float32)
    drawn[80:240, 20:140, 0] = 0.9
    drawn[80:240, 90:140, 1:] = 0.9
    drawn[130:190, 250:290, 0] = 0.9
    return drawn


def coverage(picture: np.ndarray, **choice: tuple) -> Subject:
    near = np.full((SIDE, SIDE), 0.5, np.float32)
    return chosen_subject(Inputs(picture=picture), near, Choice(**choice))


def at(subject: Subject, *points: tuple[float, float]) -> list[bool]:
    return [bool(subject.alpha[int(y), int(x)] > 0.5) for x, y in points]


def test_a_click_adds_a_thing_and_another_removes_one(picture: np.ndarray) -> None:
    assert at(coverage(picture), LARGE, SMALL) == [True, False]
    assert at(coverage(picture, added=(SMALL,)), LARGE, SMALL) == [True, True]
    assert at(coverage(picture, added=(SMALL,), removed=(LARGE,)), LARGE, TOUCHING, SMALL) == [False, False, True]


def test_a_removed_part_that_touches_the_rest_is_cut_along_its_own_edge(picture: np.ndarray) -> None:
    cut = coverage(picture, removed=(TOUCHING,))
    assert at(cut, LARGE, TOUCHING) == [True, False]
    assert cut.alpha[100:220, 30:80].min() > 0.9
    assert cut.alpha[100:220, 100:130].max() < 0.1


def test_a_box_holds_the_subject(picture: np.ndarray) -> None:
    assert at(coverage(picture, box=(240.0, 120.0, 300.0, 200.0)), LARGE, SMALL) == [False, True]


def test_everything_removed_is_said(picture: np.ndarray) -> None:
    nothing = coverage(picture, removed=(LARGE, TOUCHING))
    assert not nothing.found
    assert nothing.messages == ("No subject is left. Choose one.",)


def test_a_removal_that_fails_is_said(picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "without", lambda _sight, alpha, _points, _kept: alpha)
    left = coverage(picture, removed=(LARGE,))
    assert left.messages == ("A place that you removed cannot be told apart from the subject. Paint over it.",)


def test_a_point_outside_the_picture_is_refused(picture: np.ndarray) -> None:
    with pytest.raises(UsageError, match="outside the picture"):
        coverage(picture, added=((10.0, 400.0),))


def test_competing_things_are_said(picture: np.ndarray) -> None:
    (words,) = coverage(picture).messages
    assert words == (
        "Several subjects stand out; Dioptre chose the one on the left. To use another, choose a point on it."
    )
    assert coverage(picture, added=(SMALL,)).messages == ()
    alike = np.zeros((SIDE, SIDE), np.float32)
    assert competing_words(alike) == ""
    alike[100:200, 30:110] = 1
    assert competing_words(alike) == ""
    alike[100:200, 200:280] = 1
    assert competing_words(alike) == "2 objects were chosen as the subject. To use only one, choose a point on it."
