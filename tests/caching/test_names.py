"""Cache keys: an array's content is read only once, and its name is forgotten when the array is deleted."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.caching import names
from dioptre.caching.names import Names
from dioptre.contract import StepResult

PICTURE = np.linspace(0, 1, 60 * 40 * 3, dtype=np.float32).reshape(60, 40, 3)


def test_a_named_array_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "digest_of_array", lambda _: pytest.fail("it has a name"))
    known = Names()
    known.name(PICTURE, "the picture")
    plane = np.ones((4, 5), np.float32)
    known.name_planes("depth's key", StepResult(planes={"disparity": plane}))
    assert known.key("subject", {"picture": PICTURE, "disparity": plane})


def test_a_name_goes_with_its_array() -> None:
    """A new array may get the address of a deleted one."""
    known, first = Names(), PICTURE.copy()
    wanted = known.key("step", {"picture": first})
    known.name(first, "first")
    assert known.key("step", {"picture": first}) != wanted
    del first
    assert all(known.key("step", {"picture": PICTURE.copy()}) == wanted for _ in range(3))
