import jax
import numpy as np
import pytest

from dioptre.imaging import shapes


def test_bucket_holds_the_length_with_little_waste():
    for length in range(1, 5000):
        size = shapes.bucket(length)
        assert length <= size <= max(length * 1.25, length + 1)
    assert len({shapes.bucket(length) for length in range(1024, 4097)}) <= 9


@pytest.mark.parametrize("start", [(0, 0), (2, 3), (-3, -2), (-3, 5), (4, -9), (-20, 30), (9, 9)])
def test_cut_reaches_beyond_the_array(start):
    array = np.random.default_rng(0).random((2, 10, 12, 3))
    for mode in ("reflect", "edge"):
        rows, columns = (
            shapes.reflected_indices(first, first + length, available)
            if mode == "reflect"
            else np.clip(np.arange(first, first + length), 0, available - 1)
            for first, length, available in zip(start, (8, 7), (10, 12), strict=True)
        )
        expected = array[:, rows][:, :, columns]
        assert np.array_equal(shapes.cut(array, start, (8, 7), axes=(1, 2), mode=mode), expected)
    if start == (2, 3):
        assert np.shares_memory(shapes.cut(array, start, (8, 7), axes=(1, 2)), array)


def test_map_chunks_traces_once_for_all_sizes(monkeypatch):
    monkeypatch.setattr(shapes, "CHUNK", 64)
    traced = []

    @jax.jit
    def double(values):
        traced.append(values.shape)
        return 2 * values

    for size in ((3, 5), (64,), (9, 11, 3)):
        values = np.random.default_rng(0).uniform(size=size).astype(np.float32)
        assert np.array_equal(shapes.map_chunks(double, values), 2 * values)
    assert len(traced) == 1
