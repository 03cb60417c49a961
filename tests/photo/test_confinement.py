"""Limits that a decoding process sets for itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dioptre.photo.budget import Limits

TAKE = """
import sys, numpy as np
from pathlib import Path
from dioptre.photo.budget import Budget, Limits, confine
limits = Limits.of(10_000)
np.ones(1 << 20)
confine(limits)
told = []
confine(limits, on_announced=told.append)
if announced := int(sys.argv[2]):
    Budget(limits, Path("x")).check_picture(announced, 1, bytes_per_pixel=1)
    assert told == [announced]
try:
    np.ones(int(limits.memory_bytes(announced) * float(sys.argv[1])), np.uint8)
except MemoryError:
    sys.exit(7)
"""


def run(share: float, announced: int) -> int:
    command = [sys.executable, "-P", "-c", TAKE, str(share), str(announced)]
    return subprocess.run(command, timeout=120, check=False).returncode


@pytest.mark.skipif(sys.platform != "linux", reason="the system keeps no limit of memory")
@pytest.mark.parametrize("announced", [0, 10_000_000])
def test_a_process_gets_what_its_file_announces_and_no_more(announced: int) -> None:
    assert run(0.5, announced) == 0
    assert run(1.5, announced) == 7


AGAIN = """
import resource
from dioptre.photo.budget import Limits, confine
hard = 1 << 30
resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
confine(Limits.of(100))
first, _ = resource.getrlimit(resource.RLIMIT_DATA)
confine(Limits.of(300 << 20, max_megapixels=200))
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
    small, large = (Limits.of(size, max_megapixels=200) for size in (3000, 10 << 20))
    assert large.memory_bytes(200_000_000) > 200_000_000 * 16
    assert small.memory_bytes(0) < 1 << 30, "whatever a small file may announce, it has not yet"
    assert Limits.of(1_000_000).seconds(4_000_000) < 10
