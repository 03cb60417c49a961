"""A network in memory with its weights, ready to be called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import jax

from dioptre.checkpoints.card import Card
from dioptre.checkpoints.storage import Shapes, read, require_match
from dioptre.programs import described, kept

from .precision import Precision
from .registry import Entry, resolve

if TYPE_CHECKING:
    from flax import nnx

    from dioptre.checkpoints.blueprint import Blueprint


class _Values(dict[str, jax.Array]):
    """A checkpoint's values in memory; a subclass, because plain dictionaries do not support weak references."""


_READING = Lock()
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
        programs: compiled functions by the name of a method.
    """

    entry: Entry
    config: Any
    values: Mapping[str, jax.Array] = field(repr=False)
    build: Callable[[], tuple[Any, Any]] = field(repr=False)
    checksums: Mapping[str, str]
    shared: tuple[_Values, ...] = field(default=(), repr=False)
    programs: dict[str, Callable[..., Any]] = field(default_factory=dict, init=False, repr=False, compare=False)

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
        return self.run_method("__call__", *inputs)

    def run_method(self, method: str, *inputs: Any) -> Any:
        """Run a method of the network; each new set of input shapes is compiled once."""
        return self.program(method)(self.values, *inputs)

    def program(self, method: str) -> Callable[..., Any]:
        """Return a method of the network as a compiled function of the network's values and of its inputs."""
        made = self.programs.get(method)
        return self.programs.setdefault(method, self._program(method)) if made is None else made

    def _program(self, method: str) -> Callable[..., Any]:
        build = self.build  # not self, so that no cycle keeps the values in memory

        def run(values: Mapping[str, jax.Array], *inputs: Any) -> Any:
            return _run(build, method, values, *inputs)

        if not self.checksums:
            return jax.jit(run)
        return kept(run, name=f"{_identity(self.entry, self.config)} {sorted(self.checksums.items())} {method}")


def _run(build: Callable[[], tuple[Any, Any]], method: str, values: Mapping[str, jax.Array], *inputs: Any) -> Any:
    """Build the network with values by their path, and run a method of it."""
    from flax import nnx

    from dioptre.checkpoints.blueprint import with_values

    graph, state = build()
    return getattr(nnx.merge(graph, with_values(state, values)), method)(*inputs)


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
    with _READING:  # a network that another thread loads may share them
        kept = _SHARED.get((folder, checksum))
        if kept is None:
            kept = _SHARED[folder, checksum] = _Values(jax.device_put(read(folder, wanted=wanted)[1]))
        return kept
