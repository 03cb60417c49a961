"""Subject and focus of a person, an animal and an object, from points, and in pictures without a subject."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from dioptre.features.subject import finding as subject
from dioptre.features.subject import views as subject_views
from dioptre.features.subject.finding import find_subject
from dioptre.features.subject.views import Saliency, Squeezed
from dioptre.imaging.resize import resize
from dioptre_link.errors import UsageError

SIDE = 320  # of what is drawn here; the network's square is larger


@pytest.fixture(scope="module")
def example(checkout: Path):
    def load(name: str) -> np.ndarray:
        with Image.open(checkout / "examples" / name) as picture:
            return np.asarray(picture.convert("RGB"), np.float32) / 255

    return load


def drawn(saliency: np.ndarray) -> np.ndarray:
    """Return a picture for which the fake networks of `as_drawn` report this saliency."""
    return np.repeat(saliency[..., None] * np.float32(0.8) + np.float32(0.1), 3, axis=2)


def saliency(picture: np.ndarray) -> Saliency:
    return subject_views.saliency_of(lambda side: resize(picture, (side, side), method="bilinear"))


def seen(coverage: np.ndarray, *, chance: float = 0.9) -> Saliency:
    """Return the result of `saliency_of` for a picture with a subject."""
    at = np.arange(subject_views.SIDE_PX) * len(coverage) // subject_views.SIDE_PX
    return Saliency(coverage=coverage[at][:, at], chance=chance)


@pytest.fixture
def as_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    draw(monkeypatch, chance=0.9)


def draw(monkeypatch: pytest.MonkeyPatch, *, chance: float) -> None:
    def of(squeezed: Squeezed) -> Saliency:
        return seen(np.clip((squeezed(subject_views.SIDE_PX)[..., 0] - 0.1) / 0.8, 0, 1), chance=chance)

    monkeypatch.setattr(subject_views, "saliency_of", of)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),  # Points (x, y) on the subject, and points outside it.
    [
        ("astronaut.jpg", [(225, 110), (200, 330), (160, 80)], [(380, 60), (30, 60), (350, 250)]),
        ("chelsea.jpg", [(230, 110), (260, 235)], [(420, 100), (20, 60)]),
        ("coffee.jpg", [(300, 120), (270, 250)], [(40, 360), (560, 60)]),
    ],
)
def test_finds_person_animal_and_object(
    example, name: str, inside: list[tuple[int, int]], outside: list[tuple[int, int]]
) -> None:
    found = find_subject(example(name))
    assert found.found
    assert found.kind == "subject"
    assert found.confidence > 0.9
    assert found.chance > 0.95
    assert min(found.alpha[y, x] for x, y in inside) > 0.97
    assert max(found.alpha[y, x] for x, y in outside) < 0.03
    assert found.focal_disparity is None


def test_focus_is_the_disparity_inside(example) -> None:
    picture = example("astronaut.jpg")
    disparity = np.full(picture.shape[:2], 0.2, np.float32)
    disparity[find_subject(picture).alpha > 0.2] = 0.7
    disparity[100:120, 215:235] = 1.0  # A spike in a faulty depth map.
    found = find_subject(picture, disparity=disparity)
    assert found.focal_disparity == pytest.approx(0.7, abs=0.01)
    assert found.disparity_range == pytest.approx((0.7, 0.7), abs=0.02)


@pytest.mark.usefixtures("as_drawn")
def test_depth_decides_what_is_doubtful() -> None:
    """For example, an uncertain flag behind an arm is dropped if it is far away, and kept if it is near."""
    saliency = np.zeros((SIDE, SIDE), np.float32)
    saliency[80:240, 80:200], saliency[80:240, 200:260] = 1.0, 0.7
    picture = drawn(saliency)
    alone, far, near = (
        find_subject(picture, disparity=disparity).alpha[160, 235]
        for disparity in (
            None,
            np.where(saliency > 0.9, 0.8, 0.1).astype(np.float32),
            (0.8 * (saliency > 0)).astype(np.float32),
        )
    )
    assert far < 0.1 < alone < 0.9 < near


def test_a_point_on_the_subject_takes_it(example) -> None:
    found = find_subject(example("coffee.jpg"), at=(300, 120))
    assert found.kind == "point"
    assert found.alpha[250, 270] > 0.97


def test_a_point_elsewhere_takes_what_is_there(example) -> None:
    picture = example("astronaut.jpg")
    disparity = np.full(picture.shape[:2], 0.1, np.float32)
    disparity[:, :350] = 0.8
    found = find_subject(picture, disparity=disparity, at=(430, 60))  # This point is on the shuttle's tank.
    assert found.kind == "point"
    assert found.alpha[60, 430] > 0.9
    assert found.alpha[330, 200] < 0.03
    assert found.focal_disparity == pytest.approx(0.1, abs=0.02)


def test_a_point_on_a_flat_background_is_focused_on_without_a_closer_look(
    example, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    saliency = subject_views.saliency_of

    def counted(*arguments: Any, **options: Any) -> Saliency:
        looks.append(1)
        return saliency(*arguments, **options)

    monkeypatch.setattr(subject_views, "saliency_of", counted)
    picture = example("chelsea.jpg")
    disparity = np.full(picture.shape[:2], 0.03, np.float32)
    disparity[:, :380] = 0.8
    found = find_subject(picture, disparity=disparity, at=(430, 20))  # This point is behind the ear.
    assert len(looks) == 1
    assert found.focal_disparity == pytest.approx(0.03, abs=0.01)
    assert found.alpha[110, 230] < 0.03
    disparity[:, 380:] += np.linspace(0, 0.6, 71, dtype=np.float32)  # On a slope, there may be an object.
    find_subject(picture, disparity=disparity, at=(430, 20))
    assert len(looks) > 2


def test_a_point_outside_the_picture_is_refused() -> None:
    with pytest.raises(UsageError, match="outside the picture"):
        find_subject(np.zeros((40, 60, 3), np.float32), at=(61, 10))


def test_without_a_subject_the_nearest_region_is_taken() -> None:
    ramp = np.linspace(0, 1, 120, dtype=np.float32)[:, None] * np.ones((120, 160), np.float32)
    found = find_subject(np.full((120, 160, 3), 0.5, np.float32), disparity=ramp)
    assert not found.found
    assert found.kind == "region"
    assert "nearest large region" in found.messages[0]
    assert found.focal_disparity == pytest.approx(0.75, abs=0.1)


@pytest.mark.parametrize(("sureness", "chance"), [(0.4, 0.1), (0.7, 0.3), (1.0, 0.8)])
def test_a_small_thing_is_found_before_the_nearest_region(
    sureness: float, chance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example, the moon over a ridge, or a surfer on the sea."""
    draw(monkeypatch, chance=chance)
    saliency = np.zeros((SIDE, SIDE), np.float32)
    saliency[100:112, 150:162] = sureness
    disparity = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None] * np.ones((SIDE, SIDE), np.float32)
    found = find_subject(drawn(saliency), disparity=disparity)
    assert found.kind == ("subject" if sureness == 1 else "region")
    words = (
        "No single subject was found: the picture is blurred by depth alone, with the focus on the most noticeable "
        "region. To change this, choose a point on the part that should be sharp."
    )
    assert found.messages == (() if sureness == 1 else (words,))
    assert found.focal_disparity == pytest.approx(106 / SIDE, abs=0.02)
    assert found.alpha[106, 156] > 0.5
    assert found.alpha[250:].max() < 0.02


