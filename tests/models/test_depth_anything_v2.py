"""Depth Anything V2: the published backbone reproduces the original, conversion is strict, resizing is exact.

Agreement with the original on random weights is tested in tests/reference.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import save_file

from dioptre.checkpoints.blueprint import fill
from dioptre.checkpoints.card import WeightsError
from dioptre.models.depth_anything_v2 import dioptre_small
from dioptre.models.depth_anything_v2.backbone import Backbone, resize_aligned, resize_cubic
from dioptre.models.depth_anything_v2.convert import convert, from_safetensors
from dioptre.models.loading import load_model
from dioptre.models.registry import IMAGENET_DEVIATION, IMAGENET_MEAN
from training.dinov2_vits14.published import PACKAGE, read_backbone

from ..golden import assert_recorded, pattern, read_golden

TOLERANCE = 2e-5  # Tolerance, as a fraction of the golden features' range.
GOLDEN_BLOCKS = 6  # Number of blocks, out of twelve, after which features were recorded.


@pytest.mark.reference
def test_published_backbone_gives_the_originals_features(published: Callable[[str], Path]) -> None:
    """The bundled backbone started from this one, but all its blocks have been trained further."""
    config = dioptre_small().backbone
    arrays = read_backbone(published(PACKAGE.name))
    backbone = fill(lambda rngs: Backbone(config, rngs=rngs), arrays, origin="test")
    picture = (pattern(224, 224) - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_DEVIATION)
    block, blocks = nnx.split(backbone.blocks)
    first = jax.tree.map(lambda values: values[:GOLDEN_BLOCKS], blocks)
    tokens = backbone.embed(jnp.asarray(picture)[None])
    features, _ = jax.lax.scan(lambda x, values: (nnx.merge(block, values)(x), None), tokens, first)
    assert features.shape == (1, 257, 384)
    golden = read_golden("dinov2_vits14")
    assert_recorded(golden, np.asarray(features), tolerance=TOLERANCE * (golden["max"] - golden["min"]))


def test_one_picture_of_a_batch_does_not_touch_the_others() -> None:
    model = load_model("dioptre-depth-small")
    pictures = np.random.default_rng(0).normal(size=(2, 56, 84, 3)).astype(np.float32)
    together = np.asarray(model(pictures))
    assert together.shape == (2, 56, 84)
    # In a batch, sums are computed in a different order.
    np.testing.assert_allclose(together[1], np.asarray(model(pictures[1:]))[0], atol=1e-4)


def test_a_strange_file_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        from_safetensors(path)
    save_file({"pretrained.what": np.zeros(3, np.float32)}, path)
    with pytest.raises(WeightsError, match="what matches 0 rules"):
        from_safetensors(path)


def test_arrays_of_neither_part_are_named() -> None:
    with pytest.raises(ValueError, match=r"unknown arrays: classifier\.weight"):
        convert({"classifier.weight": np.zeros(3, np.float32)})


def test_aligned_resizing_keeps_corners_and_straight_lines() -> None:
    ramp = np.linspace(0, 1, 7, dtype=np.float32)[None, :, None, None] * np.ones((1, 1, 5, 1), np.float32)
    resized = np.asarray(resize_aligned(jnp.asarray(ramp), (19, 9)))
    np.testing.assert_allclose(resized[0, :, 4, 0], np.linspace(0, 1, 19), atol=1e-6)


@pytest.mark.parametrize("length", [1, 2, 37, 50])
def test_cubic_resizing_keeps_constants_and_centres(length: int) -> None:
    constant = np.full((37, 37, 2), 3.0, np.float32)
    np.testing.assert_allclose(np.asarray(resize_cubic(jnp.asarray(constant), (length, 5))), 3.0, atol=1e-5)
    symmetric = np.abs(np.arange(37) - 18.0)[:, None, None].astype(np.float32) * np.ones((1, 37, 1), np.float32)
    resized = np.asarray(resize_cubic(jnp.asarray(symmetric), (length, 37)))[:, 0, 0]
    np.testing.assert_allclose(resized, resized[::-1], atol=1e-4)
