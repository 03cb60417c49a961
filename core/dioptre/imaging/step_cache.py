"""The interface of a cache for the results of slow steps, keyed by the data from which they were computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """The result of a step.

    Attributes:
        planes: float32 arrays of shape (H, W) by name.
        facts: values of JSON types by name.
    """

    planes: Mapping[str, np.ndarray] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(value: Any, *, without: tuple[str, ...] = ()) -> StepResult:
        """Create a step result from the fields of a dataclass.

        Args:
            value: the dataclass.
            without: names of fields to leave out; they must have a default.
        """
        named = {one.name: getattr(value, one.name) for one in fields(value) if one.name not in without}
        planes = {name: each for name, each in named.items() if isinstance(each, np.ndarray)}
        return StepResult(planes=planes, facts={name: each for name, each in named.items() if name not in planes})

    def to(self, kind: Callable[..., T]) -> T:
        """Create the dataclass `kind` from these fields, converting JSON's lists back to tuples."""
        return kind(**self.planes, **{name: _tuples(value) for name, value in self.facts.items()})


@runtime_checkable
class StepCache(Protocol):
    """A cache that returns the result of a step if it has run before."""

    def result(self, step: str, given: Mapping[str, Any], compute: Callable[[], StepResult]) -> StepResult:
        """Return the stored result of `step`, or compute and store it.

        Args:
            step: name of the step.
            given: everything that determines the result: arrays and JSON types. Equal values must give
                bit-identical results.
            compute: runs the step.

        Returns:
            The result. Its planes must not be changed.
        """

    def name(self, array: np.ndarray, name: str) -> None:
        """Assign a name that identifies the content of `array`, which saves hashing it."""


class NoStepCache:
    """A cache that stores nothing."""

    def result(self, step: str, given: Mapping[str, Any], compute: Callable[[], StepResult]) -> StepResult:
        return compute()

    def name(self, array: np.ndarray, name: str) -> None:
        pass


NO_STEP_CACHE = NoStepCache()


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
