"""The depth training: data, views, losses, batches and the split network."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

pytest.importorskip("grain")
pytest.importorskip("optax")

from dioptre.models.depth_anything_v2 import BackboneConfig, DepthAnythingConfig, HeadConfig
from dioptre.models.depth_anything_v2.module import DepthAnything
from training.depth import cache, curves, gpu, nyu, pack
from training.depth.batches import Part, batches
from training.depth.network import EARLY_BLOCKS, EARLY_TAPS, cut, joined
from training.depth.train import Recipe, make_step
from training.depth.values import read_pieces
from training.depth.views import LARGE_SHAPES, PATCH_PX, SHAPES, Source, draw, normalised

TINY = DepthAnythingConfig(
    backbone=BackboneConfig(width=16, hidden=16, heads=2, blocks=12, grid=5),
    head=HeadConfig(stages=(4, 4, 8, 8), fusion=8, hidden=4, positive=False),
)


@pytest.fixture(scope="module")
def tiny():
    graph, state = nnx.split(DepthAnything(TINY, rngs=nnx.Rngs(0)))
    return graph, nnx.to_pure_dict(state)


def test_no_frame_is_both_watched_and_shown_in_evaluation_pictures():
    assert not nyu.KEPT_OUT & nyu.SEEN_IN_EVALUATION
    assert {486, 493, 1336, 1344, 1446, 1448} <= nyu.SEEN_IN_EVALUATION


@pytest.mark.parametrize("shape", SHAPES | LARGE_SHAPES)
@pytest.mark.parametrize("exact", [False, True])
def test_view_keeps_picture_and_disparity_together(shape, exact):
    ramp = np.tile(np.linspace(0.1, 1, 500, dtype=np.float32), (400, 1))
    srgb = np.repeat((ramp * 255).astype(np.uint8)[..., None], 3, -1)
    source = Source(srgb=srgb, disparity=ramp, exact=exact)
    for seed in range(4):
        view = draw(np.random.default_rng(seed), source, shape=shape, plain=True)
        rows, columns = (SHAPES | LARGE_SHAPES)[shape]
        assert view.srgb.shape == (rows * PATCH_PX, columns * PATCH_PX, 3)
        assert np.abs(view.srgb[..., 0] / 255 - view.disparity).max() < 0.02


def test_cut_network_equals_the_whole(tiny):
    graph, values = tiny
    network, trained = cut(graph, values)
    srgb = np.random.default_rng(0).integers(0, 256, (1, 3 * PATCH_PX, 4 * PATCH_PX, 3)).astype(np.uint8)
    parts = network.disparity(trained, network.tokens(srgb), grid=(3, 4), per_patch=PATCH_PX)
    mean, deviation = jnp.array([0.485, 0.456, 0.406]), jnp.array([0.229, 0.224, 0.225])
    model = nnx.merge(graph, nnx.State(joined(network.early, trained)))
    whole = model((srgb.astype(np.float32) / 255 - mean) / deviation)
    assert network.early["blocks"]["scale1"].shape[0] == EARLY_BLOCKS
    # Tokens are stored as float16.
    assert parts == pytest.approx(np.asarray(whole), abs=2e-2 * float(np.ptp(whole)))


def _fake_cache(folder: Path, *, exact: bool, seed: int) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for shape, (rows, columns) in SHAPES.items():
        tokens = rng.standard_normal((5, len(EARLY_TAPS), 1 + rows * columns, 384)).astype(np.float16)
        np.save(folder / f"{shape}_tokens.npy", tokens)
        disparity = rng.random((5, rows * PATCH_PX, columns * PATCH_PX)).astype(np.float16)
        disparity[:, :40] = 0 if exact else np.nan
        np.save(folder / f"{shape}_disparity.npy", disparity)
    (folder / (cache.EXACT if exact else cache.MEASURED)).touch()
    return folder


def test_a_step_has_the_same_batch_after_resuming(tmp_path):
    parts = [
        Part(folder=_fake_cache(tmp_path / "real", exact=False, seed=0), count=1),
        Part(folder=_fake_cache(tmp_path / "rendered", exact=True, seed=1), count=2),
    ]
    options = {"steps": 7, "per_patch": 8, "far": 0.5, "seed": 3}
    whole = list(batches(parts, start=0, **options))
    again = list(batches(parts, start=4, **options))
    assert len(whole) == 7
    for (shape, batch), (other_shape, other) in zip(whole[4:], again, strict=True):
        assert shape == other_shape
        assert batch.keys() == other.keys()
        assert all(np.array_equal(batch[key], other[key]) for key in batch)
    assert whole[0][1]["exact"].tolist() == [0, 1, 1]
    assert whole[0][1]["measured"].max(axis=(1, 2)).astype(bool).tolist() == [True, False, False]
    assert (whole[0][1]["weight"][0] == 0).any()
    assert np.isfinite(whole[0][1]["target"]).all()


@pytest.mark.parametrize("late_rate", [0.0, 1e-3])
def test_training_lowers_the_error_and_leaves_frozen_values(tiny, late_rate):
    network, trained = cut(*tiny)
    recipe = Recipe(steps=30, rate=3e-3, late_rate=late_rate, warm_up=2, per_patch=2)
    optimiser = recipe.optimiser(trained)
    state = {"trained": trained, "average": trained, "moments": optimiser.init(trained)}
    before = jax.tree.map(np.asarray, trained)
    step = make_step(network, recipe, optimiser)
    rows, columns = np.mgrid[:8, :6]
    batch = {
        "tokens": np.random.default_rng(0).standard_normal((1, 2, 13, 16)).astype(np.float16),
        "target": normalised(rows + 0.2 * columns)[None].astype(np.float32),
        "weight": np.ones((1, 8, 6), np.float32),
        "exact": np.ones(1, np.float32),
        "measured": (1 + rows + 0.2 * columns)[None].astype(np.float32),
    }
    state = jax.tree.map(jnp.array, state)
    errors = []
    for number in range(recipe.steps):
        state, error = step(state, batch, float(number), grid=(4, 3))
        errors.append(float(error[0]))
    assert errors[-1] < 0.75 * errors[0]
    moved = not np.array_equal(state["trained"]["norm"]["scale"], before["norm"]["scale"])
    assert moved == bool(late_rate)


def _picture() -> Source:
    y, x = np.mgrid[:400, :500]
    disparity = (0.2 + x / 500 + (y > 200)).astype(np.float32)
    disparity[:30] = np.nan
    srgb = np.stack([x / 2, y / 2, x * 0], -1).astype(np.uint8)
    return Source(srgb=srgb, disparity=disparity, exact=True)


def test_whole_network_learns_from_a_pack(tmp_path):
    config = DepthAnythingConfig(
        backbone=BackboneConfig(width=16, hidden=16, heads=2, blocks=4, taps=(0, 1, 2, 3), grid=5),
        head=HeadConfig(stages=(4, 4, 4, 4), fusion=4, hidden=4, positive=False),
    )
    graph, state = nnx.split(DepthAnything(config, rngs=nnx.Rngs(0)))
    values = nnx.to_pure_dict(state)
    before = jax.tree.map(np.asarray, values)
    jpeg, png = pack.packed(_picture())
    picture = pack.Picture(jpeg=jpeg, png=png, exact=True, measured=False)
    recipe = gpu.Recipe(seconds=1e-3, batch=1, workers=0)
    after = gpu.train(tmp_path / "run", [picture], recipe, graph=graph, values=values)
    assert all(np.isfinite(value).all() for value in jax.tree.leaves(after))
    assert not np.array_equal(after["backbone"]["patch"]["kernel"], before["backbone"]["patch"]["kernel"])
    assert jax.tree.structure(read_pieces(tmp_path / "run", before)) == jax.tree.structure(before)


def test_the_drawn_curves_are_those_of_the_numbers() -> None:
    numbers = json.loads((curves.HERE / "curves.json").read_text(encoding="utf-8"))["curves"]
    assert curves.DRAWING.read_text(encoding="utf-8") == curves.drawn(numbers)