def test_of_doubtful_things_the_important_ones_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture has two uncertain lions and something larger, but less certain, at the edge."""
    draw(monkeypatch, chance=0.3)
    saliency = np.zeros((SIDE, SIDE), np.float32)
    saliency[140:200, 60:150], saliency[140:200, 170:240] = 0.75, 0.7
    saliency[:40] = 0.31
    found = find_subject(drawn(saliency))
    assert not found.found
    assert min(found.alpha[170, 100], found.alpha[170, 200]) > 0.9
    assert found.alpha[:30].max() < 0.02


def test_a_small_subject_is_cut_out_as_finely_as_a_large_one(example, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person stands in a landscape six times as wide as her photo, and her matte is known."""
    picture = example("astronaut.jpg")
    alpha = resize(find_subject(picture).alpha, (180, 180), method="area")[..., None]
    grass = np.random.default_rng(2).normal([0.3, 0.4, 0.2], 0.03, (900, 1200, 3))
    scene = ndimage.gaussian_filter(grass, (2, 2, 0)).astype(np.float32)
    place = slice(700, 880), slice(300, 480)
    scene[place] += alpha * (resize(picture, (180, 180), method="area") - scene[place])
    truth = np.zeros(scene.shape[:2], np.float32)
    truth[place] = alpha[..., 0]
    closer = find_subject(scene)
    monkeypatch.setattr(subject, "window_round", lambda *_, **__: None)
    before = find_subject(scene)
    assert closer.kind == before.kind == "subject"
    error = np.abs(closer.alpha - truth).sum()
    assert error < 0.03 * truth.sum()
    assert error < np.abs(before.alpha - truth).sum()


