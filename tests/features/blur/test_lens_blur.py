from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dioptre.contract import Inputs
from dioptre.features.blur.from_depth import lens_blur
from dioptre.features.depth.coarse import Depth
from dioptre.imaging.resize import resize
from dioptre.optics.defocus import Focus
from dioptre.recipes.apply import apply
from dioptre_link.errors import Cancelled, UsageError

SIZE = (96, 128)


def picture(channels=3, seed=0):
    return np.random.default_rng(seed).uniform(0.02, 0.98, (*SIZE, channels)).astype(np.float32)


def two_planes():
    disparity = np.full(SIZE, 0.2, np.float32)
    disparity[20:70, 40:90] = 0.8
    return disparity


def test_identity_at_radius_zero():
    image = picture()
    made = lens_blur(image, two_planes(), focus=Focus(focal_disparity=0.1, max_radius_px=0.0))
    assert np.abs(made.image - image).max() < 1e-5  # The error of one conversion through the sRGB curve and back.


def test_constant_pictures_stay():
    image = np.full((*SIZE, 3), 0.37, np.float32)
    made = lens_blur(image, two_planes(), focus=Focus(focal_disparity=0.5, max_radius_px=40.0))
    assert np.abs(made.image - 0.37).max() < 1e-4


def test_in_focus_pixels_stay_and_do_not_bleed():
    """A sharp white square in front of a black background that is far out of focus."""
    disparity = two_planes()
    image = np.zeros((*SIZE, 3), np.float32)
    image[20:70, 40:90] = 1.0
    made = lens_blur(
        image, disparity, focus=Focus(focal_disparity=0.8, max_radius_px=30.0), encoding="linear"
    ).image
    inside = made[22:68, 42:88]
    assert np.abs(inside - 1).max() <= 1 / 255
    outside = made.copy()
    outside[18:72, 38:92] = 0  # The edge itself is one pixel wide.
    assert outside.max() < 0.005


def test_out_of_focus_foreground_spreads_over_the_sharp_background():
    disparity = two_planes()
    image = np.zeros((*SIZE, 3), np.float32)
    image[20:70, 40:90] = 1.0
    made = lens_blur(
        image, disparity, focus=Focus(focal_disparity=0.2, max_radius_px=16.0), encoding="linear"
    ).image[..., 0]
    assert 0.4 < made[45, 40] < 0.6  # At the edge, half of the disc is covered.
    assert 0.02 < made[45, 34] < 0.3
    assert made[45, 26] < 0.005


def test_alpha_is_straight_in_and_out():
    image = picture(4)
    image[..., :3] = 0.5
    image[30:50, 30:60, 3] = 0.0
    made = lens_blur(image, two_planes(), focus=Focus(focal_disparity=0.8, max_radius_px=20.0)).image
    assert made.shape == image.shape
    assert made[..., 3].min() >= 0
    assert made[..., 3].max() <= 1
    assert np.allclose(made[..., :3][made[..., 3] > 0.02], 0.5, atol=2e-3)


def test_operation_takes_point_or_value():
    inputs = Inputs(picture=picture(), disparity=two_planes())
    by_point = apply("lens_blur", {"focus": "60,40", "max_radius": 12}, inputs)
    by_value = apply("lens_blur", {"focal_disparity": 0.8, "max_radius": 12}, inputs)
    assert by_point.values["focal_disparity"] == pytest.approx(0.8)
    assert np.allclose(by_point.layers[0].pixels, by_value.layers[0].pixels, atol=1e-5)


def test_operation_estimates_the_depth_that_is_not_given(monkeypatch):
    """Estimated depth becomes a layer of the result, and gives the same blur as depth supplied by the user."""
    known = Depth(disparity=two_planes(), model="pretended", models={"pretended": "0" * 64})
    monkeypatch.setattr("dioptre.features.blur.from_depth.kept_depth", lambda *_, **__: known)
    options = {"focal_disparity": 0.8, "max_radius": 12}
    alone = apply("lens_blur", options, Inputs(picture=picture()))
    given = apply("lens_blur", options, Inputs(picture=picture(), disparity=two_planes()))
    assert [layer.role.value for layer in alone.layers] == ["result", "depth"]
    assert [layer.role.value for layer in given.layers] == ["result"]
    np.testing.assert_array_equal(alone.layers[0].pixels, given.layers[0].pixels)
    assert not alone.layers[1].visible
    assert (alone.values["depth_source"], alone.models) == ("estimate", {"pretended": "0" * 64})


def test_operation_makes_pieces_when_asked():
    inputs = Inputs(picture=picture(), disparity=two_planes())
    made = apply("lens_blur", {"focal_disparity": 0.2, "max_radius": 12, "pieces": "linear", "grain": 0.5}, inputs)
    assert [layer.role.value for layer in made.layers] == ["result", "foreground", "subject", "background"]
    assert made.layers[1].pixels.shape == (*SIZE, 4)


