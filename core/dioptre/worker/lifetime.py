"""The lifetime of the worker's process: its lock (one worker per user), its log, and its rendezvous file."""

from __future__ import annotations

import asyncio
import json
import logging
import logging.handlers
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING

from dioptre.runtime import setup
from dioptre_link import files
from dioptre_link.files import lock
from dioptre_link.paths import log_dir
from dioptre_link.printable import PrintableFormatter
from dioptre_link.start import (
    Rendezvous,
    exchange_dir,
    log_file,
    meeting_dir,
    private_dir,
    rendezvous_file,
    worker_lock_file,
)

from .engine import WarmUpStep
from .exchange import clean
from .server import Server

if TYPE_CHECKING:
    from .execution import Run

LOCK_TIMEOUT_S = 10.0  # how long to wait for a worker that is shutting down to release the lock
_LOG_BYTES = 1 << 20
_LOG_FILES = 3

_log = logging.getLogger(__name__)


def work(*, run: Run, warm_up: Iterable[WarmUpStep], idle_s: float, for_commands: bool = False) -> int:
    """Run as the user's worker until idle or asked to stop; return the exit status of the process."""
    os.umask(0o077)  # all files that the worker creates are private to the user
    private_dir(meeting_dir())
    _open_log()
    with _alone() as alone:
        if not alone:
            sys.stderr.write("Another Dioptre worker is running.\n")
            return 3
        clean(exchange_dir())
        try:
            asyncio.run(_serve(run, warm_up, idle_s, for_commands=for_commands))
        except Exception:  # last resort: log any error  # noqa: BLE001
            _log.exception("The worker failed")
            return 1
        finally:
            clean(exchange_dir())
    return 0


async def _serve(run: Run, warm_up: Iterable[WarmUpStep], idle_s: float, *, for_commands: bool) -> None:
    version = metadata.version("dioptre")
    server = Server(
        run=run,
        version=version,
        meeting=meeting_dir(),
        idle_s=idle_s,
        warm_up=warm_up,
        setup=setup(),
        for_commands=for_commands,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # not available on Windows
            loop.add_signal_handler(number, _stopper(server))
    published: list[Rendezvous] = []

    def ready(rendezvous: Rendezvous) -> None:
        publish(rendezvous)
        published.append(rendezvous)
        _log.info("Worker %s, process %d, port %d", version, rendezvous.pid, rendezvous.port)

    try:
        await server.serve(ready)
    finally:
        if published and Rendezvous.read() == published[0]:
            with suppress(OSError):  # a client may be reading the file; clients ignore it once the lock is free
                files.unlink(rendezvous_file())
        _log.info("Worker ended")


def publish(rendezvous: Rendezvous) -> None:
    """Write the rendezvous file (0600) atomically."""
    target = rendezvous_file()
    part = target.with_name(f"{target.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(rendezvous), file)
    files.replace(part, target)


def _stopper(server: Server) -> Callable[[], None]:
    return lambda: server.shut_down(when_idle=False)


@contextmanager
def _alone() -> Iterator[bool]:
    """Hold the lock that allows only one worker per user; yield whether it was acquired."""
    with worker_lock_file().open("a+b") as file:
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        while not (alone := lock(file.fileno())) and time.monotonic() < deadline:
            time.sleep(0.05)
        yield alone


def _open_log() -> None:
    private_dir(log_dir())
    handler = logging.handlers.RotatingFileHandler(
        log_file(), maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8"
    )
    handler.setFormatter(PrintableFormatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    handler.rotator = _rotate
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)  # libraries log only warnings and errors
    logging.getLogger("dioptre").setLevel(logging.INFO)


def _rotate(source: str, target: str) -> None:
    """Rename a full log; if another program is reading it on Windows, let it grow instead."""
    with suppress(PermissionError):
        os.replace(source, target)  # noqa: PTH105  (logging gives strings)
