"""The depth refiner matches its PyTorch original and moves edges to those of the picture."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from dioptre.models.depth_refiner.module import fetch, pixel_unshuffle
from dioptre.models.doubling import double
from dioptre.models.loading import load_model
from dioptre.models.pixel_shuffle import pixel_shuffle

from ..golden import assert_recorded, read_golden

TOLERANCE = 5e-6  # Tolerance for float32 sums in a different order; the output's range is 1.2.


def golden_inputs(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the same inputs as training/depth_refiner/golden.py."""
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    rgb = np.stack([0.5 + 0.5 * np.sin(0.11 * x + 0.07 * k * y + k) for k in range(3)], axis=-1)
    rgb[:, : width // 2] *= 0.3
    coarse = 0.5 + 0.4 * np.tanh((x - width / 2 - 5) / 9) + 0.1 * np.cos(0.05 * y)
    return rgb.astype(np.float32), coarse.astype(np.float32)


def test_agrees_with_the_original() -> None:
    golden = read_golden("depth_refiner")
    rgb, coarse = golden_inputs(*golden["shape"])
    out = np.asarray(load_model("dioptre-depth-refiner")(rgb[None], coarse[None]))[0]
    assert_recorded(golden, out, tolerance=TOLERANCE)


def test_a_misplaced_edge_moves_to_the_pictures() -> None:
    y, x = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    disc = np.hypot(y - 128, x - 128) < 70
    rgb = np.where(disc[..., None], [0.8, 0.5, 0.4], [0.1, 0.2, 0.15]).astype(np.float32)
    # The coarse disc is soft, and its radius is 7 px too large.
    soft = (1 / (1 + np.exp((np.hypot(y - 128, x - 128) - 77) / 6))).astype(np.float32)
    model = load_model("dioptre-depth-refiner")
    once = model(rgb[None], soft[None])
    refined = np.asarray(model(rgb[None], once))[0]
    radius = np.sqrt((refined > 0.5).sum() / np.pi)
    assert radius == pytest.approx(70, abs=1)
    # The measured ratio is 0.43, and 0.50 after a single pass.
    assert np.abs(refined - disc).mean() < 0.46 * np.abs(soft - disc).mean()


def test_sides_that_are_no_multiples_of_16_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 16, not 32 x 40"):
        load_model("dioptre-depth-refiner")(np.zeros((1, 32, 40, 3), np.float32), np.zeros((1, 32, 40), np.float32))


def test_fetching_from_a_whole_number_of_pixels_away_is_a_shift_clamped_at_the_border() -> None:
    values = np.random.default_rng(0).random((1, 6, 9)).astype(np.float32)
    moved = np.asarray(
        fetch(jnp.asarray(values), columns=jnp.full_like(values, 2.0), rows=jnp.full_like(values, -1.0))
    )
    rows, columns = np.clip(np.arange(6) - 1, 0, None), np.clip(np.arange(9) + 2, None, 8)
    np.testing.assert_allclose(moved[0], values[0][np.ix_(rows, columns)], atol=1e-6)


def test_fetching_between_pixels_interpolates() -> None:
    ramp = np.tile(np.arange(9, dtype=np.float32), (1, 4, 1))
    moved = np.asarray(fetch(jnp.asarray(ramp), columns=jnp.full_like(ramp, 0.25), rows=jnp.full_like(ramp, 0.5)))
    np.testing.assert_allclose(moved[0, :, :8], ramp[0, :, :8] + 0.25, atol=1e-6)


def test_unshuffle_is_the_inverse_of_shuffle() -> None:
    x = np.random.default_rng(0).random((1, 4, 6, 8)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(pixel_unshuffle(pixel_shuffle(jnp.asarray(x), 2), 2)), x)


def test_doubling_keeps_straight_lines_inside() -> None:
    ramp = np.tile(np.arange(6, dtype=np.float32)[:, None, None], (1, 1, 5, 1))
    doubled = np.asarray(double(jnp.asarray(ramp)))[0, 1:-1, 3, 0]
    np.testing.assert_allclose(doubled, np.arange(1, 11) / 2 - 0.25, atol=1e-6)
