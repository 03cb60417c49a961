"""A network in memory with its weights, ready to be called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import jax
from flax import nnx

from dioptre.checkpoints.card import Card
from dioptre.checkpoints.load import Shapes, blueprint, read

from .acceleration import Run, accelerated, wants_full_precision
from .programs import program, storable
from .registry import Entry, resolve

T = TypeVar("T")
_MAKING = RLock()


class _MadeOnce(cached_property[T]):
    """A `cached_property` with a lock, so that only one thread computes it; Python's own has no lock since 3.12."""

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Any:
        with _MAKING:
            return super().__get__(instance, owner)


class _Values(dict[str, jax.Array]):
    """A checkpoint's values in memory; a subclass, because plain dictionaries do not support weak references."""


_SHARED: WeakValueDictionary[tuple[Path, str], _Values] = WeakValueDictionary()
"""Values by the folder and SHA-256 of their card, so that networks with the same backbone share one copy of it."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A network and its values.

    Attributes:
        entry: the network's registry entry.
        config: the network's configuration.
        graph: the network's structure.
        state: the network's values.
        checksums: SHA-256 of each checkpoint's card (which contains the SHA-256 of every file), for recipes.
        shared: the checkpoints' values, which stay in memory as long as any network uses them.
        programs: jitted functions by the shapes and types of their inputs; `making` protects them.
    """

    entry: Entry
    config: Any
    graph: nnx.GraphDef[Any] = field(repr=False)
    state: Any = field(repr=False)
    checksums: Mapping[str, str]
    shared: tuple[_Values, ...] = field(default=(), repr=False)
    programs: dict[Any, Callable[..., Any]] = field(default_factory=dict, init=False, repr=False, compare=False)
    making: Any = field(default_factory=RLock, init=False, repr=False, compare=False)

    def __call__(self, *inputs: Any) -> Any:
        """Run the network, with JAX or a faster runtime; each new set of input shapes is compiled once."""
        if self.accelerated is not None and not wants_full_precision():
            return self.accelerated(*inputs)
        if not self.checksums or wants_full_precision() or not storable(inputs):
            return self.forward(self.state, *inputs)
        return self._program_for(inputs)(self._leaves, *inputs)

    @_MadeOnce
    def accelerated(self) -> Run | None:
        """The network in another runtime, for (n, h, w, c) arrays; None if JAX should run it."""
        return accelerated(self)

    @_MadeOnce
    def forward(self) -> Callable[..., Any]:
        """The network as a jitted function of its values and inputs, also usable inside other jitted functions."""
        graph = self.graph  # not self, so that no cycle keeps the values in memory

        def run(state: Any, *inputs: Any) -> Any:
            return _run(graph, state, *inputs)

        return jax.jit(run)

    @_MadeOnce
    def _leaves(self) -> tuple[jax.Array, ...]:
        return tuple(jax.tree.leaves(self.state))

    def _program_for(self, inputs: Sequence[Any]) -> Callable[..., Any]:
        """Return the network as a jitted function of the leaves of its values and of inputs of these shapes."""
        key = tuple((value.shape, str(value.dtype)) for value in inputs)
        with self.making:
            if key not in self.programs:
                graph, structure = self.graph, jax.tree.structure(self.state)

                def run(leaves: tuple[jax.Array, ...], *values: Any) -> Any:
                    return _run(graph, jax.tree.unflatten(structure, leaves), *values)

                identity = f"{self.entry.id} {self.entry.module} {self.config} {sorted(self.checksums.items())}"
                self.programs[key] = program(run, self._leaves, inputs, identity=identity)
            return self.programs[key]


def _run(graph: nnx.GraphDef[Any], state: Any, *inputs: Any) -> Any:
    return nnx.merge(graph, state)(*inputs)


def load(entry: Entry, cards: Mapping[str, tuple[Path, str]]) -> Loaded:
    """Read the entry's checkpoints and build its network.

    Args:
        entry: the network's registry entry.
        cards: folder and SHA-256 of the card, for each checkpoint of the entry.
    """
    config = entry.configuration(*(Card.read(folder).config for folder, _ in cards.values()))
    module = resolve(entry.module)
    plan = blueprint(lambda rngs: module(config, rngs=rngs))
    shared = tuple(
        _values(*cards[checkpoint], wanted=_shapes_below(path, entry, plan.shapes))
        for checkpoint, path in entry.checkpoints.items()
    )
    arrays: dict[str, jax.Array] = {}
    for path, values in zip(entry.checkpoints.values(), shared, strict=True):
        arrays |= {f"{path}.{name}" if path else name: value for name, value in values.items()}
    network = plan.filled(arrays, origin=entry.id)
    graph, state = nnx.split(network)
    checksums = {checkpoint: checksum for checkpoint, (_, checksum) in cards.items()}
    return Loaded(entry=entry, config=config, graph=graph, state=state, checksums=checksums, shared=shared)


def _shapes_below(path: str, entry: Entry, shapes: Shapes) -> Shapes:
    """Return the shapes of the values below `path`; for "", of all those that no other checkpoint fills."""
    if path:
        return {name[len(path) + 1 :]: shape for name, shape in shapes.items() if name.startswith(f"{path}.")}
    others = tuple(f"{other}." for other in entry.checkpoints.values() if other)
    return {name: shape for name, shape in shapes.items() if not name.startswith(others)}


def _values(folder: Path, checksum: str, *, wanted: Shapes) -> _Values:
    """Return the checkpoint's values, read from disk only if no network in memory uses them."""
    kept = _SHARED.get((folder, checksum))
    if kept is None:
        kept = _SHARED[folder, checksum] = _Values(jax.device_put(read(folder, wanted=wanted)[1]))
    return kept
