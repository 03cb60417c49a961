"""Parsers survive inputs that were mutated to reach new code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from .costs import bounded_cost
from .guided import fuzz
from .targets import TARGETS, run
from .trials import SEED, WANTED, count

TIMES = max(50, WANTED // 4)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A temporary folder that must be empty after the test, except for the input file."""
    yield tmp_path
    assert len(list(tmp_path.iterdir())) <= 1


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_that_reach_new_code(name: str, folder: Path) -> None:
    target = TARGETS[name]

    def work(data: bytes) -> None:
        with bounded_cost(file_bytes=len(data), pixels=4e6):
            run(target, data, folder)

    found = fuzz(work, target.seeds(), target.words, rng=Random(f"{SEED} {name}"), times=TIMES)
    assert found, "the guidance saw no code"
    count("input towards new code", name, "survived", TIMES)
