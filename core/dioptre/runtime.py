"""Set-up of Dioptre's own processes (worker, command line, benchmarks), and memory helpers.

The set-up must run before JAX is imported. On the CPU, XLA allocates its temporaries with malloc at every call.
glibc returns large blocks to the kernel each time, and the resulting page faults cost more than the arithmetic.
Keeping the memory makes the depth network 1.7 times as fast and element-wise passes up to 6 times as fast. Never do
this inside an editor's process.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

from dioptre_link.errors import DioptreError
from dioptre_link.files import private_folder
from dioptre_link.paths import __file__ as link_file
from dioptre_link.paths import cache_dir, data_dir, log_dir

RESERVE_BYTES = 512 << 20  # always left free for the editor and the system
CARD_FRACTION = 0.6  # of a graphics card's memory; the rest is for the editor's canvas and the desktop
IMPORTING = Lock()  # held while JAX is imported, which has circles: of two threads, one may see half of a module

_CARD_PACKAGES = ("jax_cuda12_plugin", "jax_cuda13_plugin")  # the first is that of the optional dependencies `gpu`
_CARD_DRIVERS = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")  # the last in WSL

_FOREIGN = ("JAX_", "JAX2TF_", "XLA_FLAGS", "FLAX_", "LIBTPU_INIT_ARGS")
_ADDRESSES = 1280 << 20  # in bytes; a portrait needs 1.1 GB with two processors
_ADDRESSES_PER_PROCESSOR = 32 << 20  # stacks of the threads that each processor has
_CGROUP = Path("/sys/fs/cgroup")
_PROCESSORS = Path("/proc/cpuinfo")
_CACHE_MODULES = r"jax\._src\.(compiler|compilation_cache|lru_cache)"
_MALLOPT = {  # parameter numbers from glibc's malloc.h, and the values to set
    "M_ARENA_MAX": (-8, 1),
    "M_MMAP_MAX": (-4, 0),
    "M_TRIM_THRESHOLD": (-1, 2**31 - 1),
    "M_TOP_PAD": (-2, 64 << 20),
}


def prepare(*, processes: int = 1) -> None:
    """Prepare this process for JAX.

    Freed memory stays in the process, that on a graphics card is limited, compiled programs are kept on disk, and
    the shell's settings of JAX are left out.

    Call this before the first `import jax`.

    Args:
        processes: number of processes that share a graphics card, each with an equal part of `CARD_FRACTION`.

    Raises:
        RuntimeError: JAX has already been imported.
        DioptreError: the shell limits the process to fewer addresses than JAX needs, with which it hangs or aborts.
    """
    if "jax" in sys.modules:
        raise RuntimeError("dioptre.runtime.prepare() must run before JAX is imported")
    needed = _ADDRESSES + (os.cpu_count() or 1) * _ADDRESSES_PER_PROCESSOR
    if (limit := _address_limit()) < needed:
        raise DioptreError(
            "This process may use {limit} GB of address space, but Dioptre needs {needed} GB.",
            hint="Raise the limit, for example with: ulimit -v unlimited",
            code="address-space",
            limit=f"{limit / 1e9:.1f}",
            needed=f"{needed / 1e9:.1f}",
        )
    if sys.platform == "linux":
        import ctypes  # imported here and below because help and usage errors do not need it

        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            for key, value in _MALLOPT.values():
                mallopt(key, value)
    for name in foreign_settings():
        del os.environ[name]
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ and private_folder(compiled := cache_dir() / "compiled"):
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(compiled)
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = str(expects_card()).lower()  # on the CPU, `programs` keeps more
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the editor needs the GPU's memory too
    fraction = os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", str(CARD_FRACTION))
    if processes > 1:
        os.environ["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{float(fraction) / processes:.3f}"
    warnings.filterwarnings("ignore", module=_CACHE_MODULES)  # if the cache is damaged or full, JAX recompiles
    logging.getLogger("jax._src.compiler").setLevel(logging.CRITICAL)


def _address_limit() -> float:
    """Return the limit of this process's address space in bytes, which `ulimit -v` sets."""
    if sys.platform == "win32":
        return math.inf
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return math.inf if limit == resource.RLIM_INFINITY else limit


