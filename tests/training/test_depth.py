"""The depth training: data, views, losses, batches and the split network."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from PIL import Image

pytest.importorskip("grain")
pytest.importorskip("optax")

from dioptre.models.depth_anything_v2.config import BackboneConfig, DepthAnythingConfig, HeadConfig
from dioptre.models.depth_anything_v2.module import DepthAnything
from training.depth import cache, curves, evaluate, gpu, label, nyu, pack
from training.depth.batches import Part, batches
from training.depth.losses import LossWeights, loss
from training.depth.network import EARLY_BLOCKS, EARLY_TAPS, cut, joined
from training.depth.train import Recipe, make_step
from training.depth.values import read_pieces, read_values, write_pieces, write_values
from training.depth.views import LARGE_SHAPES, PATCH_PX, SHAPES, Source, View, draw, normalised, turned

TINY = DepthAnythingConfig(
    backbone=BackboneConfig(width=16, hidden=16, heads=2, blocks=12, grid=5),
    head=HeadConfig(stages=(4, 4, 8, 8), fusion=8, hidden=4, positive=False),
)


@pytest.fixture(scope="module")
def tiny():
    graph, state = nnx.split(DepthAnything(TINY, rngs=nnx.Rngs(0)))
    return graph, nnx.to_pure_dict(state)


@pytest.fixture
def frame_folder(tmp_path: Path) -> Path:
    """A synthetic frame: 1 m on the left, 4 m on the right."""
    for name in (nyu.FRAMES, nyu.DEPTHS):
        (tmp_path / name).mkdir()
    depth_m = np.full((480, 640), 4.0)
    depth_m[:, :320] = 1.0
    Image.new("RGB", (640, 480), (10, 20, 30)).save(tmp_path / nyu.FRAMES / "00007.jpg")
    Image.fromarray((depth_m / 4 * 255).astype(np.uint8)).save(tmp_path / nyu.FRAMES / "00007.png")
    mirrored = np.floor(25.5 * depth_m[:, ::-1]).astype(np.uint8)
    Image.fromarray(mirrored).save(tmp_path / nyu.DEPTHS / "7.png")
    return tmp_path


def test_two_copies_of_a_frame_give_metres(frame_folder):
    frame = nyu.read(frame_folder, 7)
    assert frame.srgb.shape == (468, 625, 3)
    assert frame.depth_m[:, 0] == pytest.approx(1.0, abs=0.03)
    assert frame.depth_m[:, -1] == pytest.approx(4.0, abs=0.03)


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


def test_unknown_disparity_stays_unknown():
    disparity = np.ones((400, 400), np.float32)
    disparity[:, 200:] = np.nan
    view = draw(
        np.random.default_rng(0),
        Source(srgb=np.zeros((400, 400, 3), np.uint8), disparity=disparity, exact=False),
        shape="square",
        least=0.99,
    )
    assert 0.4 < np.isnan(view.disparity).mean() < 0.6
    assert np.nanmax(view.disparity) == 1


def _target(seed: int = 0) -> jax.Array:
    y, x = np.mgrid[:48, :60]
    relief = np.sin(x / 9 + seed) + np.cos(y / 7) + x / 20
    return jnp.asarray(normalised(relief)[None], jnp.float32)


def test_loss_ignores_scale_and_shift_except_for_its_raw_part():
    target, weights = _target(), LossWeights(raw=0.0)
    args = (target, jnp.ones_like(target), jnp.ones(1))
    perfect, _ = loss(3 * target + 5, *args, weights=weights)
    wrong, _ = loss(_target(seed=2), *args, weights=weights)
    assert perfect < 0.05 * wrong  # Not zero, because the median is computed over every third pixel.
    with_raw, _ = loss(3 * target + 5, *args, weights=LossWeights())
    assert with_raw > 1


def test_error_where_depth_was_measured_ignores_scale_and_shift_and_counts_the_rest():
    target, weights = _target(), LossWeights(raw=0.0, gradient=0.0)
    truth = target - target.min() + 1
    args = (target, jnp.ones_like(target), jnp.ones(1))

    def fitted(output, measured):
        with_it, without = (loss(output, *args, weights=weights, measured=m)[0] for m in (measured, None))
        return float(with_it - without)

    assert fitted(3 * target + 5, truth) == pytest.approx(0, abs=1e-3)
    assert fitted(_target(seed=2), truth) > 0.1
    assert fitted(_target(seed=2), jnp.zeros_like(truth)) == 0
    spoiled = _target(seed=2).at[:, :, :20].set(1e3)
    left_out = truth.at[:, :, :20].set(0)
    assert fitted(spoiled, left_out) == pytest.approx(fitted(_target(seed=2), left_out), rel=1e-4)


def test_unknown_pixels_have_no_say():
    target = _target()
    weight = jnp.ones_like(target).at[:, :, :20].set(0)
    output = _target(seed=1)
    spoiled = output.at[:, :, :20].set(1e3)
    kwargs = {"weights": LossWeights()}
    assert loss(output, target, weight, jnp.ones(1), **kwargs)[0] == pytest.approx(
        float(loss(spoiled, target, weight, jnp.ones(1), **kwargs)[0]), rel=1e-5
    )


def test_turned_picture_and_disparity_stay_together_and_have_no_empty_corners():
    ramp = np.tile(np.linspace(1, 2, 320, dtype=np.float32), (240, 1))
    srgb = np.repeat((ramp * 100).astype(np.uint8)[..., None], 3, -1)
    for seed in range(8):
        seen = turned(np.random.default_rng(seed), Source(srgb=srgb, disparity=ramp, exact=False))
        assert seen.srgb.shape[:2] == seen.disparity.shape
        assert seen.disparity.min() >= 1
        assert np.abs(seen.srgb[..., 0] - seen.disparity * 100).max() < 3


def test_gradient_of_the_loss_is_finite_on_a_flat_output():
    target = _target()

    def total(output):
        return loss(output, target, jnp.ones_like(target), jnp.ones(1), weights=LossWeights())[0]

    assert jnp.isfinite(jax.grad(total)(jnp.zeros_like(target))).all()


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


def test_values_survive_the_file(tiny, tmp_path):
    _, trained = cut(*tiny)
    write_values(tmp_path / "trained.npz", trained)
    again = read_values(tmp_path / "trained.npz", trained)
    assert jax.tree.structure(again) == jax.tree.structure(trained)
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, again, trained)))
    with pytest.raises(ValueError, match="another network"):
        read_values(tmp_path / "trained.npz", {"head": trained["head"]})


def test_score_is_perfect_for_any_scale_and_shift_of_the_truth():
    truth = np.random.default_rng(0).uniform(0.2, 2, (20, 30))
    result = evaluate.score(7 * truth - 3, truth, np.ones_like(truth, bool))
    assert (result.absrel, result.delta1, result.correlation) == pytest.approx((0, 1, 1), abs=1e-9)
    assert evaluate.score(np.random.default_rng(1).random((20, 30)), truth, truth > 0).absrel > 0.3


def _picture() -> Source:
    y, x = np.mgrid[:400, :500]
    disparity = (0.2 + x / 500 + (y > 200)).astype(np.float32)
    disparity[:30] = np.nan
    srgb = np.stack([x / 2, y / 2, x * 0], -1).astype(np.uint8)
    return Source(srgb=srgb, disparity=disparity, exact=True)


def test_packed_picture_comes_back_nearly_the_same():
    source = _picture()
    again = pack.unpacked(*pack.packed(source), exact=True)
    scale = again.srgb.shape[0] / 400
    assert min(again.disparity.shape) == pack.SHORT_SIDE_PX
    assert again.disparity.shape == again.srgb.shape[:2]
    rows, columns = (np.array([60, 150, 300]), np.array([30, 250, 480]))
    i, j = (rows * scale).astype(int), (columns * scale).astype(int)
    expected = source.disparity[rows, columns] / np.nanmax(source.disparity)
    assert again.disparity[i, j] == pytest.approx(expected, rel=0.03)
    assert np.isnan(again.disparity[:10]).all()
    assert np.abs(again.srgb[i, j].astype(int) - source.srgb[rows, columns]).max() < 8


def test_pack_stays_within_its_limit_and_takes_the_sets_in_turn(tmp_path):
    one = len(b"".join(pack.packed(_picture()))) + 16
    path = tmp_path / "pack.npz"
    sets = [pack.Set(readers=[_picture] * 9, exact=True), pack.Set(readers=[_picture] * 9, measured=True)]
    count = pack.write(path, sets, limit_bytes=4 * one)
    assert count == 4
    assert path.stat().st_size < 4.2 * one
    assert [one.exact for one in pack.read(path)] == [True, False, True, False]
    assert [one.measured for one in pack.read(path)] == [False, True, False, True]


def test_label_is_unknown_where_estimates_disagree():
    ramp = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (30, 1))

    def sure(srgb: np.ndarray) -> np.ndarray:
        return ramp if srgb[0, 0, 0] < srgb[0, -1, 0] else ramp[:, ::-1]

    def unsure(srgb: np.ndarray) -> np.ndarray:
        other = sure(srgb).copy()
        other[:8] = other[:8, ::-1]
        return other

    srgb = np.repeat((ramp * 255).astype(np.uint8)[..., None], 3, -1)
    assert not np.isnan(label.label([sure, sure], srgb)).any()
    partly = label.label([sure, unsure], srgb)
    assert np.isnan(partly[:8, :5]).all()
    assert not np.isnan(partly[10:]).any()
    assert label.label([sure, lambda srgb: sure(srgb)[:, ::-1]], srgb) is None


def test_values_come_back_from_pieces(tmp_path):
    values = {"a": {"b": np.arange(1200, dtype=np.float32).reshape(300, 4)}, "c": np.ones(3, np.float32)}
    paths = write_pieces(tmp_path, values, largest_bytes=1000)
    assert len(paths) > 2
    again = read_pieces(tmp_path, values)
    assert np.array_equal(again["a"]["b"], values["a"]["b"])
    assert np.array_equal(again["c"], values["c"])


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


def test_a_view_of_nothing_but_sky_is_no_error() -> None:
    nothing = jnp.zeros((1, 24, 24))

    def objective(output: jax.Array) -> jax.Array:
        return loss(output, nothing, nothing, jnp.zeros(1), weights=LossWeights(), measured=nothing)[0]

    value, gradient = jax.value_and_grad(objective)(jnp.ones((1, 24, 24)).at[0, 3].set(2.0))
    assert value == 0
    np.testing.assert_array_equal(gradient, 0)
    assert not View(srgb=np.zeros((4, 4, 3), np.uint8), disparity=np.zeros((4, 4), np.float32)).teaches


def test_earlier_blocks_take_smaller_steps() -> None:
    ones = {"backbone": {"patch": {"kernel": np.ones(2)}, "blocks": {"bias": np.ones((3, 4))}, "norm": np.ones(4)}}
    made = gpu.by_depth({**ones, "head": np.ones(2)}, 0.5)
    np.testing.assert_array_equal(made["backbone"]["blocks"]["bias"][:, 0], [0.25, 0.5, 1])
    np.testing.assert_array_equal(made["backbone"]["patch"]["kernel"], [0.125, 0.125])
    np.testing.assert_array_equal(made["backbone"]["norm"], np.ones(4))
    np.testing.assert_array_equal(made["head"], np.ones(2))


def test_the_drawn_curves_are_those_of_the_numbers() -> None:
    numbers = json.loads((curves.HERE / "curves.json").read_text(encoding="utf-8"))["curves"]
    assert curves.DRAWING.read_text(encoding="utf-8") == curves.drawn(numbers)
