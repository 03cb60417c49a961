"""The blocks of a tile together contain all light of a slice, and each pixel exactly once."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from dioptre.optics.blocks import MOST_SLICES, Step, block_plans, cells_of
from dioptre.optics.grid import CELL
from dioptre.optics.slices import groups, signed_square, slice_share

SIDE, MARGIN, REACH = 256, 24, 12
(GROUP,) = (group for group in groups() if group.level == 0)


def plans_of(radius: np.ndarray, inpainted: np.ndarray):
    planes = jnp.stack([jnp.ones((4, SIDE, SIDE)), jnp.zeros((4, SIDE, SIDE))])
    cells = cells_of(GROUP, planes, jnp.asarray(np.stack([radius, radius])))
    core = (MARGIN, SIDE - MARGIN)
    reach = np.full(len(GROUP.bounds), REACH)
    plans = block_plans(GROUP, cells, inpainted, reach, (core, core))
    return [(plan.shape, Step(*row)) for plan in plans for row in plan.steps[: plan.count].tolist()]


@pytest.mark.parametrize("seed", range(4))
def test_each_pixel_within_reach_of_a_slice_is_rendered_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    spots = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), 12)
    radius = np.clip(40 * spots / spots.std(), -9, 9).astype(np.float32) * (rng.random() < 0.8)
    steps = plans_of(radius, np.zeros((MOST_SLICES, 5, SIDE // CELL, SIDE // CELL), np.float16))
    assert [step.slice for _, step in steps] == sorted((step.slice for _, step in steps), reverse=True)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[MARGIN:-MARGIN, MARGIN:-MARGIN] = True
    for index, bounds in enumerate(GROUP.bounds):
        rendered = np.zeros((SIDE, SIDE), int)
        for (height, width), step in steps:
            if step.slice != index:
                continue
            assert 0 <= step.row <= SIDE - height
            assert 0 <= step.column <= SIDE - width
            # The used part of a block must receive all light from its surroundings.
            assert step.top - step.row >= REACH or step.row == 0
            assert step.row + height - step.bottom >= REACH or step.row + height == SIDE
            assert step.left - step.column >= REACH or step.column == 0
            assert step.column + width - step.right >= REACH or step.column + width == SIDE
            assert not step.hidden
            rendered[step.top : step.bottom, step.left : step.right] += 1
        lit = slice_share(signed_square(radius), bounds) > 1e-3
        wanted = ndimage.maximum_filter(lit, 2 * REACH + 1) & inside
        assert rendered.max() <= 1
        assert (rendered[wanted] == 1).all()


def test_a_slice_goes_on_where_it_is_inpainted_behind_something_nearer() -> None:
    radius = np.full((SIDE, SIDE), 9.0, np.float32)
    index = next(number for number, bounds in enumerate(GROUP.bounds) if bounds.radius == 0)
    inpainted = np.zeros((MOST_SLICES, 5, SIDE // CELL, SIDE // CELL), np.float16)
    assert index not in {step.slice for _, step in plans_of(radius, inpainted)}
    inpainted[index, -1, 10:14, 10:14] = 1
    steps = [step for _, step in plans_of(radius, inpainted) if step.slice == index]
    assert steps
    assert any(step.hidden for step in steps)
