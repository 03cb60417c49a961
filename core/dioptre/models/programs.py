"""Traced programs of networks and the shapes of their values, stored so that later processes need not trace again.

JAX's compilation cache saves only the compilation: without stored programs, every process traces and lowers each
network in Python. A stored program is portable (StableHLO, from `jax.export`) and contains no weights. Programs are
optional: when one cannot be stored or read, the network is traced.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from dioptre.checkpoints.storage import Types
from dioptre_link import strict_json
from dioptre_link.files import is_private, keep_newest, private_folder, read_regular
from dioptre_link.paths import cache_dir

_LIMIT_BYTES = 64 << 20  # a program takes 0.1 to 2 MB
_DIGEST_BYTES = 32
_LOGGER = logging.getLogger(__name__)
_DAMAGE = (AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)  # of files of other content
T = TypeVar("T")
_LIBRARIES = ("jax", "jaxlib", "flax", "numpy", "scipy", "pillow")


def storable(inputs: Sequence[Any]) -> bool:
    """Return whether a network can run from a stored program: on the CPU, on arrays, outside other programs."""
    return (
        jax.default_backend() == "cpu"
        and all(isinstance(value, (np.ndarray, jax.Array)) for value in inputs)
        and not any(isinstance(value, jax.core.Tracer) for value in inputs)
    )


def program(
    make: Callable[[], Callable[..., Any]], values: Mapping[str, jax.Array], inputs: Sequence[Any], *, identity: str
) -> Callable[..., Any]:
    """Return a network as a jitted function, from its stored program if there is one.

    Args:
        make: returns the network as a pure function of the values and the inputs; called if there is no program.
        values: the network's values by name.
        inputs: arrays; the program is for their shapes and types.
        identity: text that, with Dioptre's code, determines what the network computes.
    """
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), (dict(values), *inputs))
    path = _folder() / f"{_name(identity, str(shapes))}.program"
    stored = _read(path, lambda content: _unpacked(content, shapes))
    if stored is not None:
        return stored
    run = make()
    exported = export.export(jax.jit(run))(*shapes)
    try:
        content = _packed(exported)
    except TypeError:
        _LOGGER.debug("%s returns something that is not stored", identity)
        return jax.jit(run)
    _write(path, content)
    return _unpacked(content, shapes)


def described(identity: str, trace: Callable[[], Types]) -> Types:
    """Return the shape and type of each of a network's values, stored or from `trace`.

    Args:
        identity: text that, with Dioptre's code, determines the network's structure.
        trace: function that traces the network's initialisation, which takes up to a second.
    """
    path = _folder() / f"{_name(identity)}.values"

    def parsed(content: bytes) -> Types:
        fields = strict_json.parsed(content)
        return {name: (tuple(shape), np.dtype(dtype)) for name, (shape, dtype) in fields.items()}

    if (stored := _read(path, parsed)) is not None:
        return stored
    types = trace()
    _write(path, json.dumps({name: (shape, dtype.name) for name, (shape, dtype) in types.items()}).encode("ascii"))
    return types


def once(identity: str, compile_programs: Callable[[], None]) -> None:
    """Call a function that compiles programs, unless this code did so before on this machine.

    Args:
        identity: text that, with Dioptre's code, determines the programs.
        compile_programs: the function.
    """
    path = _folder() / f"{_name(identity)}.compiled"
    if _read(path, bytes) is None:
        compile_programs()
        _write(path, b"")


def _packed(exported: export.Exported) -> bytes:
    """Return a program as bytes: a line of JSON that describes its result and arguments, then the StableHLO.

    Raises:
        TypeError: the result is neither an array nor nested tuples of arrays.
    """
    result = _described(jax.tree.unflatten(exported.out_tree, exported.out_avals))
    header = {"result": result, "kept": exported.module_kept_var_idx}
    return json.dumps(header).encode("ascii") + b"\n" + exported.mlir_module_serialized


def _unpacked(content: bytes, shapes: Any) -> Callable[..., Any]:
    """Return a program as a jitted function that is traced already; raise one of `_DAMAGE` if it is none."""
    header, _, module = content.partition(b"\n")
    fields = strict_json.parsed(header)

    def same_signature(*_: Any) -> Any:
        return _zeros(fields["result"])

    frame = export.export(jax.jit(same_signature))(*shapes)  # everything but the program itself
    exported = replace(
        frame,
        mlir_module_serialized=module,
        module_kept_var_idx=tuple(fields["kept"]),
        # For a program for "cpu", JAX loads SciPy's LAPACK, which no network calls and an installation lacks.
        platforms=("any",),
        disabled_safety_checks=(export.DisabledSafetyCheck.platform(),),
    )
    run = jax.jit(exported.call)
    run.lower(*shapes)  # the first call does not repeat this
    return run


def _described(result: Any) -> Any:
    """Return the shapes and types of a result as JSON types."""
    if type(result) is tuple:
        return [_described(part) for part in result]
    if not isinstance(result, jax.core.ShapedArray):
        raise TypeError(f"a {type(result).__name__}")
    return {"shape": result.shape, "dtype": str(result.dtype)}


def _zeros(described: Any) -> Any:
    if isinstance(described, list):
        return tuple(map(_zeros, described))
    return jnp.zeros(described["shape"], described["dtype"])


def _folder() -> Path:
    return cache_dir() / "programs"


def _name(*identity: str) -> str:
    config: Any = jax.config
    parts = (code_digest(), *identity, str(config.jax_enable_x64))
    return hashlib.sha256("\n".join(parts).encode("utf-8")).hexdigest()


def _read(path: Path, parse: Callable[[bytes], T]) -> T | None:
    """Return a stored file as `parse` reads it, or None if there is none that is safe to use.

    One that is damaged, or stored under the name of another, is deleted.
    """
    if not is_private(path.parent):
        return None
    try:
        content = read_regular(path, most=_LIMIT_BYTES, own=True)
        if content[:_DIGEST_BYTES] != _digest(path, content[_DIGEST_BYTES:]):
            raise ValueError("another digest")
        parsed = parse(content[_DIGEST_BYTES:])
        os.utime(path)  # the least recently used programs are deleted first
    except FileNotFoundError:
        return None
    except _DAMAGE as error:
        _LOGGER.warning("a stored program is not usable and is traced again: %r", error)
        with suppress(OSError):
            path.unlink()
        return None
    return parsed


def _digest(path: Path, content: bytes) -> bytes:
    return hashlib.sha256(path.name.encode("ascii") + content).digest()


def _write(path: Path, content: bytes) -> None:
    with suppress(OSError):  # the disk is full or read-only: the next process traces the network again
        if not private_folder(path.parent):
            return
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_digest(path, content) + content)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        keep_newest(path.parent, limit_bytes=_LIMIT_BYTES)


@cache
def code_digest() -> str:
    """Return a digest of Dioptre's source files, the versions of its libraries, and the kind of machine."""
    digest = hashlib.sha256(f"{platform.machine()} {platform.system()}".encode())
    for name in _LIBRARIES:
        try:
            digest.update(f"{name} {version(name)}\n".encode())
        except PackageNotFoundError:
            continue
    package = Path(__file__).parent.parent
    for source in sorted(package.rglob("*.py")):
        digest.update(f"{source.relative_to(package).as_posix()}\n".encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()
