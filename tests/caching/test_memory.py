"""The step cache in memory keeps small results while there is space."""

from __future__ import annotations

import numpy as np

from dioptre.caching.caches import LARGEST_BYTES, MOST_RESULTS, MemoryCache
from dioptre.contract import StepResult


class Step:
    def __init__(self, nbytes: int = 400) -> None:
        self.runs = 0
        self._plane = np.ones((1, nbytes // 4), np.float32)

    def __call__(self) -> StepResult:
        self.runs += 1
        return StepResult(planes={"plane": self._plane}, facts={"run": self.runs})


def test_a_step_runs_once_for_the_same_pixels() -> None:
    kept: dict[str, StepResult] = {}
    step, picture = Step(), np.ones((4, 5, 3), np.float32)
    # Two previews of one picture: each has its own cache object, but they share the stored results.
    for _ in range(2):
        cache = MemoryCache(kept)
        assert cache.result("depth", {"picture": picture.copy()}, step).facts == {"run": 1}
    assert MemoryCache(kept).result("depth", {"picture": picture * 2}, step).facts == {"run": 2}
    assert MemoryCache(kept).result("subject", {"picture": picture}, step).facts == {"run": 3}


def test_a_result_as_large_as_a_picture_is_not_kept() -> None:
    kept: dict[str, StepResult] = {}
    step = Step(LARGEST_BYTES + 4)
    for _ in range(2):
        MemoryCache(kept).result("depth", {}, step)
    assert step.runs == 2
    assert kept == {}


def test_the_oldest_goes_first() -> None:
    kept: dict[str, StepResult] = {}
    first = Step()
    MemoryCache(kept).result("first", {}, first)
    for number in range(MOST_RESULTS - 1):
        MemoryCache(kept).result("step", {"number": number}, Step())
    MemoryCache(kept).result("first", {}, first)  # This result is now the most recently used.
    MemoryCache(kept).result("step", {"number": "one more"}, Step())
    assert len(kept) == MOST_RESULTS
    MemoryCache(kept).result("first", {}, first)
    assert first.runs == 1


def test_a_plane_of_a_result_is_known_by_its_step() -> None:
    """A cached plane is identified by its step; otherwise its content would be read for every key."""
    kept: dict[str, StepResult] = {}
    cache, step = MemoryCache(kept), Step()
    plane = cache.result("depth", {}, step).planes["plane"]
    cache.result("subject", {"disparity": plane}, Step())
    again = MemoryCache(kept)
    subject = Step()
    again.result("subject", {"disparity": again.result("depth", {}, step).planes["plane"]}, subject)
    assert subject.runs == 0
