"""Joint upsampling puts steps on the finer picture's edges, ignores texture and preserves constants."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from dioptre.imaging.joint_upsampling import double_along_edges
from dioptre.imaging.resize import resize


def doubled(values: np.ndarray, finer: np.ndarray) -> np.ndarray:
    guide = resize(finer, values.shape, method="area")
    return np.asarray(double_along_edges(jnp.asarray(values), jnp.asarray(guide), jnp.asarray(finer)))


def test_a_step_lands_on_the_finer_edge_and_stays_a_step() -> None:
    y, x = np.meshgrid(np.arange(96), np.arange(128), indexing="ij")
    near = x + 0.37 * y < 70  # A slanted edge.
    finer = np.where(near[..., None], [0.7, 0.3, 0.2], [0.2, 0.3, 0.5]).astype(np.float32)
    coarse = resize(near.astype(np.float32), (48, 64), method="area")
    plain = resize(coarse, (96, 128), method="bilinear")
    along = doubled(coarse, finer)
    assert np.abs(along - near).mean() < 0.25 * np.abs(plain - near).mean()


def test_texture_does_not_become_depth() -> None:
    rng = np.random.default_rng(0)
    finer = rng.uniform(0, 1, (64, 64, 3)).astype(np.float32)
    ramp = np.tile(np.linspace(0.2, 0.8, 32, dtype=np.float32), (32, 1))
    plain = resize(ramp, (64, 64), method="bilinear")
    # The tolerance is the change of the ramp over 2.6 coarse pixels.
    assert np.abs(doubled(ramp, finer) - plain)[4:-4, 4:-4].max() < 0.05


def test_a_constant_stays() -> None:
    finer = np.random.default_rng(1).uniform(0, 1, (20, 12, 3)).astype(np.float32)
    np.testing.assert_allclose(doubled(np.full((10, 6), 0.3, np.float32), finer), 0.3, atol=1e-6)
