"""Pixels on depth edges as two surfaces, and surfaces at half size."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from dioptre.optics.surfaces import depth_steps, split_edges

NEAR, FAR = np.float32([0.8, 0.2, 0.1]), np.float32([0.1, 0.3, 0.7])


def test_a_pixel_on_an_edge_is_the_two_colours_beside_it() -> None:
    covered = np.clip(np.arange(64)[None, :] - 31.7 + 0.3 * np.sin(np.arange(48) / 3)[:, None], 0, 1)
    colour = covered[..., None] * NEAR + (1 - covered[..., None]) * FAR
    radius = np.where(covered >= 0.5, np.float32(5), np.float32(-5))
    planes_of_colour = jnp.asarray(colour.transpose(2, 0, 1), jnp.float32)
    steps = depth_steps(jnp.asarray(radius))
    mixed = np.flatnonzero((covered > 0.1) & (covered < 0.9))
    mixed = mixed[(mixed // 64 > 4) & (mixed // 64 < 43)]
    where = np.zeros(256, np.int32)
    where[: mixed.size] = mixed
    planes, radii = split_edges(planes_of_colour, jnp.asarray(radius), steps, where, np.int32(mixed.size))
    planes, radii = np.asarray(planes)[..., : mixed.size], np.asarray(radii)[..., : mixed.size]
    assert mixed.size > 20
    np.testing.assert_allclose(planes[0, -1] + planes[1, -1], 1, atol=1e-6)
    np.testing.assert_allclose(planes[:, :3].sum(axis=0), colour.reshape(-1, 3)[mixed].T, atol=1e-6)
    np.testing.assert_allclose(planes[0, -1], covered.reshape(-1)[mixed], atol=0.06)
    np.testing.assert_allclose(radii, np.float32([[5], [-5]]) * np.ones(mixed.size), atol=1e-4)
    front = planes[0, :3] / planes[0, -1]
    assert np.abs(front - NEAR[:, None]).mean() < 0.03
