"""The training data of the coarse soft-alpha network, and a check that it learns."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from training.matte.composites import SIDE, Body, composite
from training.matte.loss import loss_of
from training.matte.network import GRID, TAPS, WIDTH, SoftAlpha


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    return [np.random.default_rng(k).integers(0, 256, (90, 120, 3), np.uint8) for k in range(2)]


@pytest.mark.parametrize("seed", range(6))
def test_composites_have_a_subject_and_an_edge(photos: list[np.ndarray], seed: int) -> None:
    body = Body(colours=np.full((100, 60, 3), 90, np.uint8), mask=np.full((100, 60), 255, np.uint8))
    picture, alpha = composite(np.random.default_rng(seed), photos, [body])
    assert picture.shape == (SIDE, SIDE, 3)
    assert 0 <= picture.min() <= picture.max() <= 1
    assert 0.002 < (alpha > 0.5).mean() < 0.95
    assert ((alpha > 0.05) & (alpha < 0.95)).any()


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