@pytest.mark.parametrize("answer", ["another", "less sure", "cut", "nothing"])
def test_a_closer_look_that_shows_something_else_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    first, second = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    first[100:160, 100:160] = 0.95
    if answer == "another":
        second[:40, 40:280] = 1.0
    if answer == "less sure":
        second[40:280, 40:280] = 0.9
    if answer == "cut":
        second[40:, 40:280] = 1.0
    picture = drawn(first)
    looks = [first, second] + [second] * (answer == "cut")
    answers = iter([*looks, first])
    monkeypatch.setattr(subject_views, "saliency_of", lambda squeezed: seen(next(answers)))
    found = find_subject(picture)
    monkeypatch.setattr(subject, "window_round", lambda *_, **__: None)
    np.testing.assert_array_equal(found.alpha, find_subject(picture).alpha)
    assert found.confidence == pytest.approx(0.95)
    assert next(answers, None) is None


def test_a_scene_has_no_subject_however_sure_the_map_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """For example, a room in which the bed stands out."""
    coverage = np.zeros((SIDE, SIDE), np.float32)
    coverage[80:240, 80:240] = 1.0
    for chance in (0.45, 0.55):
        monkeypatch.setattr(
            subject_views, "saliency_of", lambda squeezed, chance=chance: seen(coverage, chance=chance)
        )
        found = find_subject(drawn(coverage))
        assert found.chance == chance
        assert found.found == found.is_sure == (chance > 0.5)


def test_the_chance_of_a_subject_in_real_pictures(example) -> None:
    for name in ("astronaut.jpg", "chelsea.jpg", "coffee.jpg"):
        assert saliency(example(name)).chance > 0.9
    assert saliency(np.full((SIDE, SIDE, 3), 0.5, np.float32)).chance == 0.0
    slope = np.linspace(0.2, 0.8, SIDE, dtype=np.float32)
    sky = np.stack(np.broadcast_arrays(slope[:, None] * 0.6, slope[:, None] * 0.8, np.ones((1, SIDE))), axis=-1)
    assert saliency(sky.astype(np.float32)).chance < 0.2


