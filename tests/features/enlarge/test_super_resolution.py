"""Super-resolution of colour, grey, transparent, bright and degenerate pictures."""

from __future__ import annotations

import io
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from dioptre.contract import Inputs, Result
from dioptre.features.enlarge import tiled
from dioptre.features.enlarge.back_projection import back_projected
from dioptre.features.enlarge.enlargement import super_resolution
from dioptre.imaging.encoding import linear_to_srgb, srgb_to_linear
from dioptre.imaging.resize import resize
from dioptre.models.registry import ModelKind, find
from dioptre.recipes.apply import apply
from dioptre_link.errors import UsageError
from dioptre_link.operation import Role


@pytest.fixture(scope="module")
def face(checkout: Path) -> np.ndarray:
    """A crop of 120 × 120 pixels from the photo of the astronaut."""
    with Image.open(checkout / "examples" / "astronaut.jpg") as picture:
        return np.asarray(picture.convert("RGB"), np.float32)[20:140, 160:280] / 255


@pytest.mark.parametrize("scale", [2, 4])
def test_better_than_bicubic(face: np.ndarray, scale: int) -> None:
    side = 120 // scale
    small = np.clip(resize(face, (side, side), method="bicubic"), 0, 1)
    error = {
        "network": np.mean((super_resolution(small, scale=scale, noise_reduction=0.0) - face) ** 2),
        "bicubic": np.mean((np.clip(resize(small, (120, 120), method="bicubic"), 0, 1) - face) ** 2),
    }
    assert error["network"] < 0.75 * error["bicubic"]


def test_grey_stays_grey(face: np.ndarray) -> None:
    grey = np.repeat(face[:40, :40, 1:2], 3, axis=2)
    enlarged = super_resolution(grey, scale=2, noise_reduction=0.0)
    assert np.ptp(enlarged, axis=2).max() == 0


def test_values_above_one_are_kept(face: np.ndarray) -> None:
    bright = face[:40, :40].copy()
    bright[10:30, 10:30] = 3.0
    enlarged = super_resolution(bright, scale=2, noise_reduction=0.0)
    assert enlarged[40, 40].mean() == pytest.approx(3.0, abs=0.02)
    assert enlarged.max() <= 3.0 + 1e-4


def test_edges_of_a_cut_out_are_clean_on_any_background() -> None:
    rgba = np.zeros((48, 48, 4), np.float32)
    rgba[..., :3] = (0, 1, 0)  # Colour that an editor may leave in transparent pixels.
    rgba[12:36, 12:36] = (0.8, 0.3, 0.2, 1)
    enlarged = super_resolution(rgba, scale=4, noise_reduction=0.0)
    seen = enlarged[..., 3] > 0.02
    assert np.abs(enlarged[seen][:, :3] - (0.8, 0.3, 0.2)).max() < 0.06
    assert enlarged[96, 96, 3] > 0.98
    assert enlarged[4, 4, 3] < 0.02
    assert enlarged[..., 3].mean() == pytest.approx(0.25, abs=0.01)


def test_constant_alpha_stays_exactly(face: np.ndarray) -> None:
    rgba = np.concatenate([face[:20, :20], np.full((20, 20, 1), 0.25, np.float32)], axis=2)
    assert (super_resolution(rgba, scale=2, noise_reduction=0.0)[..., 3] == 0.25).all()


@pytest.mark.parametrize(("size", "worst"), [((1, 1), 7.5), ((1, 600), 2.5), ((2, 600), 1.0)])
def test_tiny_and_narrow_pictures(size: tuple[int, int], worst: float) -> None:
    """The network sees a grey field with the picture's edge around it. Measured errors: 6.0, 2.1 and 0.8 of 255."""
    enlarged = super_resolution(np.full((*size, 3), 0.4, np.float32), scale=2)
    assert enlarged.shape == (size[0] * 2, size[1] * 2, 3)
    assert 255 * np.abs(enlarged - 0.4).max() < worst


def test_black_stays_black() -> None:
    assert super_resolution(np.zeros((16, 16, 3), np.float32), scale=2).max() < 0.02


def test_wrong_factors_and_models_are_refused(face: np.ndarray) -> None:
    with pytest.raises(UsageError, match="out of range"):
        super_resolution(face, scale=9)
    with pytest.raises(UsageError, match="not one of the choices"):
        super_resolution(face, scale=2, model="modnet")


def test_the_operation_says_what_it_did(face: np.ndarray) -> None:
    broken = face[:20, :24].copy()
    broken[3, 3] = np.nan
    result = apply("super_resolution", {"scale": "2"}, Inputs(picture=broken))
    (layer,) = result.layers
    assert layer.role is Role.RESULT
    assert layer.pixels.shape == (40, 48, 3)
    assert np.isfinite(layer.pixels).all()
    assert result.values["width"] == 48
    assert "span-x2" in result.models
    assert "NaN or infinite" in result.messages[0]


