import numpy as np
import pytest
from PIL import Image

from dioptre.imaging import resize as resize_module
from dioptre.imaging.resize import fitted_size, resize, resized_rows


@pytest.fixture(scope="module")
def picture():
    """A picture so far from black and white that Pillow's 8-bit path clips no overshoot between its passes."""
    noise = np.random.default_rng(3).uniform(-30, 30, (61, 83, 3))
    waves = np.sin(np.arange(83) / 5)[None, :, None] * 30
    return (128 + noise + waves).astype(np.uint8)


@pytest.mark.parametrize("size", [(20, 31), (122, 166), (61, 30), (200, 83), (1, 1)])
@pytest.mark.parametrize(
    ("method", "pillow"),
    [("area", "BOX"), ("bilinear", "BILINEAR"), ("bicubic", "BICUBIC"), ("lanczos", "LANCZOS")],
)
def test_agrees_with_pillows_8_bit_result(picture, size, method, pillow):
    expected = np.asarray(Image.fromarray(picture).resize(size[::-1], Image.Resampling[pillow])).astype(int)
    made = np.rint(resize(picture.astype(np.float32) / 255, size, method=method) * 255).astype(int)
    assert np.abs(made - expected).max() <= 1  # Pillow's 8-bit path rounds between its two passes.


def test_area_keeps_the_mean_and_values_above_one():
    image = np.random.default_rng(1).uniform(0, 9, (64, 96)).astype(np.float32)
    made = resize(image, (16, 24), method="area")
    assert made.shape == (16, 24)
    assert np.allclose(made, image.reshape(16, 4, 24, 4).mean((1, 3)), atol=1e-5)


@pytest.mark.parametrize("method", ["area", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("size", [(41, 60), (180, 91), (97, 130), (600, 130)])
def test_bands_change_nothing_that_can_be_seen(monkeypatch, method, size):
    image = np.random.default_rng(1).uniform(size=(180, 130, 3)).astype(np.float32)
    if method == "area" and size[0] > 180:
        pytest.skip("repeating pixels is decided by a rounding error where a new pixel lies between two")
    whole = resize(image, size, method=method)
    monkeypatch.setattr(resize_module, "_BAND", 4000)
    assert len(resize_module._bands((180, 130), size, reach=0.5)) > 3
    assert np.allclose(resize(image, size, method=method), whole, atol=1e-4)


@pytest.mark.parametrize("size", [(180, 130), (181, 130), (180, 300), (500, 131)])
def test_some_rows_are_those_of_the_whole(size):
    image = np.random.default_rng(1).uniform(size=(180, 130, 3)).astype(np.float32)
    whole = resize(image, size, method="bilinear")
    for rows in (slice(0, 1), slice(13, 40), slice(30, size[0])):
        np.testing.assert_allclose(resized_rows(image, size, rows), whole[rows], atol=1e-5)


def test_fitted_size_keeps_proportions_and_never_enlarges():
    assert fitted_size((3000, 4000), longest_px=1000) == (750, 1000)
    assert fitted_size((3000, 4000), pixels=120_000) == (300, 400)
    assert fitted_size((30, 40), longest_px=1000) == (30, 40)
    assert fitted_size((1, 5000), longest_px=100) == (1, 100)
