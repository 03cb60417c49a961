"""MODNet agrees with the original runtime on the golden picture."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from dioptre.models.loading import load_model
from dioptre.models.modnet.convert import RULES, folded

from ..golden import assert_golden, pattern

TOLERANCE = 4e-3  # The weights are stored as float16; with unrounded weights the difference is 7e-6.


def test_agrees_with_the_original() -> None:
    network = load_model("modnet")
    prepared = network.entry.preprocessing
    x = (pattern(256, 320) - np.float32(prepared.mean)) / np.float32(prepared.deviation)
    assert_golden("modnet", np.asarray(network(x[None]))[0], tolerance=TOLERANCE)


def test_refuses_sides_that_do_not_divide() -> None:
    with pytest.raises(ValueError, match="multiples of 32"):
        load_model("modnet")(jnp.zeros((1, 256, 330, 3)))


def test_key_map_names_every_array_once() -> None:
    targets = [rule.target for rule in RULES]
    assert len(targets) == len(set(targets)) == 140  # 69 convolutions with kernel and bias, and two products.


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
