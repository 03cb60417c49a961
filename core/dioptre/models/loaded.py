"""A network in memory with its weights, ready to be called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

import jax

from dioptre.checkpoints.card import Card
from dioptre.checkpoints.storage import Shapes, read, require_match

from .precision import Precision, wants_full_precision
from .programs import described, program, storable
from .registry import Entry, resolve

if TYPE_CHECKING:
    from flax import nnx

    from dioptre.checkpoints.blueprint import Blueprint

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
        values: the network's values by their path in the module.
        build: function that returns the network's structure (graph) and state, with these values.
        checksums: SHA-256 of each checkpoint's card (which contains the SHA-256 of every file), for recipes.
        shared: the checkpoints' values, which stay in memory as long as any network uses them.
        programs: jitted functions by the shapes and types of their inputs, or by the name of a method; `making`
            protects them.
    """

    entry: Entry
    config: Any
    values: Mapping[str, jax.Array] = field(repr=False)
    build: Callable[[], tuple[Any, Any]] = field(repr=False)
    checksums: Mapping[str, str]
    shared: tuple[_Values, ...] = field(default=(), repr=False)
    programs: dict[Any, Callable[..., Any]] = field(default_factory=dict, init=False, repr=False, compare=False)
    making: Any = field(default_factory=RLock, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, module: nnx.Module, *, entry: Entry, config: Any) -> Loaded:
        """Return a network that was built in memory; without checksums, it has no stored programs."""
        from flax import nnx  # imported only here and to build networks, because the import takes half a second

        from dioptre.checkpoints.blueprint import by_path

        parts = nnx.split(module)
        values = {name: variable.get_value() for name, variable in by_path(parts[1]).items()}
        return cls(entry=entry, config=config, values=values, build=lambda: parts, checksums={})

    def __call__(self, *inputs: Any) -> Any:
        """Run the network; each new set of input shapes is compiled once."""
        if not self.checksums or wants_full_precision() or not storable(inputs):
            return self.forward(self.state, *inputs)
        return self._program_for(inputs)(self.values, *inputs)

    @property
    def graph(self) -> nnx.GraphDef[Any]:
        """The network's structure. Programs that are stored do not need it."""
        graph: nnx.GraphDef[Any] = self._parts[0]
        return graph

    @property
    def state(self) -> Any:
        """The network's values in its structure."""
        return self._parts[1]

    @_MadeOnce
    def _parts(self) -> tuple[Any, Any]:
        return self.build()

    def run_method(self, method: str, *inputs: Any) -> Any:
        """Run another method of the network; each new set of input shapes is compiled once."""
        with self.making:
            if method not in self.programs:
                self.programs[method] = self._jitted(method)
        return self.programs[method](self.state, *inputs)

    @_MadeOnce
    def forward(self) -> Callable[..., Any]:
        """The network as a jitted function of its values and inputs, also usable inside other jitted functions."""
        return self._jitted("__call__")

    def _jitted(self, method: str) -> Callable[..., Any]:
        graph = self.graph  # not self, so that no cycle keeps the values in memory

        def run(state: Any, *inputs: Any) -> Any:
            return _run(graph, method, state, *inputs)

        return jax.jit(run)

    def _program_for(self, inputs: Sequence[Any]) -> Callable[..., Any]:
        """Return the network as a jitted function of its values by path and of inputs of these shapes."""
        key = tuple((value.shape, str(value.dtype)) for value in inputs)
        with self.making:
            if key not in self.programs:
                identity = f"{_identity(self.entry, self.config)} {sorted(self.checksums.items())}"
                self.programs[key] = program(self._by_name, self.values, inputs, identity=identity)
            return self.programs[key]

    def _by_name(self) -> Callable[..., Any]:
        """Return the network as a function of its values by path and of its inputs."""
        from dioptre.checkpoints.blueprint import with_values

        graph, state = self.graph, self.state

        def run(values: Mapping[str, jax.Array], *inputs: Any) -> Any:
            return _run(graph, "__call__", with_values(state, values), *inputs)

        return run


def _run(graph: nnx.GraphDef[Any], method: str, state: Any, *inputs: Any) -> Any:
    from flax import nnx

    return getattr(nnx.merge(graph, state), method)(*inputs)


def _identity(entry: Entry, config: Any) -> str:
    """Return text that, with Dioptre's code, determines the network's structure."""
    return f"{entry.id} {entry.module} {config}"


def load(
    entry: Entry, cards: Mapping[str, tuple[Path, str]], *, precision: Precision = Precision.FLOAT32
) -> Loaded:
    """Read the entry's checkpoints. The network is built only when it is traced.

    Args:
        entry: the network's registry entry.
        cards: folder and SHA-256 of the card, for each checkpoint of the entry.
        precision: precision of the products of a network that allows bfloat16. It is part of the configuration, and
            so of the identity of stored programs.

    Raises:
        WeightsError: files are missing or altered, or lists all arrays that do not fit the network.
    """
    config = entry.configuration(*(Card.read(folder).config for folder, _ in cards.values()))
    if precision is Precision.BFLOAT16:
        config = config.in_bfloat16()

    @cache
    def plan() -> Blueprint[Any]:
        from dioptre.checkpoints.blueprint import blueprint

        module = resolve(entry.module)
        return blueprint(lambda rngs: module(config, rngs=rngs))

    types = described(_identity(entry, config), lambda: plan().types)
    shapes = {name: shape for name, (shape, _) in types.items()}
    shared = tuple(
        _values(*cards[checkpoint], wanted=_shapes_below(path, entry, shapes))
        for checkpoint, path in entry.checkpoints.items()
    )
    values: dict[str, jax.Array] = {}
    for path, stored in zip(entry.checkpoints.values(), shared, strict=True):
        values |= {f"{path}.{name}" if path else name: value for name, value in stored.items()}
    require_match(values, types, origin=entry.id)

    def build() -> tuple[Any, Any]:
        from dioptre.checkpoints.blueprint import with_values

        return plan().graph, with_values(plan().state, values)

    checksums = {checkpoint: checksum for checkpoint, (_, checksum) in cards.items()}
    return Loaded(entry=entry, config=config, values=values, build=build, checksums=checksums, shared=shared)


def _shapes_below(path: str, entry: Entry, shapes: Shapes) -> Shapes:
    """Return the shapes of the values below `path`; for "", of all those that no other checkpoint fills."""
    if path:
        return {name[len(path) + 1 :]: shape for name, shape in shapes.items() if name.startswith(f"{path}.")}
    others = tuple(f"{other}." for other in entry.checkpoints.values() if other)
    return {name: shape for name, shape in shapes.items() if not name.startswith(others)}


def _values(folder: Path, checksum: str, *, wanted: Shapes) -> _Values:
    """Return the checkpoint's values, read from disk only if no network in memory uses them."""
    with _MAKING:  # a network that another thread loads may share them
        kept = _SHARED.get((folder, checksum))
        if kept is None:
            kept = _SHARED[folder, checksum] = _Values(jax.device_put(read(folder, wanted=wanted)[1]))
        return kept
