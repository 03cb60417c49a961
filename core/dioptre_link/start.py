"""Find the user's worker or start it: detached, with the environment's own Python and a clean environment.

Everything that both client and worker must access is in one folder, `meeting_dir()`: the rendezvous file, the
worker's socket, the locks and the exchange folder. A sandbox needs access to this folder only.
"""

from __future__ import annotations

import configparser
import os
import shutil
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

from . import strict_json
from .errors import DioptreError
from .files import create_closed, lock
from .language import Message
from .paths import cache_dir, chosen_python, data_dir, environment_dir, interpreter, log_dir

START_TIMEOUT_S = 60.0  # time for a worker to start; the first start reads about 300 MB, perhaps from a slow disk
POLL_S = 0.05  # interval of checks for the rendezvous file: no noticeable delay, and hardly any load
CONNECT_TIMEOUT_S = 5.0  # time limit for connecting, which takes no time unless the machine is overloaded

_KEPT_VARIABLES = (
    *("HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "PATH"),
    *("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"),
    *("CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "NUMBER_OF_PROCESSORS"),
    *("USERPROFILE", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "APPDATA", "PROGRAMDATA", "USERNAME"),
)
_KEPT_PREFIXES = ("LC_", "DIOPTRE_", "PIP_")  # pip's settings are kept because networks are downloaded with it
INFO = Path("/.flatpak-info")  # exists in every Flatpak sandbox and describes it
APP = Path("/app")  # an application and its extensions in a Flatpak; outside, this folder does not exist
_SPAWN = "flatpak-spawn"
_REFUSALS = ("Portal call failed", "Can't find bus")  # errors of flatpak-spawn without the permission


class WorkerMissingError(DioptreError):
    """No worker is running and none could be started."""

    code = "worker-missing"


@dataclass(frozen=True)
class Rendezvous:
    """The content of `worker.json`: where the worker listens and which protocol it speaks.

    Attributes:
        port: TCP port on 127.0.0.1; 0 if the worker listens on the socket only.
        token: secret that clients must send.
        pid: process id of the worker.
        protocol: version of the protocol.
        version: version of Dioptre.
        unix_socket: name of a Unix socket in `meeting_dir()`, "" if there is none. Through it, a client in a
            sandbox with a separate network can reach a worker outside.
    """

    port: int
    token: str
    pid: int
    protocol: int
    version: str
    unix_socket: str = ""

    @staticmethod
    def read() -> Rendezvous | None:
        """Read the rendezvous file; return None if it is missing or invalid."""
        try:
            fields = strict_json.parsed(rendezvous_file().read_text(encoding="utf-8"))
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
        """Return a connected socket, or None if no worker is listening."""
        if self.unix_socket and hasattr(socket, "AF_UNIX"):
            with suppress(OSError):
                return _connected(socket.AF_UNIX, str(meeting_dir() / self.unix_socket))
        if self.port:
            with suppress(OSError):
                return _connected(socket.AF_INET, ("127.0.0.1", self.port))
        return None


def meeting_dir() -> Path:
    """Return the folder (0700) shared by clients and the worker."""
    return data_dir() / "worker"


def exchange_dir() -> Path:
    """Return the folder (0700) that contains a subfolder for the pixels of each connection."""
    return meeting_dir() / "exchange"


def rendezvous_file() -> Path:
    return meeting_dir() / "worker.json"


def worker_lock_file() -> Path:
    return meeting_dir() / "worker.lock"


def log_file() -> Path:
    return log_dir() / "worker.log"


def start_log_file() -> Path:
    """Return the path of the file that receives the newest worker's output until it opens its own log."""
    return log_dir() / "worker-start.log"


def environment_python() -> Path:
    """Return the Python that runs the worker.

    In order of preference: the Python that `DIOPTRE_PYTHON` names, the one with which the plug-in was installed (by
    `dioptre plugin install` or as a Flatpak extension), or the one in install.py's environment.

    Raises:
        WorkerMissingError: the environment is not installed.
    """
    if chosen := os.environ.get("DIOPTRE_PYTHON"):
        return Path(chosen)
    python = chosen_python() or interpreter(environment_dir())
    # In a Flatpak, the link to the system's Python may lead nowhere, but the Python is started outside.
    if not python.exists() and not (python.is_symlink() and flatpak_app() is not None):
        raise WorkerMissingError(
            "Dioptre's environment is not installed: {python} does not exist.",
            hint="Run `python3 install.py` in Dioptre's folder. If the editor runs in a sandbox (Flatpak, "
            "snap), start the worker outside it with `python3 install.py worker`.",
            python=python,
        )
    return python


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an editor's environment that the worker inherits: those on an allow-list.

    An editor's PYTHONHOME, PYTHONPATH or LD_LIBRARY_PATH (AppImage, snap, Windows bundles) would break the worker's
    Python.
    """
    kept = {k: v for k, v in environ.items() if k.upper() in _KEPT_VARIABLES or k.startswith(_KEPT_PREFIXES)}
    folders = {"DIOPTRE_DATA_DIR": data_dir(), "DIOPTRE_CACHE_DIR": cache_dir(), "DIOPTRE_LOG_DIR": log_dir()}
    return kept | {name: str(folder) for name, folder in folders.items()}


def worker_command() -> list[str]:
    """Return the worker's command; -I prevents imports from the current folder or the user's packages."""
    return [str(environment_python()), "-I", "-m", "dioptre.worker"]


def find_or_start(
    *,
    command: Sequence[str] | None = None,
    on_wait: Callable[[], None] | None = None,
    timeout_s: float = START_TIMEOUT_S,
    may_start: bool = True,
) -> tuple[Rendezvous, socket.socket]:
    """Connect to the running worker, or start one if there is none and `may_start`.

    Args:
        command: command that starts the worker. Default: `worker_command()`.
        on_wait: called about 20 times a second while waiting; may raise an exception to give up.
        timeout_s: how long to wait for the worker.
        may_start: start the worker if none is running.

    Returns:
        The worker's rendezvous and a connected socket.

    Raises:
        WorkerMissingError: there is no environment, or the worker ended immediately or did not start in time.
    """
    if found := _connect_running():
        return found
    if not may_start:
        raise WorkerMissingError("Dioptre's worker is not running.")
    private_dir(meeting_dir())
    deadline = time.monotonic() + timeout_s
    with _start_lock(deadline, on_wait):
        if found := _connect_running():  # another client has started a worker meanwhile
            return found
        line = list(command) if command is not None else worker_command()
        process = _spawn(line, inside=Path(line[0]).is_relative_to(APP))
        while time.monotonic() < deadline:
            if found := _connect_running():
                return found
            if (status := process.poll()) not in (None, 0):
                if not (_was_refused() and _runs_inside(line)):
                    raise _stopped(status)
                process = _spawn(line, inside=True)
            _wait(on_wait)
    raise WorkerMissingError(
        Message("Dioptre's worker did not start within {timeout_s} s.", timeout_s=format(timeout_s, ".0f")),
        hint=_log_hint(),
    )


def private_dir(folder: Path) -> Path:
    """Create a folder with mode 0700, and its parents."""
    create_closed(folder)
    folder.chmod(0o700)
    return folder


def is_running() -> bool:
    """Return whether a worker holds the lock; a rendezvous file alone may be left over from a crash."""
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


def _spawn(command: list[str], *, inside: bool = False) -> subprocess.Popen[bytes]:
    """Start the worker, outside a Flatpak sandbox unless `inside`."""
    private_dir(log_dir())
    environment = clean_environment(os.environ)
    outside = None if inside else on_host(command, environment)
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        # CREATE_NO_WINDOW gives the worker a console without a window, which its children inherit. DETACHED_PROCESS
        # would override that flag: the environment's python.exe starts another Python, which would then open a
        # console window.
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        detached = {"creationflags": flags}
    try:
        with start_log_file().open("wb") as output:
            process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
                outside or command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=str(meeting_dir()),
                env=environment if outside is None else None,
                **detached,
            )
    except OSError as error:
        raise WorkerMissingError(
            "Dioptre's worker could not be started: {error}.", hint="Run `python3 install.py doctor`.", error=error
        ) from error

    # Without this thread, a worker that ends early would remain as a zombie process.
    threading.Thread(target=process.wait, daemon=True).start()
    return process


def _was_refused() -> bool:
    """Return whether Flatpak refused to start the worker outside the sandbox."""
    return flatpak_app() is not None and is_refusal(_start_output())


def _runs_inside(command: list[str]) -> bool:
    """Return whether a command's Python is the one that uv brought, which needs nothing of the system's files."""
    python = Path(command[0]).resolve()
    return python.exists() and python.is_relative_to((data_dir() / "python").resolve())


def _stopped(status: int | None) -> WorkerMissingError:
    """Return the error for a worker that ended before it could be reached."""
    app = flatpak_app()
    if _was_refused():
        return WorkerMissingError(
            "The Flatpak sandbox does not allow Dioptre to start its worker.",
            hint="Run `flatpak override --user --talk-name=org.freedesktop.Flatpak {app}` and restart the editor, "
            "or start the worker yourself with `python3 install.py worker`.",
            app=app,
        )
    return WorkerMissingError(
        Message("Dioptre's worker stopped while starting (status {status}).", status=status), hint=_log_hint()
    )


def _log_hint() -> str:
    lines = _start_output().strip().splitlines()
    last = f" Last line: {lines[-1]}" if lines else ""
    return f"See {start_log_file()} and {log_file()}.{last}"


def _start_output() -> str:
    try:
        return start_log_file().read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _wait(on_wait: Callable[[], None] | None) -> None:
    if on_wait is not None:
        on_wait()
    time.sleep(POLL_S)


@contextmanager
def _start_lock(deadline: float, on_wait: Callable[[], None] | None) -> Iterator[None]:
    """Hold the lock that a client needs to start the worker; the system releases it if that client dies."""
    with (meeting_dir() / "start.lock").open("a+b") as file:
        while not lock(file.fileno()):
            if time.monotonic() > deadline:
                raise WorkerMissingError("Another program is still starting Dioptre's worker.", hint=_log_hint())
            _wait(on_wait)
        yield


def flatpak_app() -> str | None:
    """Return the id of the Flatpak application that runs this process, such as `org.gimp.GIMP`; None outside."""
    if not INFO.exists():
        return None
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(INFO.read_text(encoding="utf-8"))
        return parser.get("Application", "name")
    except (OSError, ValueError, configparser.Error):
        return ""


def on_host(command: Sequence[str], environment: Mapping[str, str]) -> list[str] | None:
    """Return the command that runs `command` outside the Flatpak sandbox; None if there is no way or no sandbox.

    The program outlives the editor. It needs the editor's own environment to reach Flatpak. Flatpak refuses it
    unless the application may talk to `org.freedesktop.Flatpak`; see `is_refusal`.

    Args:
        command: program and arguments, as seen from outside the sandbox.
        environment: the program's environment. Only Dioptre's own variables are passed on, because the others
            describe the sandbox.
    """
    if flatpak_app() is None or (spawn := shutil.which(_SPAWN)) is None:
        return None
    ours = [f"--env={name}={value}" for name, value in environment.items() if name.startswith("DIOPTRE_")]
    return [spawn, "--host", *ours, *command]


def is_refusal(output: str) -> bool:
    """Return whether this output is flatpak-spawn's own error rather than that of the program."""
    return any(line.startswith(_REFUSALS) for line in output.splitlines())
