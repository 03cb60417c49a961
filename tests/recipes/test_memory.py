"""Estimates of the memory that operations need; tests/faults measures what they use."""

from __future__ import annotations

import pytest

from dioptre.recipes import memory

GIB = 1 << 30


@pytest.mark.parametrize("operation", ["depth", "repair_depth", "white_balance"])
def test_100_megapixels_are_reckoned_at_4_gib_at_most(operation: str) -> None:
    assert memory.need_bytes(operation, {}, (8660, 11547)) <= 4 * GIB


def test_steps_need_what_the_hungriest_takes_of_the_picture_it_gets() -> None:
    steps = [{"operation": "super_resolution", "options": {"scale": 2.0}}, {"operation": "portrait", "options": {}}]
    chained = memory.need_bytes("recipe", {"steps": steps}, (1000, 1500))
    assert chained == memory.need_bytes("portrait", {}, (2000, 3000))
    assert chained > memory.need_bytes("super_resolution", {"scale": 2.0}, (1000, 1500))
