"""Noise and JPEG quantization are estimated from a picture; texture, drawings and transparency do not count."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from dioptre.features.enlarge.noise_estimation import measure_degradation, suitable_strength

# Ratio of luma noise to the noise of each channel, if the channels' noise is independent and equally strong.
LUMA_SHARE = np.sqrt(0.299**2 + 0.587**2 + 0.114**2)


@pytest.fixture(scope="module")
def picture(checkout: Path) -> np.ndarray:
    with Image.open(checkout / "examples" / "coffee.jpg") as opened:
        half = opened.convert("RGB").reduce(2)  # At half size, the file's own JPEG blocks no longer show.
        return np.asarray(half, np.float32) / 255


def noisy(picture: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, deviation, picture.shape)
    return np.clip(picture + noise, 0, 1).astype(np.float32)


def as_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(np.uint8(picture * 255 + 0.5)).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"), np.float32) / 255


def strength_for(picture: np.ndarray, where: np.ndarray | None = None) -> float:
    return suitable_strength(measure_degradation(picture, where))


def test_a_clean_picture_needs_nothing(picture: np.ndarray) -> None:
    assert strength_for(picture) == 0


@pytest.mark.parametrize("deviation", [0.012, 0.025, 0.05])
def test_noise_is_measured(picture: np.ndarray, deviation: float) -> None:
    degradation = measure_degradation(noisy(picture, deviation))
    assert degradation.noise == pytest.approx(deviation * LUMA_SHARE, rel=0.2)
    assert degradation.quantization == 0


@pytest.mark.parametrize(("quality", "steps"), [(95, 0.1), (80, 0.4), (50, 1.0), (20, 2.5)])
@pytest.mark.parametrize("cut", [(0, 0), (3, 5)])
def test_quantisation_is_measured_on_whole_and_cropped_pictures(
    picture: np.ndarray, quality: int, steps: float, cut: tuple[int, int]
) -> None:
    worn = np.ascontiguousarray(as_jpeg(picture, quality)[cut[0] :, cut[1] :])
    assert measure_degradation(worn).quantization == pytest.approx(steps, rel=0.25)


def test_more_damage_wants_more(picture: np.ndarray) -> None:
    by_noise = [strength_for(noisy(picture, deviation)) for deviation in (0.012, 0.025, 0.05)]
    by_jpeg = [strength_for(as_jpeg(picture, quality)) for quality in (90, 60, 20)]
    both = strength_for(as_jpeg(noisy(picture, 0.05), 90))
    for strengths in (by_noise, by_jpeg):
        assert strengths == sorted(strengths)
        assert 0 < strengths[0] < 0.5 * strengths[-1] < 0.5
    assert both > by_jpeg[0] + 0.2


def test_fine_texture_of_one_colour_is_not_noise(picture: np.ndarray) -> None:
    """Gravel is as fine and uniform as noise, but affects only brightness."""
    grain = np.random.default_rng(0).normal(0, 0.05, (*picture.shape[:2], 1))
    grainy = np.clip(0.2 + 0.6 * picture + grain, 0, 1).astype(np.float32)
    assert strength_for(grainy) == 0


def grey_grain(picture: np.ndarray, level: float, *, blur: float = 0.0) -> np.ndarray:
    grain = gaussian_filter(np.random.default_rng(0).normal(0, 1, (*picture.shape[:2], 1)), (blur, blur, 0))
    return np.clip(0.2 + 0.6 * picture + level * grain / grain.std(), 0, 1).astype(np.float32)


@pytest.mark.parametrize("level", [0.01, 0.016, 0.024])
@pytest.mark.parametrize("quality", [None, 97])
def test_light_grain_is_measured_and_removed(picture: np.ndarray, level: float, quality: int | None) -> None:
    """JPEG leaves less of the finest grain, so that the level is measured up to a quarter too low."""
    grainy = grey_grain(picture, level)
    degradation = measure_degradation(grainy if quality is None else as_jpeg(grainy, quality))
    assert degradation.grain == pytest.approx(level, rel=0.15 if quality is None else 0.3)
    assert suitable_strength(degradation) > 0.1


@pytest.mark.parametrize("quality", [20, 50, 80, 95, None])
def test_blocks_and_texture_are_not_grain(picture: np.ndarray, quality: int | None) -> None:
    """The texture of grass or cloth is coarser than grain."""
    for kind in (picture, grey_grain(picture, 0.016, blur=0.7)):
        assert measure_degradation(kind if quality is None else as_jpeg(kind, quality)).grain == 0


def test_what_does_not_count_is_not_looked_at(picture: np.ndarray) -> None:
    half = noisy(picture, 0.05)
    half[:, 150:] = picture[:, 150:]
    right = np.zeros(picture.shape[:2], bool)
    right[:, 152:] = True
    assert strength_for(half, right) == 0
    assert strength_for(half, ~right) > 0.4


def test_drawings_of_full_colours_are_clean() -> None:
    """A drawing is flat and clipped except at its edges, which must not count as noise."""
    y, x = np.indices((256, 256))
    drawing = np.ones((256, 256, 3), np.float32)
    drawing[(x - 128) ** 2 + (y - 128) ** 2 < 100**2] = (1, 0.8, 0)
    drawing[(x + 2 * y) % 40 < 9] = 0
    assert strength_for(drawing) == 0