def test_a_region_of_a_scene_is_no_subject_from_close_by_either(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    first[100:160, 100:160], second[38:282, 38:282] = 0.7, 0.97
    answers = iter([seen(first, chance=0.2), seen(second)])
    monkeypatch.setattr(subject_views, "saliency_of", lambda squeezed: next(answers))
    found = find_subject(drawn(first))
    assert found.kind == "region"
    assert not found.found
    assert "choose a point on the part that should be sharp" in found.messages[0]
    assert next(answers, None) is not None  # The closer view was not requested.


def test_transparent_pixels_are_no_subject(example) -> None:
    picture = example("astronaut.jpg")
    opacity = np.ones((*picture.shape[:2], 1), np.float32)
    opacity[300:] = 0
    found = find_subject(np.concatenate([picture, opacity], axis=2))
    assert found.alpha[300:].max() == 0
    assert found.alpha[110, 225] > 0.97


@pytest.mark.parametrize(("size", "value"), [((1, 1), 0.0), ((1, 500), 1.0), ((500, 1), np.nan), ((17, 9), 7.0)])
def test_hopeless_pictures_give_a_finite_answer(size: tuple[int, int], value: float) -> None:
    found = find_subject(np.full((*size, 3), value, np.float32), disparity=np.full(size, value, np.float32))
    assert found.alpha.shape == size
    assert np.isfinite(found.alpha).all()
    assert found.focal_disparity is not None
    assert np.isfinite(found.focal_disparity)


@pytest.mark.usefixtures("as_drawn")
def test_what_is_half_salient_beside_the_subject_is_not_cut_out_with_it() -> None:
    """For example, a flag behind an arm of the same colour. Near outlines, saliency 0.6 is often outside."""
    saliency = np.zeros((SIDE, SIDE), np.float32)
    saliency[80:240, 80:200], saliency[80:240, 200:240] = 1.0, 0.55
    alpha = find_subject(drawn(saliency)).alpha
    assert alpha[160, 140] > 0.97
    assert alpha[160, 225] < 0.5


def test_the_face_is_looked_for_where_the_networks_looked_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """The face of a small subject, seen in the window round it, is in focus; no view is computed twice."""
    saliency = np.zeros((SIDE, SIDE), np.float32)
    saliency[120:200, 140:180] = 1.0
    looks = []

    def of(squeezed: Squeezed) -> Saliency:
        looks.append(None)
        coverage = (squeezed(subject_views.SIDE_PX)[..., 0] > 0.5).astype(np.float32)
        small = squeezed(subject_views.FACE_PX)[..., 0]
        face = np.zeros_like(small)
        if len(looks) == 2:  # the window: margins of .15 of the subject's sides
            rows, columns = np.nonzero(small > 0.5)
            middle = (rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2
            face[rows.min() + 10 : middle[0] - 30, middle[1] - 30 : middle[1] + 30] = 0.999
        return Saliency(coverage=coverage, chance=0.9, face=face, head=face)

    monkeypatch.setattr(subject_views, "saliency_of", of)
    disparity = np.repeat(np.linspace(1, 0, SIDE, dtype=np.float32)[:, None], SIDE, axis=1)
    found = find_subject(drawn(saliency), disparity=disparity)
    assert len(looks) == 2
    assert found.focus_at == pytest.approx((0.5, 0.43), abs=0.04)
    assert found.focal_disparity == pytest.approx(0.57, abs=0.04)


@pytest.mark.parametrize(("chance", "focal"), [(0.9, 0.55), (0.02, 0.5)])
def test_faces_count_in_a_subject_but_not_in_a_scene(
    chance: float, focal: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scene has no outline that tells a small head from what is behind it."""
    face = np.zeros((SIDE, SIDE), np.float32)
    face[130:160, 120:200] = 0.999

    def of(squeezed: Squeezed) -> Saliency:
        return replace(
            seen((squeezed(subject_views.SIDE_PX)[..., 0] > 0.5).astype(np.float32), chance=chance),
            face=face,
            head=face,
        )

    monkeypatch.setattr(subject_views, "saliency_of", of)
    saliency = np.zeros((SIDE, SIDE), np.float32)
    saliency[40:280, 40:280] = 1.0
    disparity = np.repeat(np.linspace(1, 0, SIDE, dtype=np.float32)[:, None], SIDE, axis=1)
    found = find_subject(drawn(saliency), disparity=disparity)
    assert found.kind == ("subject" if chance > 0.5 else "region")
    assert found.focal_disparity == pytest.approx(focal, abs=0.02)
