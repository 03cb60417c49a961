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


def test_guidance_gets_deeper_than_chance() -> None:
    """Guidance finds the six values one by one; purely random inputs would need millions of attempts."""
    reached: list[bytes] = []
    ladder = compile(LADDER, str(Path("dioptre") / "files" / "ladder.py"), "exec")
    scope: dict[str, object] = {"reached": reached}
    exec(ladder, scope)
    fuzz(scope["climb"], (bytes(6),), (), rng=Random(1), times=20_000)  # type: ignore[arg-type]
    assert reached


LADDER = """
def climb(data):
    if len(data) >= 6:
        if data[0] % 16 == 8:
            if data[1] % 16 == 4:
                if data[2] % 16 == 2:
                    if data[3] % 16 == 1:
                        if data[4] % 16 == 3:
                            if data[5] % 16 == 9:
                                reached.append(data)
"""
