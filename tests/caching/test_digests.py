"""Digests are fast, and equal for equal content on any number of cores."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dioptre.caching.names import digest_of_array, digest_of_bytes, digest_of_file

LARGE = np.random.default_rng(1).integers(0, 256, 11_000_000, np.uint8)  # Large enough for three blocks.


def test_the_number_of_cores_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = set()
    for cores in (1, 2, 64):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        digests.add(digest_of_bytes(LARGE.data))
    assert len(digests) == 1


@pytest.mark.parametrize("place", [0, 4 << 20, (8 << 20) - 1, LARGE.size - 1])
def test_every_byte_counts(place: int) -> None:
    changed = LARGE.copy()
    changed[place] ^= 1
    assert digest_of_bytes(changed.data) != digest_of_bytes(LARGE.data)


def test_blocks_in_another_order_are_told_apart() -> None:
    block = 4 << 20
    swapped = np.concatenate([LARGE[block : 2 * block], LARGE[:block], LARGE[2 * block :]])
    assert digest_of_bytes(swapped.data) != digest_of_bytes(LARGE.data)


def test_type_and_shape_count() -> None:
    plane = np.zeros((4, 6), np.float32)
    same_bytes = (plane.reshape(6, 4), plane.view(np.int32))
    assert digest_of_array(plane) == digest_of_array(plane.copy())
    assert digest_of_array(plane) == digest_of_array(np.zeros((6, 4), np.float32).T)
    assert all(digest_of_array(other) != digest_of_array(plane) for other in same_bytes)


def test_a_file_and_its_description(tmp_path: Path) -> None:
    path = tmp_path / "pixels.raw"
    path.write_bytes(LARGE.tobytes())
    with path.open("rb") as file:
        digest = digest_of_file(file.fileno(), "u8 bgr")
        assert digest == digest_of_file(file.fileno(), "u8 bgr")
        assert digest != digest_of_file(file.fileno(), "u8 rgb")
