"""Start the user's worker once it is installed, and end it before its environment changes or is removed."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress

from . import locking
from .console import Console
from .environment import Folders, scrubbed_environment

_ASK_TIMEOUT_S = 60  # Time limit for sending the request; allows for a cold start of Python.
_END_TIMEOUT_S = 60.0  # Time limit for the worker to end; most pictures take less.
_POLL_S = 0.1


def begin(where: Folders) -> bool:
    """Start a worker in the background, so that it compiles its networks before the user opens an editor.

    Returns:
        Whether it runs now. An editor starts a worker itself if there is none.
    """
    return _ask(where, "--begin")


def end(where: Folders, console: Console, *, timeout_s: float = _END_TIMEOUT_S) -> bool:
    """Ask the worker to end once its jobs are finished, and wait until it has ended.

    The worker's own environment sends the request, because it uses the same protocol.

    Returns:
        Whether no worker is running now.
    """
    if not is_running(where):
        return True
    console.step("Waiting for Dioptre's worker to stop")
    _ask(where, "--stop")
    deadline = time.monotonic() + timeout_s
    while is_running(where):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    console.finish()
    return True


def _ask(where: Folders, option: str) -> bool:
    """Run `dioptre worker` with an option, and return whether it succeeded."""
    command = [str(where.python), "-P", "-m", "dioptre", "worker", option]
    folders = {"DATA": where.data, "CACHE": where.cache, "LOG": where.log}
    environment = scrubbed_environment() | {f"DIOPTRE_{name}_DIR": str(path) for name, path in folders.items()}
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, env=environment, capture_output=True, timeout=_ASK_TIMEOUT_S, check=False)
        return done.returncode == 0
    return False


def is_running(where: Folders) -> bool:
    """Return whether a worker is running; it holds a lock while it runs (`dioptre_link.start`)."""
    try:
        descriptor = os.open(where.data / "worker" / "worker.lock", os.O_RDWR)
    except OSError:
        return False
    try:
        return not locking.try_lock(descriptor)
    finally:
        os.close(descriptor)
