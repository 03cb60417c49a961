"""Build a network with values from a checkpoint, without initialising it first. This module imports Flax."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import jax
import numpy as np
from flax import nnx

from dioptre.programs import Types

from .storage import require_match

M = TypeVar("M", bound=nnx.Module)


class _OneKey(nnx.RngStream):
    """Random stream that always gives the same key.

    The values are loaded rather than drawn at random, and counting the draws would take most of the time needed to
    build the network.
    """

    def __call__(self) -> jax.Array:
        return self.key[...]


@dataclass(frozen=True, kw_only=True)
class Blueprint(Generic[M]):
    """A network's structure without its values."""

    graph: nnx.GraphDef[M]
    state: Any

    @property
    def types(self) -> Types:
        return {name: (tuple(v.shape), np.dtype(v.dtype)) for name, v in by_path(self.state).items()}

    def filled(self, arrays: Mapping[str, np.ndarray | jax.Array], *, origin: str) -> M:
        """Return the network with these values; raise WeightsError listing every array that does not fit.

        Args:
            arrays: values by their path in the module.
            origin: name of the weights in error messages.
        """
        require_match(arrays, self.types, origin=origin)
        values = jax.device_put({name: arrays[name] for name in self.types})
        return nnx.merge(self.graph, with_values(self.state, values))


def blueprint(make: Callable[[nnx.Rngs], M]) -> Blueprint[M]:
    """Trace `make` to describe the network that it builds, without computing any values."""

    def described() -> M:
        rngs = nnx.Rngs()
        rngs.default = _OneKey(0, tag="default")  # type: ignore[attr-defined]
        return make(rngs)

    graph, state = nnx.split(nnx.eval_shape(described))
    return Blueprint(graph=graph, state=state)


def by_path(state: Any) -> dict[str, Any]:
    """Return the variables of a network's state by their path in the module."""
    return {".".join(map(str, path)): variable for path, variable in nnx.to_flat_state(state)}


def with_values(state: Any, values: Mapping[str, Any]) -> Any:
    """Return the state of a network with other values, by their path in the module."""
    leaves, structure = jax.tree.flatten(state)
    numbered = jax.tree.unflatten(structure, range(len(leaves)))
    for name, variable in by_path(numbered).items():
        leaves[variable.get_value()] = values[name]
    return jax.tree.unflatten(structure, leaves)


def fill(make: Callable[[nnx.Rngs], M], arrays: Mapping[str, np.ndarray | jax.Array], *, origin: str) -> M:
    """Build the network that `make` describes, with `arrays` as its values; it is not initialised first.

    Args:
        make: function that builds the network.
        arrays: values by their path in the module.
        origin: name of the weights in error messages.

    Raises:
        WeightsError: lists all arrays that are missing, unused, misshapen or of the wrong type.
    """
    return blueprint(make).filled(arrays, origin=origin)
