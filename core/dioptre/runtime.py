"""Process set-up of our own processes (worker, command line, benchmarks), to be done before JAX is imported.

XLA on CPU takes its temporaries from malloc at every call; glibc returns large blocks to the kernel each time,
and the page faults then cost more than the arithmetic. Keeping the memory makes the depth network 1.7 times and
element-wise passes up to 6 times as fast. Never do this inside an editor's process.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import warnings
from contextlib import suppress
from pathlib import Path

from dioptre_link.paths import cache_dir

RESERVE_BYTES = 512 << 20  # left to the editor and the system whatever happens

_CGROUP = Path("/sys/fs/cgroup")
_CACHE_MODULES = r"jax\._src\.(compiler|compilation_cache|lru_cache)"
_MALLOPT = {  # glibc's malloc.h
    "M_ARENA_MAX": (-8, 1),
    "M_MMAP_MAX": (-4, 0),
    "M_TRIM_THRESHOLD": (-1, 2**31 - 1),
    "M_TOP_PAD": (-2, 64 << 20),
}


def prepare() -> None:
    """Keep freed memory and switch the persistent compilation cache on. Call it before the first `import jax`."""
    if "jax" in sys.modules:
        raise RuntimeError("dioptre.runtime.prepare() must run before JAX is imported")
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            for key, value in _MALLOPT.values():
                mallopt(key, value)
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_dir() / "compiled"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the GPU's memory is the editor's too
    warnings.filterwarnings("ignore", module=_CACHE_MODULES)  # a cache that is broken or full: it compiles again
    logging.getLogger("jax._src.compiler").setLevel(logging.CRITICAL)


def prepare_if_needed() -> None:
    """`prepare`, unless JAX is imported already: whoever did that has made their own settings."""
    if "jax" not in sys.modules:
        prepare()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, the processor's or the graphics card's, was not enough."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY)


_NO_MEMORY = ("RESOURCE_EXHAUSTED", "Out of memory")  # how XLA says it
_LARGE_PIXELS = 16_000_000


def release_after(size: tuple[int, int]) -> None:
    """`release_memory` after a step on a large picture: what is free in pieces is of no use to the next one."""
    if size[0] * size[1] >= _LARGE_PIXELS:
        release_memory()


def release_memory() -> None:
    """Give unused memory back to the system; also for the worker when it is idle."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def free_bytes() -> int:
    """Memory that a process of this user can still take: the system's, or its container's where that is less."""
    import psutil  # not needed before the first job

    available = int(psutil.virtual_memory().available)
    with suppress(OSError, ValueError):  # "max", or no cgroup v2
        limit = int((_CGROUP / "memory.max").read_text(encoding="ascii"))
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        cached = _inactive_file_bytes()
        available = min(available, limit - used + cached)
    return max(0, available)


def _inactive_file_bytes() -> int:
    for line in (_CGROUP / "memory.stat").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return int(value)
    return 0
