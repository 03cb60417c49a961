"""The focus of a lens on a subject: its sharpest part in the picture, or the chosen point."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dioptre.features.subject import focus as subject_focus
from dioptre.features.subject.faces import Faces
from dioptre.features.subject.focus import focus_of

NEAR, FAR, BEHIND = 0.9, 0.4, 0.1
LARGE, SMALL = (slice(60, 360), slice(20, 220)), (slice(120, 300), slice(330, 440))


@pytest.fixture
def two() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Picture, coverage and disparity of two chequered people, the large one near, all sharp."""
    rows, columns = np.mgrid[:400, :480] // 10
    picture = gaussian_filter(np.where((rows + columns) % 2, 0.7, 0.3).astype(np.float32), 0.7)
    alpha, disparity = np.zeros((400, 480), np.float32), np.full((400, 480), BEHIND, np.float32)
    for where, depth in ((LARGE, NEAR), (SMALL, FAR)):
        alpha[where], disparity[where] = 1, depth
    return np.repeat(picture[..., None], 3, axis=2), alpha, disparity


def blurred(picture: np.ndarray, where: tuple[slice, slice]) -> np.ndarray:
    made = picture.copy()
    made[where] = gaussian_filter(picture[where], (3, 3, 0))
    return made


def test_the_sharp_one_of_two_is_focused_on(two) -> None:
    picture, alpha, disparity = two
    assert focus_of(blurred(picture, LARGE), alpha, disparity)[0] == pytest.approx(FAR, abs=0.01)
    assert focus_of(blurred(picture, SMALL), alpha, disparity)[0] == pytest.approx(NEAR, abs=0.01)


def test_where_both_are_sharp_or_blurred_the_larger_counts(two) -> None:
    picture, alpha, disparity = two
    soft = blurred(blurred(picture, LARGE), SMALL)
    assert focus_of(picture, alpha, disparity)[0] == pytest.approx(NEAR, abs=0.01)
    assert focus_of(soft, alpha, disparity)[0] == pytest.approx(NEAR, abs=0.01)
    assert focus_of(np.full_like(picture, 0.5), alpha, disparity)[0] == pytest.approx(NEAR, abs=0.01)


def test_the_extent_holds_all_parts_whatever_is_in_focus(two) -> None:
    picture, alpha, disparity = two
    low, high = focus_of(blurred(picture, LARGE), alpha, disparity)[1]
    assert (low, high) == pytest.approx((FAR, NEAR), abs=0.01)


def test_a_point_says_where_to_focus(two) -> None:
    picture, alpha, disparity = two
    assert focus_of(blurred(picture, SMALL), alpha, disparity, at=(385, 210))[0] == pytest.approx(FAR, abs=0.01)


@pytest.mark.parametrize("scale", [1, 2])
def test_a_scene_is_focused_on_one_part_and_rather_on_a_near_one(two, scale: int) -> None:
    """A far part that is a little larger, and things between both depths, do not attract the focus."""
    picture, alpha, disparity = two
    disparity[LARGE] = FAR
    near = (slice(60, 350), slice(230, 425))
    alpha[near], disparity[near] = 1, NEAR
    picture, alpha, disparity = (
        np.kron(plane, np.ones((scale, scale, *(1,) * (plane.ndim - 2)), np.float32))
        for plane in (picture, alpha, disparity)
    )
    assert focus_of(picture, alpha, disparity)[0] < NEAR - 0.1
    assert focus_of(picture, alpha, disparity, single=True)[0] == pytest.approx(NEAR, abs=0.01)
    soft = blurred(picture, tuple(slice(scale * each.start, scale * each.stop) for each in near))
    assert focus_of(soft, alpha, disparity, single=True)[0] == pytest.approx(FAR, abs=0.01)


