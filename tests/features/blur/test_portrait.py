"""The complete portrait blur, with the real networks on the example photos."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from dioptre.contract import Inputs
from dioptre.features.blur import portrait_blur as whole_pipeline
from dioptre.features.blur.from_depth import lens_blur
from dioptre.features.blur.portrait_blur import portrait
from dioptre.features.depth.coarse import Depth
from dioptre.features.subject import views as subject_views
from dioptre.features.subject.views import SIDE_PX, Saliency, Squeezed
from dioptre.optics.defocus import Focus
from dioptre.photo import load
from dioptre.recipes.apply import apply
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.errors import Cancelled, UsageError
from dioptre_link.operation import Role


@pytest.fixture(scope="module")
def coffee(checkout: Path) -> np.ndarray:
    return load(checkout / "examples" / "coffee.jpg").pixels


@pytest.fixture(scope="module")
def made(coffee: np.ndarray):
    calls: list[float] = []
    result = apply("portrait", {}, Inputs(picture=coffee), progress=lambda share, phase: calls.append(share))
    return result, calls


def detail(image: np.ndarray) -> float:
    """Return the mean absolute difference of neighbouring pixels."""
    return float(np.abs(np.diff(image[..., :3], axis=1)).mean())


def test_the_cup_stays_sharp_and_the_table_is_blurred(coffee: np.ndarray, made) -> None:
    result, _ = made
    blurred = result.layers[0].pixels
    cup, table = (slice(60, 220), slice(190, 390)), (slice(20, 120), slice(450, 600))
    assert detail(blurred[cup]) > 0.9 * detail(coffee[cup])
    assert detail(blurred[table]) < 0.5 * detail(coffee[table])


def test_the_layers_are_those_described(coffee: np.ndarray, made) -> None:
    result, _ = made
    assert tuple(layer.role for layer in result.layers) == OPERATIONS["portrait"].outputs
    assert [layer.visible for layer in result.layers] == [True, False, False, False]
    assert all(layer.pixels.shape[:2] == coffee.shape[:2] for layer in result.layers)
    assert all(np.isfinite(layer.pixels).all() for layer in result.layers)
    assert result.values["subject"] == "subject"
    assert all(len(checksum) == 64 for checksum in result.models.values())


def test_progress_rises_to_one(made) -> None:
    _, calls = made
    assert calls == sorted(calls)
    assert calls[-1] == 1.0


def test_the_clean_background_has_no_cup(coffee: np.ndarray, made) -> None:
    result, _ = made
    plate = next(layer.pixels for layer in result.layers if layer.role is Role.BACKGROUND)
    inside = result.layers[1].pixels[..., 3] > 0.98
    assert np.abs(plate - coffee)[inside].mean() > 0.05
    assert (coffee[inside].min(axis=-1) > 0.6).mean() > 0.05, "the cup is white china"
    assert (plate[inside].min(axis=-1) > 0.6).mean() < 0.01


def test_the_clean_background_is_begun_before_the_blur_if_it_will_be_read(
    coffee: np.ndarray, made, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened, fill, blur = [], whole_pipeline.clean_background, whole_pipeline.lens_blur
    begun = Event()

    def filling(*given: Any, **options: Any) -> Any:
        happened.append("fill")
        begun.set()
        return fill(*given, **options)

    def blurring(*given: Any, **options: Any) -> Any:
        begun.wait(30)
        happened.append("blur")
        return blur(*given, **options)

    monkeypatch.setattr(whole_pipeline, "clean_background", filling)
    monkeypatch.setattr(whole_pipeline, "lens_blur", blurring)
    result = apply("portrait", {}, Inputs(picture=coffee, all_layers=True))
    for layer, same in zip(result.layers, made[0].layers, strict=True):
        assert np.array_equal(layer.pixels, same.pixels)
    assert happened == ["fill", "blur"]


def test_a_given_depth_is_used_as_it_is(coffee: np.ndarray) -> None:
    near = np.zeros(coffee.shape[:2], np.float32)
    near[:, :300] = 1.0
    result = portrait(coffee, disparity=near, focus=(100, 200), keep_subject=0.0)
    np.testing.assert_array_equal(result.disparity, near)
    assert result.focal_disparity == pytest.approx(1.0)
    np.testing.assert_allclose(result.image[:, :250], coffee[:, :250], atol=1 / 255)
    assert detail(result.image[:, 350:]) < 0.5 * detail(coffee[:, 350:])


def test_all_of_the_subject_stays_sharp_by_default(coffee: np.ndarray) -> None:
    """A horn or a hand far in front of the face stays as sharp as the face."""
    near = np.full(coffee.shape[:2], 0.1, np.float32)
    alpha = np.zeros_like(near)
    alpha[100:300, 100:400] = 1
    near[100:300, 100:300], near[100:300, 300:400] = 0.6, 1.0
    result = portrait(coffee, disparity=near, subject_alpha=alpha)
    assert result.focal_disparity == pytest.approx(0.6)
    np.testing.assert_allclose(result.image[110:290, 310:390], coffee[110:290, 310:390], atol=1 / 255)
    by_depth = portrait(coffee, disparity=near, subject_alpha=alpha, keep_subject=0.0)
    assert detail(by_depth.image[110:290, 310:390]) < 0.5 * detail(coffee[110:290, 310:390])


def test_a_focus_point_outside_is_refused(coffee: np.ndarray) -> None:
    with pytest.raises(UsageError, match="outside the picture"):
        portrait(coffee, focus=(10_000, 3))


def test_cancel_stops_it(coffee: np.ndarray) -> None:
    def cancel(share: float, phase: str) -> None:
        if share > 0.25:
            raise Cancelled

    with pytest.raises(Cancelled):
        apply("portrait", {}, Inputs(picture=coffee), progress=cancel)


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 3, 4)])
def test_any_size_works_or_says_why(shape: tuple[int, int, int]) -> None:
    picture = np.random.default_rng(3).uniform(0, 1, shape).astype(np.float32)
    result = portrait(picture)
    assert result.image.shape == shape
    assert np.isfinite(result.image).all()


@pytest.fixture
def person_before_a_wall(monkeypatch: pytest.MonkeyPatch):
    """A picture in which a fake network sees one object, and a depth map whose step is eight pixels too far out."""
    picture = np.random.default_rng(1).uniform(0.35, 0.45, (320, 320, 3)).astype(np.float32)
    inside = np.zeros((320, 320), bool)
    inside[80:260, 100:220] = True
    picture[inside] += 0.5
    near = np.full((320, 320), 0.1, np.float32)
    near[72:268, 92:228] = 0.8
    monkeypatch.setattr(
        subject_views,
        "saliency_of",
        lambda squeezed: Saliency(coverage=(squeezed(SIDE_PX)[..., 0] > 0.65).astype(np.float32), chance=1.0),
    )
    monkeypatch.setattr(whole_pipeline, "kept_depth", lambda *_, **__: Depth(disparity=near, model=""))
    return picture, near


def test_the_result_says_where_the_automatic_focus_is(person_before_a_wall) -> None:
    picture, _ = person_before_a_wall
    x, y = apply("portrait", {}, Inputs(picture=picture)).values["focus_at"]
    assert (x, y) == pytest.approx((0.5, 0.53), abs=0.03), "the middle of a subject without a face"
    assert "focus_at" not in apply("portrait", {"focal_disparity": 0.3}, Inputs(picture=picture)).values


@pytest.mark.parametrize("focus", [(160, 160), (40, 40)])
def test_depth_steps_at_the_subject_after_a_click(person_before_a_wall, focus: tuple[int, int]) -> None:
    """With the focus on the subject or behind it, no rim of the background may keep the subject's depth."""
    picture, _ = person_before_a_wall
    made = portrait(picture, focus=focus, keep_subject=0.0)
    assert made.disparity[170, 98] == pytest.approx(0.1, abs=0.02)
    assert made.disparity[170, 104] == pytest.approx(0.8, abs=0.02)


