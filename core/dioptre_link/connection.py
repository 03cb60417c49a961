"""A connection to the worker: its handshake, exchange folder, messages and jobs."""

from __future__ import annotations

import secrets
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import start
from .buffers import Buffer
from .errors import Cancelled, DioptreError
from .jobs import (
    SLICE_S,
    Job,
    Layer,
    Progress,
    Result,
    Stored,
    VersionError,
    WorkerLostError,
    WorkerSilentError,
)
from .wire import MAX_MESSAGE_BYTES, PROTOCOL, WireError, decode, encode

# Time limit for answers that require no computation: a worker may take seconds on a machine that is swapping.
REPLY_TIMEOUT_S = 20.0
LOADING_TIMEOUT_S = 90.0  # for the first pixels: the worker loads JAX for them, perhaps from a slow disk


class Connection:
    """A socket to the worker with its exchange folder and its jobs."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.folder = Path()
        self.heard = time.monotonic()
        self._received = bytearray()
        self._jobs: dict[int, Job] = {}
        self._replies: deque[dict[str, Any]] = deque()
        self._awaiting = False
        self._failure: DioptreError | None = None
        self._send_lock = threading.Lock()
        self._pump_lock = threading.Lock()

    # -- set-up --------------------------------------------------------------------------------------------------

    def handshake(self, client: str, rendezvous: start.Rendezvous) -> None:
        """Authenticate, and find the folder that is shared with the worker.

        Raises:
            VersionError: the worker speaks another version of the protocol.
            WorkerLostError: the worker ended or did not answer.
            DioptreError: this process cannot write to the folder, or sees another one.
        """
        self._awaiting = True
        self.send({"type": "hello", "protocol": PROTOCOL, "token": rendezvous.token, "client": client})
        hello = self.reply("hello")
        folder = _visible_folder(hello["folder"], hello["nonce_file"])
        share: dict[str, Any] = {"type": "share", "nonce": "", "answer_file": None, "answer": ""}
        if folder is not None:
            with suppress(OSError, ValueError):
                share["nonce"] = (folder / hello["nonce_file"]).read_text(encoding="ascii")
                share["answer"] = secrets.token_hex(16)
                (folder / "answer").write_text(share["answer"], encoding="ascii")
                share["answer_file"] = "answer"
        self.send(share)
        shared = self.reply("shared")["ok"]
        self._awaiting = False
        if folder is None or not shared:
            raise DioptreError(
                "This program cannot write to Dioptre's folder {folder}.",
                hint="If it runs in a sandbox (Flatpak, snap), allow it to read and write this folder.",
                code="exchange",
                folder=start.meeting_dir(),
            )
        self.folder = folder

    # -- sending -------------------------------------------------------------------------------------------------

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message; raise WireError if it is invalid, WorkerLostError if the connection is lost."""
        try:
            line = encode(message)
        except (TypeError, ValueError) as error:
            raise WireError("The message cannot be sent to the worker: {error}.", error=error) from error
        if self._failure is not None:
            raise self._failure
        try:
            with self._send_lock:
                self.socket.settimeout(REPLY_TIMEOUT_S)
                self.socket.sendall(line)
        except OSError as error:
            self.fail(WorkerLostError("The connection to Dioptre's worker was lost ({error}).", error=error))
            assert self._failure is not None
            raise self._failure from error

    def reference(self, given: Buffer | Stored) -> dict[str, Any]:
        """Return the reference to an input for a message."""
        if isinstance(given, Stored):
            if given.connection is not self:
                raise WorkerLostError("The worker that held {name} has stopped.", name=repr(given.name))
            return {"stored": given.name}
        if given.path.parent != self.folder:
            raise WorkerLostError("The worker that these pixels were meant for has stopped.")
        return given.pixels.to_dict()

    def submit(self, message: dict[str, Any]) -> Job:
        """Send a job's message and return the job."""
        job = Job(self, message["job"])
        self._jobs[job.number] = job
        try:
            self.send(message)
        except DioptreError:
            self._jobs.pop(job.number, None)
            raise
        return job

    def request(self, message: Mapping[str, Any], answer: str, *, loading: bool = False) -> dict[str, Any]:
        """Send a message and return the worker's answer.

        Args:
            message: the message.
            answer: the type of the answer.
            loading: whether the worker may have to load its libraries first.

        Raises:
            DioptreError: as in `send` and `reply`.
        """
        self._awaiting = True
        try:
            self.send(message)
            return self.reply(answer, timeout_s=LOADING_TIMEOUT_S if loading else REPLY_TIMEOUT_S)
        finally:
            self._awaiting = False

    # -- receiving -----------------------------------------------------------------------------------------------

    def reply(self, kind: str, *, timeout_s: float | None = None) -> dict[str, Any]:
        """Return the next message that belongs to no job; wait for `REPLY_TIMEOUT_S` unless a time is given.

        Raises:
            WireError: the message is not of type `kind`.
            WorkerLostError: the connection is lost, or no answer arrived in time.
            DioptreError: the error that the worker answered with.
        """
        timeout_s = REPLY_TIMEOUT_S if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        while not self._replies:
            if time.monotonic() > deadline:
                self.fail(
                    WorkerSilentError(
                        "Dioptre's worker did not answer within {seconds} s.", seconds=round(timeout_s)
                    )
                )
            if self._failure is not None:
                raise self._failure
            self.pump(SLICE_S)
        message = self._replies.popleft()
        if message["type"] == "error":
            raise _worker_error(message)
        if message["type"] != kind:
            self.fail(
                WireError("The worker sent {type} instead of {kind}.", type=repr(message["type"]), kind=repr(kind))
            )
            raise WireError(
                "The worker sent {type} instead of {kind}.", type=repr(message["type"]), kind=repr(kind)
            )
        return message

    def usable(self) -> bool:
        """Return whether the connection still works, after processing the messages that have arrived."""
        self.pump(0.0)
        return self._failure is None

    def pump(self, timeout_s: float) -> bool:
        """Receive data for at most `timeout_s` and pass each message to its job; return whether any arrived."""
        with self._pump_lock:
            if self._failure is not None:
                return False
            try:
                if not _readable(self.socket, timeout_s):
                    return False
                data = self.socket.recv(MAX_MESSAGE_BYTES)
            except (OSError, ValueError):  # a ValueError means that the socket was closed meanwhile
                data = b""
            if not data:
                self.fail(WorkerLostError("Dioptre's worker stopped unexpectedly."))
                return True
            self.heard = time.monotonic()
            self._received += data
            try:
                self._take_lines(len(data))
            except DioptreError as error:
                self.fail(error)
            return True

    def _take_lines(self, fresh: int) -> None:
        search_from = len(self._received) - fresh
        start_of_line = 0
        while (end := self._received.find(b"\n", max(search_from, start_of_line))) >= 0:
            self._dispatch(decode(bytes(self._received[start_of_line:end]), sender="worker"))
            start_of_line = end + 1
        del self._received[:start_of_line]
        if len(self._received) > MAX_MESSAGE_BYTES:
            raise WireError("The worker sent a line that is too long.")

    def _dispatch(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        job = self._jobs.get(message.get("job") or 0)
        if message.get("job") is None:
            if not self._awaiting and message["type"] == "error":
                raise _worker_error(message)
            self._replies.append(message)
        elif job is None:
            raise WireError("The worker answered a job that was not submitted.")
        elif kind == "progress":
            job.push(Progress(message["fraction"], message["phase"]))
        else:
            del self._jobs[job.number]
            ending = self._ending(message)
            if not job.push(ending) and isinstance(ending, Result):
                ending.delete()

    def _ending(self, message: dict[str, Any]) -> Result | DioptreError:
        if message["type"] == "cancelled":
            return Cancelled(message["reason"] or "Cancelled.")
        if message["type"] == "error":
            return _worker_error(message)
        layers: list[Layer] = []
        try:
            for fields in message["layers"]:
                buffer = Buffer(self.folder, fields["pixels"], create=False)
                layers.append(Layer(fields["name"], fields["role"], fields["visible"], buffer))
        except DioptreError as error:
            for layer in layers:
                layer.buffer.delete()
            return error
        told = (message[name] for name in ("values", "messages", "models", "precision"))
        return Result(tuple(layers), *told)

    def fail(self, error: DioptreError) -> None:
        """End the connection and all of its jobs with `error`; later errors are ignored."""
        if self._failure is not None:
            return
        self._failure = error
        self.socket.close()
        for job in list(self._jobs.values()):
            job.push(error)
        self._jobs.clear()


def _worker_error(message: Mapping[str, Any]) -> DioptreError:
    kind = VersionError if message["code"] == "version" else DioptreError
    return kind(message["message"], hint=message["hint"], code=message["code"])


def _readable(connected: socket.socket, timeout_s: float) -> bool:
    """Return whether data arrives within `timeout_s`; `select` would fail above 1023 open files."""
    if not hasattr(select, "poll"):  # only Windows lacks `poll`, and its `select` has no such limit
        return bool(select.select([connected], [], [], timeout_s)[0])
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def _visible_folder(told: str, nonce_file: str) -> Path | None:
    """Find the connection's folder: at the path that the worker reports, or in this process's exchange folder."""
    name = Path(told).name
    for folder in (Path(told), start.exchange_dir() / name):
        with suppress(OSError):
            if (folder / nonce_file).is_file():
                return folder
    return None
