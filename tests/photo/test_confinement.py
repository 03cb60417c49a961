"""Limits that a decoding process sets for itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dioptre.photo import budget
from dioptre.photo.budget import Limits

TAKE = """
import sys, numpy as np
from dataclasses import replace
from dioptre.photo.budget import Limits
from dioptre.photo.budget import confine, memory_bytes
limits = Limits.of(100)
np.ones(1 << 20)
confine(limits)
confine(limits)
try:
    np.ones(int(memory_bytes(limits) * float(sys.argv[1])), np.uint8)
except MemoryError:
    sys.exit(7)
"""


def run(share: str) -> int:
    return subprocess.run([sys.executable, "-P", "-c", TAKE, share], timeout=120, check=False).returncode


@pytest.mark.skipif(sys.platform != "linux", reason="the system keeps no limit of memory")
def test_a_process_gets_what_its_file_is_worth_and_no_more() -> None:
    assert run("0.5") == 0
    assert run("2.5") == 7


AGAIN = """
import resource
from dioptre.photo.budget import Limits
from dioptre.photo.budget import confine
hard = 2 << 30
resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
confine(Limits.of(100))
first, _ = resource.getrlimit(resource.RLIMIT_DATA)
confine(Limits.of(10 << 20, max_megapixels=200))
second, _ = resource.getrlimit(resource.RLIMIT_DATA)
assert first < hard, first
assert second == hard, second
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the system keeps no such limit of memory")
def test_a_large_file_after_a_small_one_gets_what_the_user_allows() -> None:
    """A small file's limit must not persist for a large file, even if the hard limit is too low for that file."""
    done = subprocess.run([sys.executable, "-P", "-c", AGAIN], timeout=120, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_memory_follows_the_file() -> None:
    small, large = (budget.memory_bytes(Limits.of(size, max_megapixels=200)) for size in (100, 10 << 20))
    assert small < 1 << 30
    assert large > 200_000_000 * 16
