"""Compiled programs, and the shapes of networks' values, stored so that later processes do without tracing.

JAX's own cache saves only the compilation: every process would still trace and lower each function in Python, which
takes longer than a small picture's arithmetic. Here, a function's name, code and signature lead to a digest of its
lowered program, and that to the executable, which contains no weights; so other code that lowers to the same
program is not compiled again. Stored programs are optional: a function whose program cannot be stored or read is
traced.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pickle  # of programs that this user's own processes stored: machine code, which is trusted no less
import platform
import tempfile
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial, update_wrapper
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import serialize_executable

from dioptre.runtime import processor_instructions, processor_name
from dioptre_link import strict_json
from dioptre_link.files import is_private, keep_newest, private_folder, read_regular
from dioptre_link.paths import cache_dir

READY = "/dioptre/programs/backend_compile_duration"
"""JAX's monitoring event for each program that a process compiles or reads, with the seconds that this takes."""

_LIMIT_BYTES = 128 << 20  # of a folder; an executable takes 1 to 150 kB, those of a portrait of one size 1 MB
_DIGEST_BYTES = 32
_EXECUTABLE = ".executable"
_LOGGER = logging.getLogger(__name__)
# Exceptions that reading files of other content raises.
_DAMAGE = (
    *(AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError, EOFError, ImportError),
    *(pickle.PickleError, zlib.error),
)
_UNSTORABLE = (NotImplementedError, ValueError, TypeError, RuntimeError, pickle.PickleError)
_LIBRARIES = ("jax", "jaxlib", "flax", "numpy", "scipy", "pillow")

_NUMBERS = (bool, int, float)

T = TypeVar("T")
Types = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]
"""Shape and type of each value of a network by its path in the module."""


def kept(
    function: Callable[..., Any],
    *,
    name: str = "",
    static_argnames: str | Sequence[str] = (),
    donate_argnames: str | Sequence[str] = (),
) -> Callable[..., Any]:
    """Compile a function as `jax.jit` does, but read its compiled program if an earlier process stored it.

    Programs are stored for the CPU only. Inside another function that is being traced, the function is traced too.

    Args:
        function: a pure function of arrays and of nested tuples, lists, dictionaries and JAX's own types of them.
        name: text that, with Dioptre's code, determines what the function computes; its module and name if empty.
        static_argnames: names of keyword-only arguments that are no arrays; their `repr` determines their value.
        donate_argnames: as in `jax.jit`.

    Raises:
        ValueError: the function is defined inside another, on whose variables it may depend, and has no name.
    """
    if "<locals>" in function.__qualname__ and not name:
        raise ValueError(f"{function} needs a name: its module and name do not determine what it computes")
    return _Kept(function, name, static_argnames, donate_argnames)


class _Kept:
    """A function with its compiled programs by the types and shapes of its arguments."""

    def __init__(
        self, function: Callable[..., Any], name: str, static: str | Sequence[str], donated: str | Sequence[str]
    ) -> None:
        update_wrapper(self, function)
        self._name = name or f"{function.__module__}.{function.__qualname__}"
        self._static = (static,) if isinstance(static, str) else tuple(static)
        self._jitted = jax.jit(function, static_argnames=static or None, donate_argnames=donated or None)
        self._programs: dict[Any, Callable[..., Any]] = {}
        self._making = RLock()

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        static = {name: options.pop(name) for name in self._static if name in options}
        leaves, structure = jax.tree.flatten((arguments, options))
        if not _storable(leaves):
            return self._jitted(*arguments, **options, **static)
        config: Any = jax.config
        signature = (
            structure,
            *(
                type(leaf) if isinstance(leaf, _NUMBERS) else (leaf.shape, leaf.dtype, _is_weak(leaf))
                for leaf in leaves
            ),
            *static.items(),
            config.jax_enable_x64,
            config.jax_default_matmul_precision,
        )
        run = self._programs.get(signature)
        if run is None:
            with self._making:
                run = self._programs.get(signature)
                if run is None:
                    begun = time.perf_counter()
                    run = self._made(signature, partial(self._jitted.lower, *arguments, **options, **static))
                    self._programs[signature] = run
                    jax.monitoring.record_event_duration_secs(READY, time.perf_counter() - begun)
        return run(*arguments, **options)

    def _cache_size(self) -> int:  # as that of `jax.jit`
        return len(self._programs)

    def lower(self, *arguments: Any, **options: Any) -> Any:
        """Lower the function as `jax.jit` does."""
        return self._jitted.lower(*arguments, **options)

    def _made(self, signature: object, lower: Callable[[], jax.stages.Lowered]) -> Callable[..., Any]:
        """Return the program of a signature, stored or compiled now."""
        path = cache_dir() / "programs" / f"{_name(self._name, repr(signature), _machine())}.program"
        stored = _read(path, lambda content: _read(_executable(content.decode("ascii")), _unpacked))
        if stored is not None:
            return stored
        lowered = lower()
        described = (lowered.as_text(), str(lowered.in_tree), str(lowered.out_tree), repr(signature), _machine())
        digest = hashlib.sha256("\n".join((*described, *_versions("jax", "jaxlib"))).encode()).hexdigest()
        program = _read(_executable(digest), _unpacked)
        if program is None:
            program = lowered.compile()
            try:
                content = zlib.compress(pickle.dumps(serialize_executable.serialize(program)), 1)
            except _UNSTORABLE as error:
                _LOGGER.debug("the program of %s is not stored: %r", self._name, error)
                return program
            _write(_executable(digest), content)
        _write(path, digest.encode("ascii"))
        return program


