"""Limits that a process puts on itself before it reads somebody's file."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from . import windows_job
from .budget import Limits

_BASE_BYTES = 384 << 20  # libraries' own tables, compressed input, caches of libvips
_BYTES_PER_CORE = 16 << 20  # decoders start threads by the number of cores; each has a stack of 8 MiB
_BYTES_PER_PIXEL = 64  # a file's values several times over


def memory_bytes(limits: Limits) -> int:
    """Memory that decoding a file may take beyond what the process has."""
    return _BASE_BYTES + _BYTES_PER_CORE * (os.cpu_count() or 1) + _BYTES_PER_PIXEL * limits.pixels


def confine(limits: Limits) -> None:
    """Limit this process's memory and processor time for one file; the system ends it beyond.

    Where the system has no such limits, or does not keep them (macOS, for memory), the process that waits for us
    watches; it also has a deadline.
    """
    if sys.platform == "win32":
        windows_job.limit_memory(memory_bytes(limits))
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + limits.seconds) + 1)
    if sys.platform == "linux":  # counts private memory alone, unlike RLIMIT_AS
        _limit(resource.RLIMIT_DATA, _private_bytes() + memory_bytes(limits))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would contain the picture


def _limit(kind: int, most: int) -> None:
    """Set a limit, also a higher one than the last file's; a hard limit of the user's own is not exceeded."""
    assert sys.platform != "win32"
    import resource

    with suppress(ValueError, OSError):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _private_bytes() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:")), 0)