def test_a_soft_edge_is_as_soft_in_the_result_as_in_the_matte(person_before_a_wall) -> None:
    """The depth ends in the middle of the edge, where it would cut off the outer half and harden the inner one."""
    picture, _ = person_before_a_wall
    alpha = np.zeros((320, 320), np.float32)
    alpha[80:260, 100:220] = 1
    alpha = ndimage.uniform_filter(alpha, 13)
    picture = (picture - 0.5 * (picture > 0.6) + 0.5 * alpha[..., None]).astype(np.float32)
    made = portrait(picture, subject_alpha=alpha, focal_disparity=0.8, keep_subject=0.0)
    focus = Focus(focal_disparity=0.8, max_radius_px=made.max_radius, range=made.focus_range)
    by_depth = lens_blur(picture, made.disparity, focus=focus).image
    bands = [(alpha > low) & (alpha <= low + 0.1) for low in (0.1, 0.3, 0.5, 0.7)]
    errors = [max(abs(float((image - picture)[band].mean())) for band in bands) for image in (made.image, by_depth)]
    assert errors[0] < 0.02
    assert errors[0] < 0.5 * errors[1]


def test_an_update_with_the_depth_and_the_subject_of_a_result_changes_nothing(person_before_a_wall) -> None:
    picture, _ = person_before_a_wall
    made = portrait(picture)
    again = portrait(picture, disparity=made.disparity, subject_alpha=made.subject.alpha)
    np.testing.assert_allclose(again.image, made.image, atol=2 / 255)