@pytest.mark.parametrize("scale", [1, 1.5, 2, 3, 4, 5.5, 8])
def test_any_factor_and_reduced_again_it_is_the_original(face: np.ndarray, scale: float) -> None:
    original = np.round(face[:40, :44] * 255) / 255
    enlarged = super_resolution(original, scale=scale, noise_reduction=0.0)
    assert enlarged.shape == (round(40 * scale), round(44 * scale), 3)
    again = resize(enlarged, (40, 44), method="bicubic")
    assert np.abs(again - original).max() <= 1 / 255


def test_fidelity_blends(face: np.ndarray) -> None:
    part = face[:40, :40]
    free, half, whole = (
        super_resolution(part, scale=4, noise_reduction=0.0, fidelity=fidelity) for fidelity in (0.0, 0.5, 1.0)
    )
    np.testing.assert_allclose(half, (free + whole) / 2, atol=1e-6)
    assert np.abs(free - whole).max() > 1 / 255


def test_seams_do_not_show(face: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles are exact before back-projection. Its influence fades quickly, so seams stay below one code value."""
    whole = super_resolution(face, scale=2, noise_reduction=0.0)
    monkeypatch.setattr(tiled, "TILES_PX", (80,))
    assert np.abs(super_resolution(face, scale=2, noise_reduction=0.0) - whole).max() < 0.3 / 255


def test_a_sharpened_photograph_gets_few_strokes(checkout: Path) -> None:
    """Measured: 1.08 times the error of interpolation; the values that SPAN's authors published them give 1.90."""
    with Image.open(checkout / "examples" / "astronaut.jpg") as picture:
        photo = np.asarray(picture.convert("RGB"), np.float32)[20:340, 80:400] / 255
    small = np.clip(resize(photo, (80, 80), method="bicubic"), 0, 1)
    sharp = np.clip(2 * small - gaussian_filter(small, (1, 1, 0)), 0, 1)
    truth = back_projected(photo, sharp)
    smooth = back_projected(resize(sharp, (320, 320), method="bicubic"), sharp)
    made = super_resolution(sharp, scale=4, noise_reduction=0.0)
    assert np.mean((made - truth) ** 2) < 1.3 * np.mean((smooth - truth) ** 2)


def test_out_of_focus_parts_get_no_new_detail(face: np.ndarray) -> None:
    part = face[:60, :60]
    defocus = np.zeros((60, 60), np.float32)
    defocus[:, 40:] = 1
    sharp = super_resolution(part, scale=2)
    gated = super_resolution(part, scale=2, defocus=defocus)
    np.testing.assert_allclose(gated[:, :72], sharp[:, :72], atol=1e-6)
    detail = [np.abs(np.diff(p[:, 90:], axis=1)).mean() for p in (gated, sharp)]
    assert detail[0] < 0.9 * detail[1]


def test_noise_reduction_helps_a_noisy_picture(checkout: Path) -> None:
    with Image.open(checkout / "examples" / "astronaut.jpg") as picture:
        truth = np.asarray(picture.convert("RGB"), np.float32)[20:260, 120:360] / 255
    small = np.clip(resize(truth, (120, 120), method="bicubic"), 0, 1)
    noisy = np.clip(small + np.random.default_rng(0).normal(0, 0.05, small.shape), 0, 1).astype(np.float32)
    strengths = (0.0, 0.5, None)
    errors = [np.mean((super_resolution(noisy, scale=2, noise_reduction=s) - truth) ** 2) for s in strengths]
    assert errors[1] < 0.8 * errors[0]
    assert errors[2] < 0.8 * errors[0]


def test_the_automatic_noise_reduction_is_told_and_can_be_repeated(face: np.ndarray) -> None:
    """The picture has transparent pixels, whose hidden noise does not count."""
    noisy = np.clip(face + np.random.default_rng(0).normal(0, 0.05, face.shape), 0, 1).astype(np.float32)
    cut_out = np.concatenate([face, np.zeros((120, 120, 1), np.float32)], axis=2)
    cut_out[:, 8:, :3] = noisy[:, 8:]
    cut_out[:, 8:, 3] = 1
    for picture in (noisy, cut_out):
        result = apply("super_resolution", {"scale": 2}, Inputs(picture=picture))
        assert 0.3 < result.values["noise_reduction"] < 1
        again = super_resolution(picture, scale=2, noise_reduction=result.values["noise_reduction"])
        np.testing.assert_array_equal(result.layers[0].pixels, again)


@pytest.fixture(scope="module")
def grainy(checkout: Path) -> np.ndarray:
    """A photo with grain of 4 of 255 levels, a flat grey area and a white area without grain."""
    with Image.open(checkout / "examples" / "coffee.jpg") as opened:
        photo = np.asarray(opened.convert("RGB").reduce(2), np.float32) / 255
    photo = 0.1 + 0.8 * photo[:200, :200]
    photo[140:, :100] = 0.5
    photo += np.random.default_rng(0).normal(0, 4 / 255, (200, 200, 1)).astype(np.float32)
    photo[140:, 100:] = 1
    return np.round(np.clip(photo, 0, 1) * 255) / np.float32(255)


@pytest.fixture(scope="module")
def grainy_enlarged(grainy: np.ndarray) -> tuple[Result, np.ndarray]:
    """The result for the photo with grain, and its pixels without any grain."""
    result = apply("super_resolution", {"scale": 2}, Inputs(picture=grainy))
    return result, super_resolution(grainy, scale=2, grain=0.0)


def test_a_picture_keeps_its_own_grain(grainy: np.ndarray, grainy_enlarged: tuple[Result, np.ndarray]) -> None:
    result, smooth = grainy_enlarged
    assert result.values["grain"] == 1
    flat, white = np.s_[310:380, 30:170], np.s_[310:380, 230:380]
    kept = result.layers[0].pixels
    half = super_resolution(grainy, scale=2, grain=0.5)
    levels = [255 * float(pixels[flat].std()) for pixels in (kept, half, smooth)]
    assert 0.8 * 4 < levels[0] < 1.1 * 4
    assert levels[1] == pytest.approx(levels[0] / 2, rel=0.15)
    assert levels[2] < 0.25 * 4
    np.testing.assert_allclose(kept[white], smooth[white], atol=1e-6)


def test_grain_that_was_given_back_can_be_repeated(
    grainy: np.ndarray, grainy_enlarged: tuple[Result, np.ndarray]
) -> None:
    result, smooth = grainy_enlarged
    options = {"noise_reduction": result.values["noise_reduction"], "grain": result.values["grain"]}
    repeated = super_resolution(grainy, scale=2, **options)
    np.testing.assert_array_equal(result.layers[0].pixels, repeated)
    by_hand = super_resolution(grainy, scale=2, noise_reduction=result.values["noise_reduction"])
    np.testing.assert_array_equal(by_hand, smooth)
    as_it_is = [super_resolution(grainy, scale=2, noise_reduction=0.0, grain=grain) for grain in (0.0, 1.0)]
    np.testing.assert_array_equal(*as_it_is)


def test_clean_compressed_and_very_noisy_pictures_get_no_grain(face: np.ndarray, grainy: np.ndarray) -> None:
    clean = np.clip(resize(face, (60, 60), method="bicubic"), 0, 1)
    noisy = np.clip(grainy + np.random.default_rng(0).normal(0, 0.05, grainy.shape), 0, 1).astype(np.float32)
    worn = np.asarray(saved(Image.fromarray(np.uint8(grainy * 255 + 0.5)), 50), np.float32) / 255
    for picture in (clean, noisy, worn):
        result = apply("super_resolution", {"scale": 2}, Inputs(picture=picture))
        assert result.values["grain"] == 0
        if picture is worn:
            smooth = super_resolution(picture, scale=2, grain=0.0)
            np.testing.assert_array_equal(result.layers[0].pixels, smooth)


def saved(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def test_a_softness_is_undone(checkout: Path) -> None:
    with Image.open(checkout / "examples" / "astronaut.jpg") as picture:
        truth = np.asarray(picture.convert("RGB"), np.float32)[20:340, 80:400] / 255
    linear = np.asarray(srgb_to_linear(jnp.asarray(truth)))
    blurred = np.asarray(linear_to_srgb(jnp.asarray(gaussian_filter(linear, (1.4, 1.4, 0)))))
    soft = np.clip(resize(blurred, (160, 160), method="bicubic"), 0, 1)
    made, left = (
        super_resolution(soft, scale=2, noise_reduction=0.0, softness=softness) for softness in (0.7, 0.0)
    )
    assert np.mean((made - truth) ** 2) < 0.7 * np.mean((left - truth) ** 2)
    options = {"scale": 2, "noise_reduction": 0.0, "softness": 0.7}
    by_options = apply("super_resolution", options, Inputs(picture=soft)).layers[0].pixels
    np.testing.assert_array_equal(by_options, made)


def test_networks_that_restore_get_the_picture_as_it_is(face: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = np.clip(face + np.random.default_rng(0).normal(0, 0.05, face.shape), 0, 1).astype(np.float32)
    faithful = find("span-x4", kind=ModelKind.SUPER_RESOLUTION)
    monkeypatch.setattr("dioptre.features.enlarge.enlargement.find", lambda *_, **__: faithful)
    options = {"scale": 4, "model": "realesrgan-x4plus"}
    assert apply("super_resolution", options, Inputs(picture=noisy)).values["noise_reduction"] == 0


def test_a_depth_layer_is_enlarged_with_its_picture() -> None:
    picture = np.full((50, 60, 3), 0.2, np.float32)
    picture[:, 30:] = 0.8
    disparity = np.where(np.arange(60) < 31, 0.1, 0.9).astype(np.float32) * np.ones((50, 1), np.float32)
    result = apply("super_resolution", {"scale": 3}, Inputs(picture=picture, disparity=disparity))
    assert [layer.role for layer in result.layers] == [Role.RESULT, Role.DEPTH]
    depth = result.layers[1].pixels
    assert depth.shape == (150, 180)
    np.testing.assert_allclose(depth[:, :84], 0.1, atol=0.02)
    np.testing.assert_allclose(depth[:, 100:], 0.9, atol=0.02)