def _is_weak(leaf: Any) -> bool:
    return getattr(leaf, "weak_type", False)


def _storable(leaves: Sequence[Any]) -> bool:
    """Return whether a function of these arguments can run as a stored program, on the CPU and outside others.

    An executable from JAX's own cache cannot be stored again.
    """
    config: Any = jax.config
    return (
        all(isinstance(leaf, (np.ndarray, np.generic, jax.Array, *_NUMBERS)) for leaf in leaves)
        and not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves)
        and not config.jax_disable_jit
        and not (config.jax_enable_compilation_cache and config.jax_compilation_cache_dir)
        and jax.default_backend() == "cpu"
        and jax.device_count() == 1
    )


def _unpacked(content: bytes) -> Callable[..., Any]:
    """Return a stored program; raise one of `_DAMAGE` if it is none."""
    return serialize_executable.deserialize_and_load(*pickle.loads(zlib.decompress(content)))  # noqa: S301


@cache
def _machine() -> str:
    """Return text that changes with the kind of processor for which programs are compiled, and with XLA's flags."""
    instructions = processor_instructions()
    chip = platform.version() if instructions is None else sorted(instructions)  # the version names it on macOS
    return f"{processor_name()} {chip} {os.environ.get('XLA_FLAGS', '')}"


def described(identity: str, trace: Callable[[], Types]) -> Types:
    """Return the shape and type of each of a network's values, stored or from `trace`.

    Args:
        identity: text that, with Dioptre's code, determines the network's structure.
        trace: function that traces the network's initialisation, which takes up to a second.
    """
    path = cache_dir() / "programs" / f"{_name(identity)}.values"

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
    path = cache_dir() / "programs" / f"{_name(identity)}.compiled"
    if _read(path, bytes) is None:
        compile_programs()
        _write(path, b"")


def _executable(digest: str) -> Path:
    named = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    folder = Path(named) if named and is_private(Path(named)) else cache_dir() / "compiled"
    return folder / f"{digest}{_EXECUTABLE}"


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
        with suppress(OSError):  # on a read-only disk
            os.utime(path)  # the least recently used programs are deleted first
    except FileNotFoundError:
        return None
    except _DAMAGE as error:
        _LOGGER.info("a stored program is not usable and is made again: %r", error)
        with suppress(OSError):
            path.unlink()
        return None
    return parsed


def _digest(path: Path, content: bytes) -> bytes:
    return hashlib.sha256(path.name.encode("ascii") + content).digest()


def _write(path: Path, content: bytes) -> None:
    with suppress(OSError):  # the disk is full or read-only: the next process compiles again
        if not private_folder(path.parent):
            return
        _limited(path.parent)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_digest(path, content) + content)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise


@cache
def _limited(folder: Path) -> None:
    """Delete the least recently used of a folder's programs beyond the limit, once in a process."""
    keep_newest(
        folder, limit_bytes=_LIMIT_BYTES, suffixes=(_EXECUTABLE, ".program", ".values", ".compiled", ".part")
    )


def _versions(*names: str) -> list[str]:
    found = []
    for name in names:
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}\n")
    return found


@cache
def code_digest() -> str:
    """Return a digest of Dioptre's source files, the versions of its libraries, and the kind of machine."""
    digest = hashlib.sha256(f"{platform.machine()} {platform.system()}".encode())
    digest.update("".join(_versions(*_LIBRARIES)).encode())
    package = Path(__file__).parent
    for source in sorted(package.rglob("*.py")):
        digest.update(f"{source.relative_to(package).as_posix()}\n".encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()