def test_what_lies_at_one_depth_is_not_measured(two, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, alpha, disparity = two
    monkeypatch.setattr(subject_focus, "parts_defocus_px", None)
    disparity[SMALL] = NEAR
    assert focus_of(picture, alpha, disparity)[0] == pytest.approx(NEAR, abs=0.01)


def test_damaged_values_do_no_harm(two) -> None:
    picture, alpha, disparity = two
    picture = blurred(picture, LARGE)
    picture[5:30, 5:30], disparity[5:30, 5:30] = np.nan, np.nan
    assert focus_of(picture, alpha, disparity)[0] == pytest.approx(FAR, abs=0.01)


GRID = 320  # side of the map of faces
HIGH, LOW = (70, 90, 110, 130), (130, 150, 370, 390)  # a face of each person: top, bottom, left and right


Box = tuple[int, int, int, int]


def faces_at(face: tuple[Box, ...], head: tuple[Box, ...] = (), certainty: float = 0.999) -> Faces:
    """Faces and heads in rectangles of the picture of `two`."""

    def drawn(boxes: tuple[Box, ...]) -> np.ndarray:
        made = np.zeros((400, 480), np.float32)
        for top, bottom, left, right in boxes:
            made[top:bottom, left:right] = certainty
        rows, columns = (np.arange(GRID) * side // GRID for side in made.shape)
        return made[np.ix_(rows, columns)]

    return Faces(face=drawn(face), head=drawn((*face, *head)))


def lies_in(place: tuple[float, float], box: Box) -> bool:
    return box[0] < place[1] * 400 < box[1] and box[2] < place[0] * 480 < box[3]


def test_the_focus_is_on_the_face_and_not_on_the_body(two) -> None:
    picture, alpha, disparity = two
    alpha[SMALL], disparity[LARGE] = 0, np.linspace(0.6, 0.9, 300)[:, None]  # leaning back: the face is farthest
    body, face = focus_of(picture, alpha, disparity), focus_of(picture, alpha, disparity, faces=faces_at((HIGH,)))
    assert body.disparity == pytest.approx(0.75, abs=0.01)
    assert face.disparity == pytest.approx(0.62, abs=0.01)
    assert lies_in(face.at, HIGH)
    assert face.extent == body.extent


@pytest.mark.parametrize(
    ("soft", "focal", "where"), [((), NEAR, HIGH), ((LARGE,), FAR, LOW), ((SMALL,), NEAR, HIGH)]
)
def test_the_nearest_face_that_is_sharp_is_focused_on(two, soft, focal: float, where) -> None:
    picture, alpha, disparity = two
    for one in soft:
        picture = blurred(picture, one)
    wide = (HIGH[0], HIGH[1] + 60, HIGH[2] - 40, HIGH[3] + 40), (LOW[0], LOW[1] + 60, LOW[2] - 35, LOW[3] + 45)
    made = focus_of(picture, alpha, disparity, faces=faces_at(wide))
    assert made.disparity == pytest.approx(focal, abs=0.01)
    assert lies_in(made.at, wide[where is LOW])


def test_small_faces_and_those_of_others_do_not_count(two) -> None:
    """A near face of a tenth of the other's area, and a face that is not the subject's, are not focused on."""
    picture, alpha, disparity = two
    far = (130, 190, 335, 435)
    beside = (5, 55, 250, 310)
    made = focus_of(picture, alpha, disparity, faces=faces_at((HIGH, far, beside)))
    assert made.disparity == pytest.approx(FAR, abs=0.01)
    assert lies_in(made.at, far)


def test_a_head_counts_where_no_face_is_seen(two) -> None:
    picture, alpha, disparity = two
    made = focus_of(picture, alpha, disparity, faces=faces_at((), (LOW,)))
    assert made.disparity == pytest.approx(FAR, abs=0.01)
    assert lies_in(made.at, LOW)


def test_what_merely_resembles_a_face_does_not_count(two) -> None:
    picture, alpha, disparity = two
    made = focus_of(picture, alpha, disparity, faces=faces_at((LOW,), certainty=0.95))
    assert made == focus_of(picture, alpha, disparity)


def test_a_point_counts_more_than_a_face(two) -> None:
    picture, alpha, disparity = two
    made = focus_of(picture, alpha, disparity, at=(385, 210), faces=faces_at((HIGH,)))
    assert made.disparity == pytest.approx(FAR, abs=0.01)
    assert made.at == pytest.approx((385 / 480, 210 / 400))


def test_a_thing_is_focused_on_near_its_middle_at_its_depth(two) -> None:
    picture, alpha, disparity = two
    alpha[SMALL], disparity[LARGE] = 0, np.linspace(0.6, 0.9, 300)[:, None] ** 2
    made = focus_of(picture, alpha, disparity, faces=faces_at(()))
    assert made.at == pytest.approx((120 / 480, 210 / 400), abs=0.03)
    assert disparity[int(made.at[1] * 400), int(made.at[0] * 480)] == pytest.approx(made.disparity, abs=0.02)
