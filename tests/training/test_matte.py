"""The training data of the coarse soft-alpha network, and a check that it learns."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from training.matte.batches import turned
from training.matte.composites import SIDE, Body, Canvas, composite, seen
from training.matte.loss import loss_of
from training.matte.network import GRID, TAPS, WIDTH, SoftAlpha
from training.matte.schedule import LAST_RATE, RATE, rate_of


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    return [np.random.default_rng(k).integers(0, 256, (90, 120, 3), np.uint8) for k in range(2)]


def test_alpha_is_the_share_of_a_pixel_that_is_covered() -> None:
    canvas = Canvas(np.full((SIDE, SIDE, 3), 200, np.uint8))
    left = 100.5  # The edge covers half a pixel.
    canvas.polygon(np.array([[left, 50], [299.5, 50], [299.5, 199.5], [left, 199.5]]))
    thick, alpha = canvas.kept()
    assert alpha[100, 200] == 1
    assert alpha[100, 100] == pytest.approx(0.5, abs=0.01)
    assert alpha[100, 99] == 0
    np.testing.assert_allclose(thick, 200 * np.repeat(alpha[..., None], 3, -1), atol=0.01)


def test_a_picture_is_the_subject_over_its_background(photos: list[np.ndarray]) -> None:
    alpha = np.zeros((SIDE, SIDE), np.float32)
    alpha[100:300, 100:300], alpha[90:100, 100:300] = 1.0, 0.4
    picture, kept = seen(
        np.random.default_rng(8), alpha[..., None] * 250.0 * np.ones(3), alpha, np.full((SIDE, SIDE, 3), 50.0)
    )
    expected = (kept * 250 + (1 - kept) * 50) / 255
    assert np.abs(picture.mean(-1) - expected).mean() < 0.03


@pytest.mark.parametrize("seed", range(6))
def test_composites_have_a_subject_and_an_edge(photos: list[np.ndarray], seed: int) -> None:
    body = Body(colours=np.full((100, 60, 3), 90, np.uint8), mask=np.full((100, 60), 255, np.uint8))
    picture, alpha = composite(np.random.default_rng(seed), photos, [body])
    assert picture.shape == (SIDE, SIDE, 3)
    assert 0 <= picture.min() <= picture.max() <= 1
    assert 0.002 < (alpha > 0.5).mean() < 0.95
    assert ((alpha > 0.05) & (alpha < 0.95)).any()


def test_the_loss_is_least_at_the_truth_and_leaves_out_what_is_not_known() -> None:
    truth = jnp.zeros((1, 64, 64)).at[:, 16:48, 16:48].set(1.0).at[:, 15, 16:48].set(0.5)
    known = jnp.ones_like(truth)
    assert float(loss_of(truth, truth, known)) < 1e-6
    wrong = truth.at[:, 15, 16:48].set(0.0)
    assert float(loss_of(wrong, truth, known)) > 0.01
    outside = truth.at[:, 60:, 60:].set(1.0)
    assert float(loss_of(outside, truth, known)) > 0.01
    assert float(loss_of(outside, truth, known.at[:, 56:, 56:].set(0))) < 1e-6


def test_the_network_starts_at_the_known_maps_and_moves_towards_the_truth() -> None:
    network = SoftAlpha(rngs=nnx.Rngs(0))
    assert sum(v.size for v in jax.tree.leaves(nnx.state(network))) < 3_000_000
    side = 128  # The network accepts any side that is a multiple of 16.
    features = jnp.zeros((TAPS, 1, GRID, GRID, WIDTH))
    truth = jnp.zeros((1, side, side)).at[:, 25:75, 25:75].set(1.0)
    maps = jnp.repeat(truth.at[:, 38:50, 38:50].set(0)[..., None], 2, -1)
    picture = jnp.repeat(truth[..., None] * 0.6 + 0.2, 3, -1)
    graph, state = nnx.split(network)

    @jax.jit
    def step(state):
        def loss(values):
            return loss_of(nnx.merge(graph, values)(features, picture, maps), truth, jnp.ones_like(truth))

        value, gradient = jax.value_and_grad(loss)(state)
        return jax.tree.map(lambda v, g: v - 0.02 * g, state, gradient), value

    losses = []
    for _ in range(4):
        state, value = step(state)
        losses.append(float(value))
    assert losses[-1] < losses[0]


def test_a_mirrored_view_is_mirrored_in_all_its_parts() -> None:
    rng = np.random.default_rng(0)
    ramp = np.tile(np.arange(SIDE) // 2, (SIDE, 1)).astype(np.uint8)
    view = {
        "features": np.tile(np.arange(GRID), (1, GRID)).reshape(1, GRID * GRID, 1).astype(np.float16),
        "picture": np.repeat(ramp[..., None], 3, -1),
        "alpha": ramp,
        "weight": ramp,
        "maps": np.stack([ramp[:320, :320]] * 2),
    }
    for _ in range(12):
        made = turned(view, rng)
        ways = {
            int(np.sign(float(plane[..., -1].mean()) - float(plane[..., 0].mean())))
            for plane in (made["alpha"], made["weight"], made["features"][0, ..., 0], made["picture"][..., 0])
        }
        assert len(ways) == 1


@pytest.mark.parametrize("steps", [5, 12_000])
def test_the_rate_rises_and_falls_in_short_runs_too(steps: int) -> None:
    rates = [float(rate_of(steps)(step)) for step in np.linspace(0, steps, 200).round()]
    assert rates[0] == 0
    assert max(rates) == pytest.approx(RATE, rel=0.05)
    assert rates[-1] == pytest.approx(LAST_RATE)