def has_card_packages() -> bool:
    """Return whether JAX's packages for NVIDIA graphics cards are installed."""
    return any(find_spec(name) is not None for name in _CARD_PACKAGES)


def has_card_driver() -> bool:
    """Return whether Linux has loaded the driver of an NVIDIA graphics card."""
    return any(Path(sign).exists() for sign in _CARD_DRIVERS)


def expects_card() -> bool:
    """Return whether JAX will probably compute on a graphics card; it is not imported to find out."""
    platforms = os.environ.get("JAX_PLATFORMS", "")
    chosen = not platforms or "cuda" in platforms or "gpu" in platforms
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}
    return chosen and not hidden and has_card_packages() and has_card_driver()


def prepare_if_needed() -> None:
    """Call `prepare` unless JAX has been imported already; its importer then controls the settings."""
    if "jax" not in sys.modules:
        prepare()


def foreign_settings() -> list[str]:
    """Return the names of environment variables that would change or break JAX's computations.

    They are often set for a user's own programs: 64 bits, debugging, other devices, flags of other versions.
    `JAX_PLATFORMS=cpu` counts as Dioptre's; for other values, JAX chooses a graphics card itself if it has one.
    """
    kept = {"JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"}
    kept |= {f"JAX_PERSISTENT_CACHE_MIN_{name}" for name in ("COMPILE_TIME_SECS", "ENTRY_SIZE_BYTES")}
    if os.environ.get("JAX_PLATFORMS") == "cpu":
        kept.add("JAX_PLATFORMS")
    return sorted(name for name in os.environ if name.startswith(_FOREIGN) and name not in kept)


@contextmanager
def own_settings() -> Iterator[None]:
    """Compute with JAX's default settings in this thread, whatever the process has configured.

    Raises:
        DioptreError: JAX cannot use the platform that is configured.
    """
    with IMPORTING:
        import jax

    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        raise DioptreError(
            "JAX cannot compute on the platform that JAX_PLATFORMS names ({platforms}).",
            hint="Unset the variable JAX_PLATFORMS, or set it to cpu.",
            code="no-platform",
            platforms=os.environ.get("JAX_PLATFORMS", ""),
        ) from error
    settings: tuple[tuple[str, Any, Callable[[Any], Any]], ...] = (
        ("jax_enable_x64", False, jax.enable_x64),
        ("jax_disable_jit", False, jax.disable_jit),
        ("jax_debug_nans", False, jax.debug_nans),
        ("jax_debug_infs", False, jax.debug_infs),
        ("jax_check_tracer_leaks", False, jax.check_tracer_leaks),
        ("jax_default_matmul_precision", None, jax.default_matmul_precision),
        ("jax_numpy_dtype_promotion", "standard", jax.numpy_dtype_promotion),
        ("jax_numpy_rank_promotion", "allow", jax.numpy_rank_promotion),
        ("jax_default_prng_impl", "threefry2x32", jax.default_prng_impl),
        ("jax_threefry_partitionable", True, jax.threefry_partitionable),
    )
    with ExitStack() as stack:
        for name, value, set_to in settings:
            found = getattr(jax.config, name)
            if getattr(found, "value", found) != value:  # a needless setting may keep programs from being reused
                stack.enter_context(set_to(value))
        yield


_SHARED = ("DIOPTRE_", "JAX_", "CUDA_", "XLA_")
_ELSEWHERE = ("HOME", "DATA_DIR", "CACHE_DIR", "LOG_DIR", "PYTHON", "PROGRAM", "NO_WORKER")


def _variables() -> dict[str, str]:
    """Return the variables that may change results or the use of the machine, after `prepare`."""
    without = {f"DIOPTRE_{name}" for name in _ELSEWHERE}
    return {name: os.environ[name] for name in os.environ if name.startswith(_SHARED) and name not in without}


