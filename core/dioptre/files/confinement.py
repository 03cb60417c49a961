"""Limits that a process sets on itself before it reads an untrusted file."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from .budget import Limits

_BASE_BYTES = 384 << 20  # memory for the libraries' tables, the compressed input and libvips' caches
_BYTES_PER_CORE = 16 << 20  # memory for the decoders' threads, one per core, each with a stack of 8 MiB
_BYTES_PER_PIXEL = 64  # memory per pixel: several copies of the file's values


def memory_bytes(limits: Limits) -> int:
    """Return how much memory decoding a file may take on top of the memory that the process already uses."""
    return _BASE_BYTES + _BYTES_PER_CORE * (os.cpu_count() or 1) + _BYTES_PER_PIXEL * limits.pixels


def confine(limits: Limits) -> None:
    """Limit this process's memory and CPU time for one file; the system ends a process that exceeds them.

    Where the system has no such limits or does not enforce them (Windows; memory on macOS), the parent process
    monitors the memory. The parent also sets a deadline.
    """
    if sys.platform == "win32":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + limits.seconds) + 1)
    if sys.platform == "linux":  # RLIMIT_DATA counts only private memory, unlike RLIMIT_AS
        _limit(resource.RLIMIT_DATA, _private_bytes() + memory_bytes(limits))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would contain the picture


def _limit(kind: int, most: int) -> None:
    """Set a soft limit, which may be higher than that of the last file, but never above the hard limit."""
    assert sys.platform != "win32"
    import resource

    with suppress(ValueError, OSError):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _private_bytes() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:")), 0)
