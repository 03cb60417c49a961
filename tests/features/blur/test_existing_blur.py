"""The option *Existing blur*: existing blur is measured once and not added again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dioptre.contract import Inputs, Result
from dioptre.features.blur import existing_blur as module
from dioptre.features.blur.from_depth import lens_blur
from dioptre.optics.defocus import Focus
from dioptre.recipes.apply import apply

LENS = {"focal_disparity": 1.0, "max_radius": 8.0}
FOCUS = Focus(focal_disparity=1.0, max_radius_px=8.0)


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Return a sharp picture, and a disparity map that increases from the top to the bottom."""
    grey = np.random.default_rng(2).uniform(0.1, 0.9, (12, 16, 1)).astype(np.float32)
    picture = np.repeat(grey.repeat(24, 0).repeat(24, 1), 3, 2)
    return picture, np.repeat(np.linspace(0, 1, 288, dtype=np.float32)[:, None], 384, 1)


def run(operation: str, picture: np.ndarray, disparity: np.ndarray, **options: object) -> Result:
    subject = (disparity > 0.9).astype(np.float32)
    inputs = Inputs(picture=picture, disparity=disparity, subject=subject)
    return apply(operation, {**LENS, "focus_range": 0.0, "highlight_boost": 0.0, **options}, inputs)


def change(made: Result, picture: np.ndarray) -> float:
    return float(np.abs(made.layers[0].pixels - picture).mean())


@pytest.mark.parametrize("operation", ["lens_blur", "portrait"])
def test_a_background_out_of_focus_is_not_blurred_twice(operation: str) -> None:
    sharp, disparity = scene()
    photo = lens_blur(sharp, disparity, focus=FOCUS).image
    made, naive = (run(operation, photo, disparity, existing_defocus=which) for which in ("auto", "ignore"))
    assert change(made, photo) < 0.5 * change(naive, photo)
    assert made.values["existing_blur_px"] == pytest.approx(8, rel=0.4)
    assert any("already out of focus" in message for message in made.messages)
    assert not any("already out of focus" in message for message in naive.messages)


@pytest.mark.parametrize("operation", ["lens_blur", "portrait"])
def test_a_sharp_photo_is_blurred_in_full(operation: str) -> None:
    sharp, disparity = scene()
    made, naive = (run(operation, sharp, disparity, existing_defocus=which) for which in ("auto", "ignore"))
    np.testing.assert_array_equal(made.layers[0].pixels, naive.layers[0].pixels)
    assert "existing_blur_px" not in made.values


def test_the_blur_is_automatic_by_default() -> None:
    sharp, disparity = scene()
    photo = lens_blur(sharp, disparity, focus=FOCUS).image
    assert "existing_blur_px" in run("lens_blur", photo, disparity).values
    alone = lens_blur(photo, disparity, focus=FOCUS, existing_defocus="auto").image
    assert (
        np.abs(alone - photo).mean() < 0.5 * np.abs(lens_blur(photo, disparity, focus=FOCUS).image - photo).mean()
    )


def test_previews_measure_the_whole_picture_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sharp, disparity = scene()
    photo = lens_blur(sharp, disparity, focus=FOCUS).image
    measured, computed = [], []
    find, certain = module.find_edges, module.certain_defocus_px
    monkeypatch.setattr(module, "find_edges", lambda picture: measured.append(picture.shape) or find(picture))
    monkeypatch.setattr(module, "certain_defocus_px", lambda *given: computed.append(1) or certain(*given))
    small = np.ascontiguousarray(photo[::2, ::2])
    preview = Inputs(picture=small, whole=photo, disparity=np.ascontiguousarray(disparity[::2, ::2]), draft=True)
    options = {"focal_disparity": 1.0, "max_radius": 4.0}
    made = [apply("lens_blur", options, replace(preview, draft=draft)) for draft in (True, True, False)]
    assert measured == [photo.shape]
    assert len(computed) == 2  # the two drafts share one computation
    assert all(result.values["existing_blur_px"] == pytest.approx(4, rel=0.4) for result in made)
