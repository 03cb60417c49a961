"""Areas hidden by nearer slices are filled from their visible surroundings."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from dioptre.optics.grid import CELL, Level
from dioptre.optics.inpaint import doubled, halved, inpaint, inpaint_group, inpaint_host
from dioptre.optics.slices import groups


def with_hole(size: int, hole: slice) -> tuple[np.ndarray, np.ndarray]:
    """Return a smooth picture multiplied by the mask of its known pixels, and the mask."""
    y, x = np.mgrid[:size, :size] / size
    known = np.ones((size, size), np.float32)
    known[hole, hole] = 0
    return np.stack([0.2 + 0.6 * x, 0.8 - 0.5 * y, np.full_like(x, 0.4)]).astype(np.float32) * known, known


def test_a_hole_gets_what_is_around_it_and_what_is_known_stays() -> None:
    planes, known = with_hole(64, slice(20, 40))
    filled = inpaint_host(planes, known)
    whole, _ = with_hole(64, slice(0))
    np.testing.assert_array_equal(filled[:, known > 0], planes[:, known > 0])
    np.testing.assert_allclose(filled[2], 0.4, atol=1e-6)
    assert np.abs(filled - whole).max() < 0.12  # The limit is a third of the range over the hole.


def test_tiles_go_on_from_the_small_size_as_the_host_does() -> None:
    planes, known = with_hole(128, slice(31, 77))
    small, small_known = planes, known
    for _ in range(3):
        small, small_known = (np.asarray(halved(jnp.asarray(plane))) for plane in (small, small_known))
    made = inpaint(
        jnp.asarray(planes),
        jnp.asarray(known),
        jnp.asarray(inpaint_host(small, small_known)),
        where=jnp.ones((128 // CELL, 128 // CELL)),
    )
    np.testing.assert_allclose(np.asarray(made), inpaint_host(planes, known), atol=1e-5)
    nowhere = inpaint(jnp.asarray(planes), jnp.asarray(known), jnp.asarray(small), where=jnp.zeros((16, 16)))
    np.testing.assert_array_equal(np.asarray(nowhere), planes)


def test_doubling_is_bilinear_and_skipped_where_not_needed() -> None:
    ramp = jnp.broadcast_to(jnp.arange(6.0)[:, None], (2, 6, 4))
    twice = np.asarray(doubled(ramp, jnp.bool_(True)))
    np.testing.assert_allclose(twice[0, 1:-1, 3], np.arange(1, 11) / 2 - 0.25, atol=1e-6)
    assert not np.asarray(doubled(ramp, jnp.bool_(False))).any()


@pytest.mark.parametrize("everything", [False, True])
def test_the_background_goes_on_behind_a_subject_as_far_as_its_blur_can_show(everything: bool) -> None:
    subject = np.zeros((96, 96), bool)
    subject[20:76, 20:76] = True
    radii = np.where(subject, np.float32(0), np.float32(-8))
    planes = np.zeros((2, 4, 96, 96), np.float32)
    planes[0, :3] = np.where(subject, 0.9, 0.3)
    planes[0, 3] = 1
    edges = np.zeros_like(subject)
    edges[19:77, 19:77] = ~subject[19:77, 19:77]
    (group,) = (group for group in groups() if group.level == 0)
    level = Level(planes, np.stack([radii, radii]), edges)
    made = inpaint_group(group, level, scale=8, everything=everything)
    behind = [index for index, bounds in enumerate(group.bounds) if -9 < bounds.radius < -7]
    where = sum(made[index, -1] for index in behind) > 0
    assert where[22, 48]  # This cell lies two cells inside the subject.
    assert where[48, 48] == everything
    share = sum(made[index, 3].astype(np.float32) for index in behind)
    colour = sum(made[index, 0].astype(np.float32) for index in behind)
    assert colour[22, 48] / share[22, 48] == pytest.approx(0.3, abs=0.01)
