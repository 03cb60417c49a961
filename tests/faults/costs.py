"""Measures the cost of an action: peak memory, processor time, and bytes written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS, _RESET, _IO = Path("/proc/self/status"), Path("/proc/self/clear_refs"), Path("/proc/self/io")
SMALL_BYTES, BYTES_PER_BYTE, BYTES_PER_PIXEL = 96 << 20, 80, 64
SMALL_S, S_PER_BYTE, S_PER_PIXEL = 1.0, 4e-6, 1e-6


@contextmanager
def bounded_cost(*, file_bytes: int, pixels: float) -> Iterator[None]:
    """Fail if the `with` block costs more than reading a file of `file_bytes` bytes and `pixels` pixels may cost.

    Memory and writing are measured only where the system reports them (Linux).
    """
    before, written, started = _begin(), _written(), time.process_time()
    try:
        yield
    finally:
        seconds = time.process_time() - started
        grown, written = _peak() - before, _written() - written
    most = SMALL_BYTES + BYTES_PER_BYTE * file_bytes + BYTES_PER_PIXEL * pixels
    assert grown <= most, f"{file_bytes} bytes took {grown >> 20} MiB; allowed: {round(most) >> 20}"
    assert written <= most, f"{file_bytes} bytes wrote {written >> 20} MiB; allowed: {round(most) >> 20}"
    longest = SMALL_S + S_PER_BYTE * file_bytes + S_PER_PIXEL * pixels
    assert seconds <= longest, f"{file_bytes} bytes took {seconds:.1f} s of the processor; allowed: {longest:.1f}"


def _begin() -> int:
    """Reset the peak and return the current resident set size."""
    try:
        _RESET.write_text("5", encoding="ascii")
        return _field("VmRSS")
    except OSError:
        return 0


def _peak() -> int:
    try:
        return _field("VmHWM")
    except OSError:
        return 0


def _written() -> int:
    """Return the bytes that this process has passed to the system for writing."""
    try:
        return int(_IO.read_text(encoding="ascii").split("wchar: ")[1].split()[0])
    except OSError:
        return 0


def _field(name: str) -> int:
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    return 0
