"""MoGe-2: configurations from checkpoints, and the camera recovered from its points."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from dioptre.checkpoints.card import WeightsError
from dioptre.models.depth_anything_v2 import BackboneConfig
from dioptre.models.loaded import Loaded
from dioptre.models.moge2 import from_published
from dioptre.models.moge2.geometry import Camera, fit_camera, inverse_depth
from dioptre.models.moge2.module import Moge2, view_plane
from dioptre.models.registry import ENTRIES

SMALL = (8, 8, 4, 4, 4)
BACKBONE = BackboneConfig(width=16, blocks=2, heads=2, hidden=16, grid=5, taps=(0, 1), position_offset=0.1)
PICTURE = jnp.asarray(np.random.default_rng(2).normal(size=(2, 28, 42, 3)), jnp.float32)


def published(**changes: Any) -> dict[str, Any]:
    stack = {
        "dim_res_blocks": list(SMALL),
        "res_block_in_norm": "none",
        "res_block_hidden_norm": "none",
        "resamplers": ["conv_transpose", "conv_transpose", "conv_transpose", "bilinear"],
    }
    head = {**stack, "dim_in": list(SMALL), "num_res_blocks": [0, 0, 1, 0, 0]}
    return {
        "encoder": {"backbone": "dinov2_vits14", "intermediate_layers": 2, "dim_out": 8},
        "neck": {**stack, "dim_in": [10, 2, 2, 2, 2], "dim_out": None, "num_res_blocks": 1},
        "points_head": {**head, "dim_out": [None] * 4 + [3]},
        "mask_head": {**head, "dim_out": [None] * 4 + [1]},
        "scale_head": {"dims": [384, 1]},
        "remap_output": "exp",
    } | changes


def test_a_checkpoint_says_its_configuration() -> None:
    config = from_published(published())
    assert config.backbone.taps == (10, 11)
    assert config.neck.blocks == (1, 1, 1, 1, 1)
    assert config.normal is None
    assert config.tokens == (1200, 3600)


def test_what_the_file_states_comes_before_what_the_registry_has() -> None:
    entry = ENTRIES["moge-2-vits-normal"]
    assert entry.configuration().backbone.taps == (2, 5, 8, 11)
    assert entry.configuration({}, published()).backbone.taps == (10, 11)


@pytest.mark.parametrize(
    "changes",
    [
        {"remap_output": "linear"},
        {"encoder": {"backbone": "dinov2_vitg14", "intermediate_layers": 2, "dim_out": 8}},
        {"neck": {}},
        {"points_head": None},
        {"neck": published()["neck"] | {"resamplers": "pixel_shuffle"}},
        {"neck": published()["neck"] | {"res_block_in_norm": "layer_norm"}},
        {"neck": published()["neck"] | {"dim_in": [10, 2]}},
        {"neck": published()["neck"] | {"num_res_blocks": 1 << 40}},
        {"neck": published()["neck"] | {"dim_res_blocks": [float("inf")] * 5}},
        {"encoder": {"backbone": "dinov2_vits14", "intermediate_layers": ["2"], "dim_out": 8}},
        {"encoder": {"backbone": "dinov2_vits14", "intermediate_layers": 2, "dim_out": -1}},
        {"scale_head": {"dims": [1] * 1000}},
        {"num_tokens_range": "ab"},
        {"num_tokens_range": [1200]},
    ],
)
def test_other_variants_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(WeightsError, match="variant"):
        from_published(published(**changes))


def network_of(**changes: Any) -> Moge2:
    """Return a network with a small backbone and random values."""
    config = replace(from_published(published(**changes)), backbone=BACKBONE, scale=(BACKBONE.width, 1))
    graph, state = nnx.split(nnx.eval_shape(lambda: Moge2(config, rngs=nnx.Rngs(0))))
    random = np.random.default_rng(1)
    return nnx.merge(graph, jax.tree.map(lambda x: jnp.asarray(0.1 * random.normal(size=x.shape), x.dtype), state))


@nnx.jit
def computed(network: Moge2) -> tuple[jax.Array, ...]:
    return (*network(PICTURE), network.normals(PICTURE))


def test_the_network_gives_maps_of_the_pictures_size() -> None:
    """The blocks at the finest level make it non-linear, so that it is computed level by level."""
    network = network_of()
    assert not network.linear_end
    found = nnx.jit(network)(PICTURE)
    assert found.points.shape == (2, 28, 42, 3)
    assert found.mask.shape == (2, 28, 42)
    assert found.metric_scale is not None
    assert found.metric_scale.shape == (2,)
    assert bool((found.points[..., 2] > 0).all())


def scene(camera: Camera, *, height: int = 90, width: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Return the network's points of a slope with a step, without the camera's shift, and the depth."""
    plane = np.asarray(view_plane(height, width, jnp.asarray(width / height)))
    depth = 2.0 + plane[..., 1] + np.where(plane[..., 0] > 0, 1.5, 0.0)
    points = np.concatenate([plane / camera.focal * depth[..., None], depth[..., None] - camera.shift], axis=-1)
    return points.astype(np.float32), depth


@pytest.mark.parametrize(("focal", "shift"), [(1.2, 0.0), (0.8, 0.6), (2.5, -0.4), (1.2, 1.2)])
def test_the_camera_is_found_and_gives_depth_back(focal: float, shift: float) -> None:
    points, depth = scene(Camera(focal=focal, shift=shift))
    known = np.ones(depth.shape, bool)
    known[:10] = False
    points[:10] = 1e3
    camera = fit_camera(points, known, aspect=120 / 90)
    assert camera.focal == pytest.approx(focal, rel=1e-4)
    assert camera.shift == pytest.approx(shift, abs=1e-3)
    per_metre = inverse_depth(points, known, camera, metres=2.0)
    assert not per_metre[:10].any()
    np.testing.assert_allclose(per_metre[10:], 1 / (2 * depth[10:]), rtol=1e-3)
    told = fit_camera(points, known, aspect=120 / 90, focal=focal)
    assert told.focal == focal
    assert told.shift == pytest.approx(shift, abs=1e-3)


def test_a_linear_end_is_computed_as_one_convolution() -> None:
    """The shortcut equals level by level: points, mask and normals. A loaded network estimates the same normals."""
    neck = published()["neck"] | {"num_res_blocks": [0, 0, 1, 0, 0]}
    network = network_of(neck=neck, normal_head=published()["points_head"])
    assert network.linear_end
    quick = computed(network)
    loaded = Loaded.of(network, entry=ENTRIES["moge-2-vits-normal"], config=None)
    np.testing.assert_allclose(loaded.run_method("normals", PICTURE), quick[-1], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(quick[-1], axis=-1), 1, atol=1e-5)
    network.linear_end = False
    for ours, expected in zip(quick, computed(network), strict=True):
        np.testing.assert_allclose(np.asarray(ours), np.asarray(expected), rtol=1e-4, atol=1e-5)


def test_a_picture_without_geometry_has_a_camera_too() -> None:
    points, depth = scene(Camera(focal=1.0, shift=0.0))
    camera = fit_camera(points, np.zeros(depth.shape, bool), aspect=4 / 3)
    assert camera == Camera(focal=1.0, shift=0.0)
    assert not inverse_depth(points, np.zeros(depth.shape, bool), camera).any()


def test_the_field_of_view_is_that_of_a_pinhole() -> None:
    camera = Camera(focal=1.0, shift=0.0)
    half_width = (4 / 3) / math.hypot(1, 4 / 3)
    assert camera.field_of_view(4 / 3) == pytest.approx(2 * math.degrees(math.atan(half_width)))
