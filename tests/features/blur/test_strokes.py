"""The focus brush in portrait and lens blur: painted areas stay sharp, or blur according to their depth."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.contract import Inputs
from dioptre.features.blur.from_depth import lens_blur
from dioptre.imaging.strokes import stroke_mask
from dioptre.optics.defocus import Focus, circle_of_confusion_px
from dioptre.optics.kept_sharp import disparity_in_focus, put_back
from dioptre.recipes.apply import apply

SIZE = (160, 240)
ON_WALL = {"keep": True, "radius": 0.12, "points": [[0.8, 0.3], [0.8, 0.6]]}
ON_PERSON = {"keep": False, "radius": 0.12, "points": [[0.3, 0.5]]}
OPTIONS = {"focal_disparity": 0.8, "focus_range": 0.0, "max_radius": 30.0, "grain": 0.5}


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(3).random((*SIZE, 3), np.float32)


@pytest.fixture
def person() -> tuple[np.ndarray, np.ndarray]:
    """Coverage of a person on the left, and a depth map in which the person's left half is farther away."""
    alpha = np.zeros(SIZE, np.float32)
    alpha[20:140, 30:120] = 1
    near = np.full(SIZE, 0.2, np.float32)
    near[alpha > 0] = 0.8
    near[20:140, 30:90] = 0.55
    return alpha, near


def detail(image: np.ndarray, place: tuple[slice, slice]) -> float:
    return float(np.abs(np.diff(image[place][..., :3], axis=1)).mean())


def run(operation: str, picture: np.ndarray, person: tuple, *strokes: dict, **inputs: object) -> np.ndarray:
    alpha, near = person
    given = Inputs(picture=picture, disparity=near, subject=alpha if operation == "portrait" else None, **inputs)
    sharp = {"keep_subject": 1.0} if operation == "portrait" else {}
    return apply(operation, {**OPTIONS, **sharp, "strokes": strokes}, given).layers[0].pixels


@pytest.mark.parametrize("operation", ["portrait", "lens_blur"])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("draft", [False, True])
def test_a_kept_part_is_the_picture_to_the_bit(operation, channels, draft, noise, person) -> None:
    picture = np.concatenate([noise, 0.5 + noise[..., :1] / 2], axis=-1)[..., :channels]
    result = run(operation, picture, person, ON_WALL, draft=draft)
    kept = stroke_mask([ON_WALL], person[1]) == 1
    assert kept.sum() > 1000
    assert (result[kept] == picture[kept]).all()
    plain = run(operation, picture, person, draft=draft)
    assert np.abs(plain[kept] - picture[kept]).mean() > 0.1


def test_what_is_far_from_a_stroke_does_not_change(noise, person) -> None:
    with_stroke, without = run("portrait", noise, person, ON_WALL), run("portrait", noise, person)
    away = slice(0, 100)  # The blur's radius is 18 px, and the stroke begins at column 163.
    assert np.abs(with_stroke[:, away] - without[:, away]).max() < 0.02


def test_let_blur_takes_the_protection_of_the_subject(noise, person) -> None:
    painted = (slice(65, 95), slice(60, 85))
    plain, let = run("portrait", noise, person), run("portrait", noise, person, ON_PERSON)
    assert detail(let, painted) < 0.6 * detail(plain, painted)
    unpainted = (slice(25, 45), slice(40, 85))
    assert np.abs(let[unpainted] - plain[unpainted]).max() < 0.05


def test_let_blur_takes_back_what_was_kept(noise, person) -> None:
    taken = {**ON_WALL, "keep": False, "radius": 0.2}
    assert np.array_equal(run("lens_blur", noise, person, ON_WALL, taken), run("lens_blur", noise, person))


@pytest.mark.parametrize("operation", ["portrait", "lens_blur"])
def test_the_depth_layer_is_not_painted_on(operation, noise, person) -> None:
    alpha, near = person
    before = near.copy()
    given = Inputs(picture=noise, disparity=near, subject=alpha)
    result = apply(operation, {**OPTIONS, "strokes": [ON_WALL, ON_PERSON]}, given)
    assert (near == before).all()
    for layer in result.layers:
        if layer.name == "Depth":
            assert (layer.pixels == before).all()


def test_pieces_keep_it_too(noise, person) -> None:
    options = {**OPTIONS, "grain": 0.0, "pieces": "linear", "strokes": [ON_WALL]}
    layers = apply("lens_blur", options, Inputs(picture=noise, disparity=person[1])).layers
    kept = stroke_mask([ON_WALL], person[1]) == 1
    assert np.abs(layers[0].pixels[kept] - noise[kept]).max() < 0.02
    subject = next(layer.pixels for layer in layers if layer.name == "Subject")
    assert subject[kept][:, 3].min() > 0.98


def test_discs_shrink_by_what_is_kept() -> None:
    rng = np.random.default_rng(0)
    near, kept = (rng.random((300, 8)).astype(np.float32) for _ in range(2))
    focus = Focus(focal_disparity=0.5, max_radius_px=40.0, range=0.1, foreground=0.5, background=2.0)
    before = circle_of_confusion_px(near, focus=focus)
    after = circle_of_confusion_px(disparity_in_focus(near, kept, focus=focus), focus=focus)
    # Tolerance: the error of floats around 0.5, times 80 px.
    np.testing.assert_allclose(after, (1 - kept) * before, atol=1e-4)


def test_nearer_blur_does_not_cover_what_is_kept() -> None:
    near = np.zeros((64, 96), np.float32)
    near[:, :48] = 1.0
    picture = np.zeros((64, 96, 3), np.float32)
    picture[:, :48] = 1.0
    kept = np.zeros_like(near)
    kept[:, 50:] = 1.0
    blurred = lens_blur(picture, near, focus=Focus(focal_disparity=0.0, max_radius_px=20.0), kept_sharp=kept).image
    assert lens_blur(picture, near, focus=Focus(focal_disparity=0.0, max_radius_px=20.0)).image[32, 55].min() > 0.2
    assert (blurred[:, 50:] == picture[:, 50:]).all()


def test_transparent_pixels_lend_no_colour() -> None:
    picture = np.zeros((4, 4, 4), np.float32)  # The picture is black and transparent.
    blurred = np.ones((4, 4, 4), np.float32)
    put_back(picture, np.full((4, 4), 0.9, np.float32), onto=blurred)
    assert blurred[..., :3].min() == 1
    assert 0 < blurred[..., 3].max() < 1
