"""Planes that are set aside are restored bit for bit, and need little memory if they are mostly constant."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.features.blur.set_aside import Differences, PackedMatte


def _plane(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(shape[1]).uniform(-1, 2, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 1), (7, 13), (16, 64)])
def test_differences_turn_the_other_plane_into_the_first(shape: tuple[int, int]) -> None:
    plane, other = _plane(shape), _plane(shape)
    other[::2] = plane[::2]
    other[0, 0] = np.nan
    wanted = plane.copy()
    differences = Differences.of(plane, other)
    assert differences.values.size <= plane[1::2].size + 1
    made = differences.put_into(other)
    assert made is other
    np.testing.assert_array_equal(made.view(np.uint32), wanted.view(np.uint32))


@pytest.mark.parametrize("width", [1, 8, 37])
def test_a_matte_comes_back_exactly(width: int) -> None:
    matte = np.clip(_plane((29, width)), 0, 1)
    matte[3] = -0.0
    unpacked = PackedMatte.of(matte).unpacked()
    np.testing.assert_array_equal(unpacked.view(np.uint32), matte.view(np.uint32))


def test_a_matte_takes_bits_where_it_is_0_or_1() -> None:
    matte = np.zeros((200, 320), np.float32)
    matte[50:150, 80:200] = 1
    packed = PackedMatte.of(matte)
    held = packed.inside.nbytes + packed.between.where.nbytes + packed.between.values.nbytes
    assert held == 2 * matte.size // 8
