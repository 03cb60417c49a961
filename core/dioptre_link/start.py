"""Find the user's worker, or start it: detached, from the environment's own Python, with a clean environment.

Everything that client and worker must both see lies in one folder, `meeting_dir()`: the rendezvous file, the
worker's socket, the locks and the exchange folder. A sandbox that is shown this folder alone can work.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import DioptreError
from .language import Message
from .paths import cache_dir, chosen_python, data_dir, environment_dir, interpreter, log_dir
from .private import lock

START_TIMEOUT_S = 60.0  # a first start on a slow disk reads some 300 MB of libraries
POLL_S = 0.05  # between looks at the rendezvous file: not felt by a user, no load
CONNECT_TIMEOUT_S = 5.0  # the machine itself answers at once unless it is thrashing

_KEPT_VARIABLES = (
    *("HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "PATH"),
    *("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"),
    *("CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "NUMBER_OF_PROCESSORS"),
    *("USERPROFILE", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "APPDATA", "PROGRAMDATA", "USERNAME"),
)
_KEPT_PREFIXES = ("LC_", "DIOPTRE_", "PIP_")  # pip's settings: networks are downloaded with it


class WorkerMissingError(DioptreError):
    """There is no worker and none could be started."""

    code = "worker-missing"


@dataclass(frozen=True)
class Rendezvous:
    """What `worker.json` says: where the worker listens and what it speaks.

    unix_socket: name of a Unix socket in `meeting_dir()`, "" where there is none; it reaches a worker outside of a
    sandbox that has a network of its own. port: TCP on 127.0.0.1, 0 where the worker listens on the socket alone.
    """

    port: int
    token: str
    pid: int
    protocol: int
    version: str
    unix_socket: str = ""

    @staticmethod
    def read() -> Rendezvous | None:
        """The file's content, or None when there is no usable file."""
        try:
            fields = json.loads(rendezvous_file().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return Rendezvous.from_dict(fields)

    @staticmethod
    def from_dict(fields: Any) -> Rendezvous | None:
        kinds = {"port": int, "token": str, "pid": int, "protocol": int, "version": str, "unix_socket": str}
        if not isinstance(fields, dict) or any(type(fields.get(name)) is not kind for name, kind in kinds.items()):
            return None
        lowest = 0 if fields["unix_socket"] else 1
        if not lowest <= fields["port"] < 65536 or Path(fields["unix_socket"]).name != fields["unix_socket"]:
            return None
        return Rendezvous(**{name: fields[name] for name in kinds})

    def connect(self) -> socket.socket | None:
        """A connected socket, or None when nobody listens there any more."""
        if self.unix_socket and hasattr(socket, "AF_UNIX"):
            with suppress(OSError):
                return _connected(socket.AF_UNIX, str(meeting_dir() / self.unix_socket))
        if self.port:
            with suppress(OSError):
                return _connected(socket.AF_INET, ("127.0.0.1", self.port))
        return None


def meeting_dir() -> Path:
    """The folder (0700) where clients and the worker meet."""
    return data_dir() / "worker"


def exchange_dir() -> Path:
    """The folder (0700) in which each connection has a folder of its own for pixels."""
    return meeting_dir() / "exchange"


def rendezvous_file() -> Path:
    return meeting_dir() / "worker.json"


def worker_lock_file() -> Path:
    return meeting_dir() / "worker.lock"


def log_file() -> Path:
    return log_dir() / "worker.log"


def start_log_file() -> Path:
    """What the last started worker printed before its own log was open."""
    return log_dir() / "worker-start.log"


def environment_python() -> Path:
    """The Python that runs the worker: `DIOPTRE_PYTHON`, what the plug-in was installed with, or install.py's.

    Raises WorkerMissingError when there is none.
    """
    if chosen := os.environ.get("DIOPTRE_PYTHON"):
        return Path(chosen)
    python = chosen_python() or interpreter(environment_dir())
    if not python.exists():
        raise WorkerMissingError(
            "Dioptre's environment is not installed: {python} does not exist.",
            hint="Run `python3 install.py` in Dioptre's folder. If the editor runs in a sandbox (Flatpak, "
            "snap), start the worker outside it with `python3 install.py worker`.",
            python=python,
        )
    return python


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What the worker may see of an editor's environment: an allow-list.

    An editor's PYTHONHOME, PYTHONPATH or LD_LIBRARY_PATH (AppImage, snap, Windows bundles) would break our Python.
    """
    kept = {k: v for k, v in environ.items() if k.upper() in _KEPT_VARIABLES or k.startswith(_KEPT_PREFIXES)}
    folders = {"DIOPTRE_DATA_DIR": data_dir(), "DIOPTRE_CACHE_DIR": cache_dir(), "DIOPTRE_LOG_DIR": log_dir()}
    return kept | {name: str(folder) for name, folder in folders.items()}


def worker_command() -> list[str]:
    """Isolate with -I, so that no Python file of the user or the current folder is imported."""
    return [str(environment_python()), "-I", "-m", "dioptre.worker"]


def find_or_start(
    *,
    command: Sequence[str] | None = None,
    timeout_s: float = START_TIMEOUT_S,
    on_wait: Callable[[], None] | None = None,
    may_start: bool = True,
) -> tuple[Rendezvous, socket.socket]:
    """A running worker and a connection to it; starts one where there is none and `may_start`.

    command: starts the worker instead of `worker_command()`.
    on_wait: called about 20 times a second while waiting; may raise to give up.
    Raises WorkerMissingError when there is no environment, the worker ends at once or does not come up.
    """
    if found := _connect_running():
        return found
    if not may_start:
        raise WorkerMissingError("Dioptre's worker is not running.")
    private_dir(meeting_dir())
    deadline = time.monotonic() + timeout_s
    with _start_lock(deadline, on_wait):
        if found := _connect_running():  # another client was faster
            return found
        process = _spawn(list(command) if command is not None else worker_command())
        threading.Thread(target=process.wait, daemon=True).start()  # no zombie stays when it ends before us
        while time.monotonic() < deadline:
            if found := _connect_running():
                return found
            if (status := process.poll()) not in (None, 0):
                raise WorkerMissingError(
                    Message("Dioptre's worker stopped while starting (status {status}).", status=status),
                    hint=_log_hint(),
                )
            _wait(on_wait)
    raise WorkerMissingError(
        Message("Dioptre's worker did not start within {timeout_s} s.", timeout_s=format(timeout_s, ".0f")),
        hint=_log_hint(),
    )


def private_dir(folder: Path) -> Path:
    """Make `folder` (0700) and its parents."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    return folder


def is_running() -> bool:
    """Whether a worker lives: it holds a lock for as long. Its rendezvous file alone may be left from a crash."""
    try:
        with worker_lock_file().open("rb") as file:
            return not lock(file.fileno(), shared=True)
    except OSError:
        return False


def _connect_running() -> tuple[Rendezvous, socket.socket] | None:
    rendezvous = Rendezvous.read() if is_running() else None
    connection = rendezvous.connect() if rendezvous else None
    return (rendezvous, connection) if rendezvous and connection else None


def _connected(family: int, address: Any) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(CONNECT_TIMEOUT_S)
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def _spawn(command: list[str]) -> subprocess.Popen[bytes]:
    private_dir(log_dir())
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        # A console without a window, which the worker's own children inherit. DETACHED_PROCESS would cancel
        # CREATE_NO_WINDOW: the environment's python.exe starts another Python, which then opens a console.
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        detached = {"creationflags": flags}
    try:
        with start_log_file().open("wb") as output:
            return subprocess.Popen(  # noqa: S603  (our own interpreter and module)
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=str(meeting_dir()),
                env=clean_environment(os.environ),
                **detached,
            )
    except OSError as error:
        raise WorkerMissingError(
            "Dioptre's worker could not be started: {error}.", hint="Run `python3 install.py doctor`.", error=error
        ) from error


def _log_hint() -> str:
    lines = []
    with suppress(OSError):
        lines = start_log_file().read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = f" Its last words: {lines[-1]}" if lines else ""
    return f"See {start_log_file()} and {log_file()}.{last}"


def _wait(on_wait: Callable[[], None] | None) -> None:
    if on_wait is not None:
        on_wait()
    time.sleep(POLL_S)


@contextmanager
def _start_lock(deadline: float, on_wait: Callable[[], None] | None) -> Iterator[None]:
    """Held by the one client that starts the worker; freed by the system when that client dies."""
    with (meeting_dir() / "start.lock").open("a+b") as file:
        while not lock(file.fileno()):
            if time.monotonic() > deadline:
                raise WorkerMissingError("Another program is still starting Dioptre's worker.", hint=_log_hint())
            _wait(on_wait)
        yield