@pytest.mark.parametrize("operation", ["lens_blur", "portrait"])
def test_a_draft_is_nearly_alike_and_has_no_pieces(operation):
    image, disparity = picture(), two_planes()
    subject = (disparity > 0.5).astype(np.float32)
    inputs = Inputs(picture=image, disparity=disparity, subject=subject)
    options = {"focal_disparity": 0.8, "max_radius": 20.0}
    if operation == "lens_blur":
        options["pieces"] = "linear"
    whole = apply(operation, options, inputs).layers[0].pixels
    made = apply(operation, options, replace(inputs, draft=True)).layers
    assert len(made) == (1 if operation == "lens_blur" else 4)
    difference = np.abs(made[0].pixels - whole)
    assert 0 < difference.mean() < 0.05  # The picture is noise, which has more fine detail than any photograph.
    assert difference[30:60, 50:80].max() < 0.01


def test_measured_blur_leaves_a_blurred_background_alone():
    """A picture already blurred by this lens hardly changes; a sharp one gets the full blur."""
    rng = np.random.default_rng(2)
    coarse = rng.uniform(0.1, 0.9, (24, 32, 1)).astype(np.float32).repeat(12, 0).repeat(12, 1)
    sharp = np.repeat(coarse, 3, 2)
    disparity = np.repeat(np.linspace(0, 1, 288, dtype=np.float32)[:, None], 384, 1)
    focus = Focus(focal_disparity=1.0, max_radius_px=8.0)
    once = lens_blur(sharp, disparity, focus=focus).image
    twice = lens_blur(once, disparity, focus=focus, existing_defocus="measure").image
    naive = lens_blur(once, disparity, focus=focus).image
    assert np.abs(twice - once).mean() < 0.5 * np.abs(naive - once).mean()
    measured = lens_blur(sharp, disparity, focus=focus, existing_defocus="measure").image
    assert np.abs(measured - once).mean() < 0.004


def test_wrong_input_is_refused_in_words():
    inputs = Inputs(picture=picture(), disparity=np.zeros((10, 20), np.float32))
    with pytest.raises(UsageError, match="depth layer is 20 x 10"):
        apply("lens_blur", {"focal_disparity": 0.5}, inputs)
    broken = two_planes()
    broken[3, 3] = np.nan
    with pytest.raises(UsageError, match="NaN or infinite"):
        lens_blur(picture(), broken, focus=Focus(focal_disparity=0.0, max_radius_px=1.0))
    with pytest.raises(UsageError, match="shape"):
        lens_blur(picture(2), two_planes(), focus=Focus(focal_disparity=0.0, max_radius_px=1.0))


def test_can_be_cancelled():
    def stop(fraction, phase):
        raise Cancelled

    with pytest.raises(Cancelled):
        lens_blur(picture(), two_planes(), focus=Focus(focal_disparity=0.5, max_radius_px=9.0), progress=stop)


def test_a_preview_looks_like_the_full_result_reduced():
    rng = np.random.default_rng(2)
    size, factor = (768, 1024), 4
    image = sum(
        resize(rng.uniform(0, 1, (size[0] // step, size[1] // step, 3)).astype(np.float32), size)
        for step in (4, 16, 64)
    )
    image = np.clip(image / 3, 0, 1).astype(np.float32)
    disparity = np.linspace(0.2, 0.6, size[0], dtype=np.float32)[:, None].repeat(size[1], 1)
    disparity[200:520, 300:700] = 0.9
    disparity[100:700, 820:836] = 0.5

    def reduced(pixels):
        return resize(pixels, (size[0] // factor, size[1] // factor))

    full = lens_blur(image, disparity, focus=Focus(focal_disparity=0.9, max_radius_px=60)).image
    preview = lens_blur(
        reduced(image), reduced(disparity), focus=Focus(focal_disparity=0.9, max_radius_px=60 / factor)
    ).image
    assert np.abs(preview - reduced(full)).mean() <= 2 / 255


def test_without_a_focus_the_subjects_is_taken_as_portrait_blur_does(checkout):
    photo = np.asarray(Image.open(checkout / "examples" / "coffee.jpg").convert("RGB").resize((300, 200)))
    inputs = Inputs(picture=photo.astype(np.float32) / 255, disparity=ramp_down((200, 300)))
    kept = {}
    alone = apply("lens_blur", {}, replace(inputs, kept=kept))
    whole = apply("portrait", {}, inputs)
    assert alone.values["focal_disparity"] == pytest.approx(whole.values["focal_disparity"], abs=1e-3)
    assert alone.models
    assert not any("centre" in message for message in alone.messages)
    again = apply("lens_blur", {"f_number": 4}, replace(inputs, kept=kept))
    assert again.values["focal_disparity"] == alone.values["focal_disparity"]
    turned = replace(inputs, disparity=inputs.disparity[::-1], kept=kept)
    assert apply("lens_blur", {}, turned).values["focal_disparity"] != alone.values["focal_disparity"]


def ramp_down(size):
    """Return disparity that is near at the bottom, as on a table."""
    return np.repeat(np.linspace(0, 1, size[0], dtype=np.float32)[:, None], size[1], axis=1)
