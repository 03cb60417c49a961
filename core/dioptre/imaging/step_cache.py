"""Results of slow steps by what they were computed from: what a pipeline asks for, whoever keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """What a step gave: float32 planes (H, W), and JSON types."""

    planes: Mapping[str, np.ndarray] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(value: Any, *, without: tuple[str, ...] = ()) -> StepResult:
        """The fields of a dataclass; those named `without` are left out and must have a default."""
        named = {one.name: getattr(value, one.name) for one in fields(value) if one.name not in without}
        planes = {name: each for name, each in named.items() if isinstance(each, np.ndarray)}
        return StepResult(planes=planes, facts={name: each for name, each in named.items() if name not in planes})

    def to(self, kind: Callable[..., T]) -> T:
        """The dataclass `kind` with these fields; lists, which JSON makes of tuples, are tuples again."""
        return kind(**self.planes, **{name: _tuples(value) for name, value in self.facts.items()})


@runtime_checkable
class StepCache(Protocol):
    """Gives the result of a step that has run before."""

    def result(self, step: str, given: Mapping[str, Any], compute: Callable[[], StepResult]) -> StepResult:
        """The result of `step` for all that decides it; `compute` makes it where it is not kept.

        given: arrays and JSON types. Equal values give equal results, to the bit. The planes must not be changed.
        """

    def name(self, array: np.ndarray, name: str) -> None:
        """Say what identifies the content of `array`, so that it need not be read for that."""


class NoStepCache:
    """Keeps nothing."""

    def result(self, step: str, given: Mapping[str, Any], compute: Callable[[], StepResult]) -> StepResult:
        return compute()

    def name(self, array: np.ndarray, name: str) -> None:
        pass


NO_STEP_CACHE = NoStepCache()


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
