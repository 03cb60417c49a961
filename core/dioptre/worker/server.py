"""The worker's server: listens on a Unix socket or, where the system has none, on a port of 127.0.0.1.

Clients must send the worker's token and, on the Unix socket, run as the same user: the socket is in a folder that
only its owner can access, and the system reports the user of the process at the other end. Any local user can
connect to a port, so clients that have not sent their first line yet must not block others: when the limit is
reached, the client that has been silent longest is disconnected.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import secrets
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dioptre.runtime import release_memory
from dioptre_link.errors import DioptreError
from dioptre_link.start import Rendezvous, log_file
from dioptre_link.wire import MAX_MESSAGE_BYTES, PROTOCOL, decode_hello, encode

from .engine import Engine, WarmUpStep
from .exchange import clean
from .session import Session

if TYPE_CHECKING:
    from .execution import Run

HELLO_TIMEOUT_S = 10.0  # time limit for a client's first message, which genuine clients send immediately
MAX_WAITING = 32  # maximum number of connections that have not sent the token yet

_log = logging.getLogger(__name__)
MAX_CLIENTS = 64
HEARTBEAT_S = 5.0  # interval of progress messages; clients give up after `jobs.SILENCE_S` without one
TRIM_AFTER_S = 20.0  # idle time after which memory is released: longer than usual pauses between previews
KEPT_FACTOR = 8  # the idle limit is this many times longer while a client has stored pixels (a dialog is open)
GRACE_S = 10.0  # time for a client to open the files of a result before a requested shutdown
BACKGROUND_S = 5.0  # time for a cancelled download to stop its process and delete its files
LOOK_S = 0.25  # interval of checks for a shutdown; short enough that stopping feels immediate
SOCKET_NAME = "worker.sock"
_SOCKET_PATH_BYTES = 100  # longest path used for a Unix socket; the limit is 104 or 108, depending on the system


class Server:
    """A server that runs until it has been idle for `idle_s` or is asked to stop."""

    def __init__(
        self,
        *,
        run: Run,
        version: str,
        meeting: Path,
        idle_s: float,
        warm_up: Iterable[WarmUpStep] = (),
        setup: str = "",
        for_commands: bool = False,
    ) -> None:
        """Set up a server without listening yet.

        Args:
            run: function that runs an operation.
            version: version of Dioptre.
            meeting: folder shared with clients.
            idle_s: idle time after which the server ends.
            warm_up: steps of the warm-up.
            setup: as in `Host`.
            for_commands: warm up only once an editor comes.
        """
        self.run = run
        self.setup = setup
        self.engine = Engine(warm_up)
        self.engine.hold(self, needed=for_commands)
        self.exchange = meeting / "exchange"
        self.hello: Mapping[str, Any] = {
            "protocol": PROTOCOL,
            "version": version,
            "pid": os.getpid(),
            "log": str(log_file()),
        }
        self._meeting = meeting
        self._idle_s = idle_s
        self._token = secrets.token_hex(32)
        self._door = Door(self._token)
        self._sessions: set[Session] = set()
        self._background: list[threading.Thread] = []
        self._touched = 0.0
        self._trimmed = False
        self._stop_when_idle = False
        self._delivered: float | None = None
        self._stop = asyncio.Event()

    async def serve(self, on_ready: Callable[[Rendezvous], None]) -> None:
        """Listen until stopped; call `on_ready` once clients can connect."""
        self.touch()
        server = await self._listen_on_socket()
        unix_socket, port = SOCKET_NAME, 0
        if server is None:
            server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=MAX_MESSAGE_BYTES)
            unix_socket, port = "", int(server.sockets[0].getsockname()[1])
        try:
            version, pid = self.hello["version"], self.hello["pid"]
            on_ready(Rendezvous(port, self._token, pid, PROTOCOL, version, unix_socket))
            self.engine.start()
            await self._watch()
        finally:
            server.close()
            self.engine.stop()
            for session in list(self._sessions):
                session.close()
            for thread in self._background:  # the clients' jobs are cancelled and need time to clean up
                thread.join(BACKGROUND_S)
            if unix_socket:
                with suppress(OSError):
                    (self._meeting / unix_socket).unlink()

    def touch(self) -> None:
        """Record activity, which restarts the idle timeout."""
        self._touched = asyncio.get_running_loop().time()
        self._trimmed = False

    def in_background(self, work: Callable[[], None]) -> None:
        """Run work that is not a computation on a thread of its own; the shutdown waits for it briefly."""
        self._background = [thread for thread in self._background if thread.is_alive()]
        self._background.append(threading.Thread(target=work, name="background", daemon=True))
        self._background[-1].start()

    def delivered(self) -> None:
        """Record that a client was sent a result, whose files it is about to open."""
        self._delivered = asyncio.get_running_loop().time()

    def shut_down(self, *, when_idle: bool) -> None:
        """Stop now, or as soon as no client has a job."""
        if when_idle:
            self._stop_when_idle = True
        else:
            self._stop.set()

    def editor_comes(self, editor: Session) -> None:
        """Warm up for an editor, and end the jobs of command lines, which compute them themselves instead."""
        self.engine.hold(self, needed=False)
        for session in self._sessions - {editor}:
            session.make_way()

    def serves_editor(self) -> bool:
        """Return whether a dialog is open in an editor, or a job is running."""
        return self.engine.has_tasks or any(session.keeps_something for session in self._sessions)

    async def _listen_on_socket(self) -> asyncio.Server | None:
        path = self._meeting / SOCKET_NAME
        if sys.platform == "win32" or len(os.fsencode(path)) > _SOCKET_PATH_BYTES:
            return None
        try:
            return await asyncio.start_unix_server(self._connected, path, limit=MAX_MESSAGE_BYTES)
        except OSError as error:  # the file system does not support Unix sockets
            _log.info("No socket in %s: %s", self._meeting, error)
            return None

    async def _watch(self) -> None:
        next_heartbeat = self._touched + HEARTBEAT_S
        while not self._stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), LOOK_S)
            now = asyncio.get_running_loop().time()
            if now >= next_heartbeat:
                next_heartbeat = now + HEARTBEAT_S
                for session in self._sessions:
                    session.heartbeat()
                clean(self.exchange, keep={session.folder for session in self._sessions})
            self._rest(now)

    def _rest(self, now: float) -> None:
        if any(session.has_jobs for session in self._sessions):
            return
        fetching = self._sessions and self._delivered is not None and now - self._delivered < GRACE_S
        if self._stop_when_idle and not fetching:
            self._stop.set()
        if not self.engine.idle:
            self.touch()
        idle_s = now - self._touched
        if idle_s > TRIM_AFTER_S and not self._trimmed:
            release_memory()
            self._trimmed = True
        waited_for = KEPT_FACTOR if any(session.keeps_something for session in self._sessions) else 1
        if idle_s > self._idle_s * waited_for:
            _log.info("Idle for %.0f s: ending", idle_s)
            self._stop.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = None
        try:
            session = await self._admitted(reader, writer)
            if session is not None:
                self._sessions.add(session)
                await session.run()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            _log.debug("A connection ended: %r", error)
        except asyncio.CancelledError:  # the worker is ending
            pass
        except DioptreError as error:  # the session's folder cannot be created
            _log.warning("A client could not be served: %s", error)
            with suppress(OSError):
                writer.write(encode({"type": "error", **error.to_dict()}))
        except Exception:  # an error in one connection must not affect the others  # noqa: BLE001
            _log.exception("A connection failed")
        finally:
            if session is not None:
                self._sessions.discard(session)
                session.close()
            writer.close()

    async def _admitted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Session | None:
        """Return a session for a client that authenticates with its first line; None otherwise."""
        hello = await self._door.hello(reader, writer)
        if hello is None:
            return None
        self.touch()
        error: DioptreError | None = None
        if len(self._sessions) >= MAX_CLIENTS:
            error = DioptreError(
                "Dioptre's worker already serves {limit} windows.",
                hint="Close a window of Dioptre in another editor, and try again.",
                code="too-many-clients",
                limit=MAX_CLIENTS,
            )
        elif hello["protocol"] != PROTOCOL:
            older = "plug-in" if hello["protocol"] < PROTOCOL else "worker"
            error = DioptreError(
                "{client} and Dioptre's worker ({version}) do not match: the {older} is too old (protocol "
                "{there} there, {here} here).",
                hint="Run `python3 install.py` again and restart the editor.",
                code="version",
                client=hello["client"][:80],
                version=self.hello["version"],
                older=older,
                there=hello["protocol"],
                here=PROTOCOL,
            )
        if error is not None:
            writer.write(encode({"type": "error", "protocol": PROTOCOL, **error.to_dict()}))
            await asyncio.wait_for(writer.drain(), HELLO_TIMEOUT_S)
            return None
        return Session(self, reader, writer, client=hello["client"])


class Door:
    """The connections that are not authenticated yet."""

    def __init__(self, token: str) -> None:
        self._token = token.encode("ascii")
        self._waiting: dict[asyncio.StreamWriter, None] = {}

    async def hello(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, Any] | None:
        """Return a client's first message if its token is valid; None if not, without telling the client why."""
        if not _is_own(writer):
            _log.warning("A connection of another user was closed")
            return None
        if len(self._waiting) >= MAX_WAITING:
            longest = next(iter(self._waiting))
            del self._waiting[longest]
            longest.transport.abort()
        self._waiting[writer] = None
        try:
            line = await asyncio.wait_for(reader.readuntil(b"\n"), HELLO_TIMEOUT_S)
        finally:
            self._waiting.pop(writer, None)
        message = decode_hello(line)
        if message is None or not hmac.compare_digest(message["token"].encode("utf-8"), self._token):
            _log.warning("A connection without the right token was closed")
            return None
        return message


def _is_own(writer: asyncio.StreamWriter) -> bool:
    """Return whether the process at the other end of a socket is this user's; True if the system cannot tell."""
    connection = writer.get_extra_info("socket")
    uid = None if connection.family == socket.AF_INET else peer_uid(connection)
    return uid is None or uid == os.getuid()


def peer_uid(connection: Any) -> int | None:
    """Return the user ID of the process at the other end of a Unix socket (or its wrapper); None if unknown."""
    try:
        if sys.platform == "linux":
            _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            return int(uid)
        if sys.platform == "darwin":
            local_peercred, sol_local = 1, 0  # from sys/un.h; struct xucred starts with its version and the user ID
            _, uid = struct.unpack_from("2I", connection.getsockopt(sol_local, local_peercred, 76))
            return int(uid)
    except OSError:
        return -1  # the process has already exited
    return None
