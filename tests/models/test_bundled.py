"""The bundled networks agree with their original runtimes on the golden picture, and keep to their limits."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from dioptre.models.loading import load_model
from training.modnet.convert import RULES, folded

from ..golden import assert_golden, pattern


@pytest.mark.parametrize(
    ("name", "golden", "size", "tolerance"),
    # The weights are stored as float16. With unrounded weights, the differences are 5e-7 and 7e-6.
    [
        ("span-x2", "span-x2-ch48", (32, 48), 2.5e-4),
        ("modnet", "modnet", (256, 320), 4e-3),
    ],
)
def test_agrees_with_the_original(name: str, golden: str, size: tuple[int, int], tolerance: float) -> None:
    network = load_model(name)
    prepared = network.entry.preprocessing
    x = pattern(*size)
    if not name.startswith("span"):
        x = (x - np.float32(prepared.mean)) / np.float32(prepared.deviation)
    assert_golden(golden, np.asarray(network(x[None]))[0], tolerance=tolerance)


@pytest.mark.parametrize(
    ("name", "width", "said"),
    [
        ("modnet", 330, "multiples of 32"),
        ("dioptre-depth-small", 30, "multiples of 14, not 32 x 30"),
    ],
)
def test_refuses_sides_that_do_not_divide(name: str, width: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        load_model(name)(jnp.zeros((1, 32, width, 3)))


@pytest.mark.parametrize("scale", [2, 4])
def test_outside_of_the_picture_counts_as_its_edge(scale: int) -> None:
    """A picture inside a larger array gives the same result as on its own, so tiles at its edge are exact."""
    network = load_model(f"span-x{scale}")
    alone = pattern(20, 24)
    inside = np.zeros((40, 40, 1), np.float32)
    inside[7:27, 5:29] = 1
    larger = np.full((40, 40, 3), 0.7, np.float32)
    larger[7:27, 5:29] = alone
    expected = np.asarray(network(alone[None]))[0]
    made = np.asarray(network(larger[None], inside[None]))[0][7 * scale : 27 * scale, 5 * scale : 29 * scale]
    np.testing.assert_allclose(made, expected, atol=2e-6)


def test_reach_is_as_stated() -> None:
    """A changed pixel has no effect beyond the stated radius, but some effect at that radius."""
    network = load_model("span-x2")
    radius = network.config.receptive_radius_px
    picture = np.tile(pattern(1, 64), (9, 1, 1))
    changed = picture.copy()
    changed[:, 0] += 0.5
    reach = np.abs(np.asarray(network(picture[None])) - np.asarray(network(changed[None])))[0].max(axis=(0, 2))
    assert reach[2 * (radius + 1) :].max() == 0
    assert reach[2 * radius : 2 * radius + 2].max() > 0


def test_batch_normalisation_is_folded_into_its_half_of_the_channels() -> None:
    rng = np.random.default_rng(4)
    names = sorted({rule.source.replace("\\", "") for rule in RULES})
    stems = [name.removesuffix(".layers.0.weight") for name in names if name.endswith(".layers.0.weight")]
    weights = {}
    for stem in stems:
        weights[f"{stem}.layers.0.weight"] = rng.normal(size=(6, 2, 1, 1)).astype(np.float32)
        weights[f"{stem}.layers.0.bias"] = rng.normal(size=6).astype(np.float32)
        for part in ("weight", "bias", "running_mean", "running_var"):
            weights[f"{stem}.layers.1.bnorm.{part}"] = rng.uniform(0.5, 2, 3).astype(np.float32)
    stem = "lr_branch.conv_lr8x"
    made = folded(weights)
    x = rng.normal(size=2).astype(np.float32)
    raw = weights[f"{stem}.layers.0.weight"][..., 0, 0] @ x + weights[f"{stem}.layers.0.bias"]
    scale, offset, mean, variance = (
        weights[f"{stem}.layers.1.bnorm.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
    )
    expected = np.concatenate([(raw[:3] - mean) / np.sqrt(variance + 1e-5) * scale + offset, raw[3:]])
    found = made[f"{stem}.layers.0.weight"][..., 0, 0] @ x + made[f"{stem}.layers.0.bias"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