def setup() -> str:
    """Return a digest of what two processes must share so that one may compute for the other.

    It covers Dioptre's code and folders, the variables that `prepare` leaves, the processors that the process may
    use and its priority. JAX is not imported.
    """
    import hashlib

    code = [
        (entry.path, (found := entry.stat()).st_size, found.st_mtime_ns)
        for folder in (Path(__file__).parent, Path(link_file).parent)
        for entry in _modules(folder)
    ]
    places = [str(folder()) for folder in (data_dir, cache_dir, log_dir)]
    how = (sys.executable, sys.version, places, sorted(_variables().items()), _share(), sorted(code))
    return hashlib.sha256(repr(how).encode("utf-8", "surrogateescape")).hexdigest()


def _modules(folder: str | Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _modules(entry.path)
            elif entry.name.endswith(".py"):
                yield entry


def _share() -> tuple[int, list[int]]:
    """Return this process's priority, and the processors that it may use; an empty list if that is unknown."""
    priority = os.getpriority(os.PRIO_PROCESS, 0) if hasattr(os, "getpriority") else 0
    return priority, sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def is_usual() -> bool:
    """Return whether nothing is set for this process alone, so that a worker that it starts suits other clients."""
    prepared = ("JAX_ENABLE_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE_", "XLA_PYTHON_CLIENT_")
    chosen = {name: value for name, value in _variables().items() if not name.startswith(prepared)}
    priority, processors = _share()
    whole = not processors or len(processors) == os.cpu_count()
    compiled = ("JAX_COMPILATION_CACHE_DIR", str(cache_dir() / "compiled"))
    return whole and priority == 0 and chosen.items() <= {compiled}


def is_limited() -> bool:
    """Return whether the shell limits this process's memory, time or files: another process would not obey."""
    if sys.platform == "win32":
        return False
    import resource

    names = ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_RSS")
    kinds = [getattr(resource, name) for name in names if hasattr(resource, name)]
    return any(resource.getrlimit(kind)[0] != resource.RLIM_INFINITY for kind in kinds)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the system or the graphics card ran out of memory."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY)


_NO_MEMORY = ("RESOURCE_EXHAUSTED", "Out of memory")  # substrings of XLA's error messages
_LARGE_PIXELS = 16_000_000


def is_large(size: tuple[int, int]) -> bool:
    """Return whether a picture of this size takes so much memory that steps should not overlap."""
    return size[0] * size[1] >= _LARGE_PIXELS


def release_after(size: tuple[int, int]) -> None:
    """Call `release_memory` after a step on a large picture, because the next step cannot use fragmented memory.

    Args:
        size: height and width of the picture in pixels.
    """
    if is_large(size):
        release_memory()


def release_memory() -> None:
    """Return unused memory to the system. The worker also calls this when it is idle."""
    if sys.platform == "linux":
        import ctypes

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def free_bytes() -> int:
    """Return how many bytes this process can still allocate within the system's and its container's limits."""
    import psutil  # imported here because it is not needed before the first job

    available = int(min(psutil.virtual_memory().available, _address_limit() - psutil.Process().memory_info().vms))
    with suppress(OSError, ValueError):  # the file says "max", or cgroup v2 is not in use
        limit = int((_CGROUP / "memory.max").read_text(encoding="ascii"))
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        cached = _inactive_file_bytes()
        available = min(available, limit - used + cached)
    return max(0, available)


def processor_name() -> str:
    """Return the processor's name, or at least its architecture."""
    import platform

    return _listed("model name") or platform.processor() or platform.machine()


def processor_instructions() -> frozenset[str] | None:
    """Return Linux's names of the processor's instruction sets; None if the system does not list them."""
    names = _listed("flags") or _listed("Features")  # on x86 and on Arm
    return frozenset(names.split()) if names else None


def _listed(field: str) -> str:
    """Return a field of the first processor in /proc/cpuinfo, or "" if there is none."""
    with suppress(OSError), _PROCESSORS.open(encoding="utf-8") as file:
        for line in file:  # not beyond the first processor: the system measures each one while the list is read
            name, _, value = line.partition(":")
            if name.strip() == field:
                return value.strip()
            if not line.strip():
                break
    return ""


def _inactive_file_bytes() -> int:
    for line in (_CGROUP / "memory.stat").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return int(value)
    return 0