def test_an_update_with_the_focus_behind_the_subject_changes_nothing(person_before_a_wall) -> None:
    """The subject's edges are soft with a given depth, too, when the focus is on something else."""
    picture, _ = person_before_a_wall
    picture = ndimage.gaussian_filter(picture, (2, 2, 0))
    made = portrait(picture, focus=(40, 40))
    again = portrait(picture, disparity=made.disparity, focus=(40, 40))
    differs = np.abs(again.image - made.image).max(axis=-1) > 2 / 255
    assert differs.mean() < 5e-4


@pytest.mark.parametrize("focus", [None, (160, 160), (40, 40)])
def test_a_given_depth_does_not_step_anew(person_before_a_wall, focus: tuple[int, int] | None) -> None:
    picture, near = person_before_a_wall
    made = portrait(picture, disparity=near, focus=focus, keep_subject=0.0)
    np.testing.assert_array_equal(made.disparity, near)


def test_a_scene_without_a_subject_is_blurred_by_depth_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cushion on a blurred sofa must not stay sharp: a salient area sets the focus but gives no matte."""
    picture = np.random.default_rng(2).uniform(0.2, 0.4, (320, 320, 3)).astype(np.float32)
    picture[60:120, 60:120] += 0.4
    near = np.tile(np.linspace(0, 1, 320, dtype=np.float32), (320, 1))

    def doubtful(squeezed: Squeezed) -> Saliency:
        return Saliency(coverage=0.7 * (squeezed(SIDE_PX)[..., 0] > 0.5).astype(np.float32), chance=0.05)

    monkeypatch.setattr(subject_views, "saliency_of", doubtful)
    made = portrait(picture, disparity=near)
    assert made.subject.kind == "region"
    assert made.subject.chance < 0.1
    assert "blurred by depth alone" in made.messages[-1]
    np.testing.assert_array_equal(made.subject.alpha, 0)
    assert made.focal_disparity == pytest.approx(90 / 320, abs=0.03)
    np.testing.assert_allclose(made.disparity, near, atol=1e-6)
    assert detail(made.image[200:300, 280:]) < 0.5 * detail(picture[200:300, 280:])
    again = portrait(picture, disparity=near, subject_alpha=made.subject.alpha)
    assert again.focal_disparity == made.focal_disparity
