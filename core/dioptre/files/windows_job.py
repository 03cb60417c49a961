"""Limit this process's memory with a Windows job object. If that fails, only the parent process monitors it.

https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-jobobject_extended_limit_information
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

_EXTENDED_LIMIT_INFORMATION = 9
_LIMIT_PROCESS_MEMORY = 0x100
_LIBRARIES_BYTES = 512 << 20  # memory that libraries commit before the first file


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("per_process_user_time", ctypes.c_int64),
        ("per_job_user_time", ctypes.c_int64),
        ("limit_flags", ctypes.c_uint32),
        ("minimum_working_set", ctypes.c_size_t),
        ("maximum_working_set", ctypes.c_size_t),
        ("active_processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority_class", ctypes.c_uint32),
        ("scheduling_class", ctypes.c_uint32),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("basic", _BasicLimits),
        ("io_counters", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process_memory", ctypes.c_size_t),
        ("peak_job_memory", ctypes.c_size_t),
    )


def limit_memory(extra_bytes: int) -> bool:
    """Limit this process's memory to what its libraries need plus `extra_bytes`; return whether this succeeded."""
    if sys.platform != "win32":
        return False
    job = _job()
    if job is None:
        return False
    limits = _ExtendedLimits()
    limits.basic.limit_flags = _LIMIT_PROCESS_MEMORY
    limits.process_memory = _LIBRARIES_BYTES + extra_bytes
    size = ctypes.sizeof(limits)
    return bool(_kernel32().SetInformationJobObject(job, _EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), size))


@cache
def _job() -> Any:
    """Return a job object that contains this process; None if it cannot be created."""
    kernel32 = _kernel32()
    job = kernel32.CreateJobObjectW(None, None)
    if not job or not kernel32.AssignProcessToJobObject(job, kernel32.GetCurrentProcess()):
        return None
    return job


@cache
def _kernel32() -> Any:
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined, unused-ignore]
    handle, integer = ctypes.c_void_p, ctypes.c_int
    kernel32.CreateJobObjectW.restype = handle
    kernel32.GetCurrentProcess.restype = handle
    kernel32.AssignProcessToJobObject.argtypes = (handle, handle)
    kernel32.SetInformationJobObject.argtypes = (handle, integer, handle, ctypes.c_uint32)
    return kernel32
