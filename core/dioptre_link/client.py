"""The editor's side of the conversation with the worker.

    from .dioptre_link.client import Worker, Progress, Result
    from .dioptre_link.wire import PixelFormat

    worker = Worker("GIMP 3.0.4")                   # nothing happens yet; one per editor is enough
    with worker.new_buffer(width, height, PixelFormat("f32", channels=4)) as picture:
        for first, rows in picture.bands():         # or: with picture.map() as m: m[a:b] = …
            picture.write_rows(first, bytes_of_rows(first, rows))
        job = worker.submit("portrait", {"f_number": 2.0}, {"picture": picture})
        result = job.wait(on_progress=lambda progress: show(progress.fraction, progress.phase))
    for layer in result.layers:                     # top layer first; role, name, visible
        with layer.buffer as pixels:                # deletes the file at the end
            for first, rows in pixels.bands():
                set_rows(first, rows, pixels.read_rows(first, rows))
    worker.close()

The first call that needs the worker starts it (`worker.connect(on_wait=…)` does so beforehand). When it has died
since, the next `new_buffer` or `submit` starts another; buffers of the dead one raise in words.

*From a main loop*: `job.poll()` never waits; it returns a `Progress`, the `Result`, or None when there is
nothing new, and raises the job's DioptreError (`Cancelled` after a cancel). Watch `worker.fileno()` for reading
(GLib.io_add_watch, QSocketNotifier) and, when it is ready, call `job.poll()` until it returns None; or poll by a
timer. *From a thread*: `job.wait()` or `for event in job.events()`. One thread at a time uses a Worker; only
`job.cancel()` may come from another. Closing the worker, or the end of the client's process, cancels its jobs.

*Formats*: see `wire.PixelFormat`. Colours have sRGB primaries. `submit(colour_format=…)` is how colour layers
come back (RGBA float32, sRGB-encoded, unless said otherwise; 1 or 2 channels for a grey document), `depth_dtype`
the sample of depth and confidence layers (always 1 channel). Inputs are "picture", "disparity" (1 channel, 1 is
nearest, the picture's size) and "selection" (1 channel). A depth layer of few bits that was painted on is
"disparity" as it is now, "disparity_shown" as it was made (same format) and "disparity_exact" what it was made
from: the exact values count wherever both show the same.

*Interactive previews*: hand the picture over once, keep the depth in the worker, then ask for many cheap blurs::

    picture = worker.store("photo", "picture", buffer)                # the buffer may be deleted afterwards
    worker.submit("depth", {}, {"picture": picture}, preview_px=1024, keep={Role.DEPTH: "depth"}).wait()
    job = worker.submit("lens_blur", {"f_number": 1.8, "focus": (x, y)},
                        {"picture": picture, "disparity": worker.stored("depth")},
                        preview_px=1024, supersede="preview", colour_format=PixelFormat("u8"))

`preview_px` runs the job with its inputs reduced to that longest side (never enlarged); points and radii in the
options stay in pixels of the full picture. A job with `supersede` replaces the one before it of the same name,
which ends with `Cancelled`. What is stored lives as long as the connection.
"""

from __future__ import annotations

import base64
import functools
import secrets
import select
import shutil
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from . import start
from .buffers import Buffer
from .errors import Cancelled, DioptreError
from .operations import Role
from .wire import (
    CHUNK_BYTES,
    MAX_MESSAGE_BYTES,
    PROTOCOL,
    PixelFormat,
    Pixels,
    WireError,
    check_name,
    decode,
    encode,
)

REPLY_TIMEOUT_S = 20.0  # for answers that need no computing; a worker that swaps may take seconds
SILENCE_S = 90.0  # a busy worker repeats its progress every few seconds: after this it is hung
ENDING_S = 10.0  # a worker that ends lets go of its port, socket and lock within this
SLICE_S = 0.1  # waits are cut into slices of this, so that a cancel or another thread gets in


@dataclass(frozen=True)
class Progress:
    """Share done, 0 to 1, and what is being done, in words."""

    fraction: float
    phase: str


@dataclass(frozen=True)
class Layer:
    """One layer of a result; its buffer belongs to the client, who deletes it."""

    name: str
    role: Role
    visible: bool
    buffer: Buffer


@dataclass(frozen=True)
class Result:
    """What a job made: layers from the top, what was decided, sentences for the user, networks with sha256."""

    layers: tuple[Layer, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)

    def delete(self) -> None:
        """Delete the buffers of all layers."""
        for layer in self.layers:
            layer.buffer.delete()


@dataclass(frozen=True)
class Stored:
    """Something that the worker keeps for this connection, to be used as an input."""

    name: str
    connection: object = field(repr=False, compare=False)


class WorkerLostError(DioptreError):
    """The worker ended, or stopped answering, while it was needed."""

    code = "worker-lost"

    def __init__(self, what: str) -> None:
        super().__init__(what, hint=f"Try again: a new worker starts by itself. Its log is {start.log_file()}.")


class WorkerSilentError(WorkerLostError):
    """The worker is there but does not answer: it is stopped, or the machine is out of breath."""


class VersionError(DioptreError):
    """Plug-in and worker are of versions that do not understand each other."""

    code = "version"


class Job:
    """One submitted job. It ends in exactly one of: a Result, a DioptreError, Cancelled."""

    def __init__(self, connection: _Connection, number: int) -> None:
        self._connection = connection
        self.number = number
        self._events: deque[Progress | Result | DioptreError] = deque()
        self._submitted = time.monotonic()
        self._lock = threading.Lock()
        self.done = False

    def poll(self, timeout_s: float = 0.0) -> Progress | Result | None:
        """The next event, or None when there is none within `timeout_s`. Raises what the job failed with."""
        deadline = time.monotonic() + timeout_s
        while not self._events and not self.done:
            left = deadline - time.monotonic()
            heard = self._connection.pump(max(0.0, min(left, SLICE_S)))
            if self._events or (left <= 0 and not heard):
                break
            if time.monotonic() - max(self._submitted, self._connection.heard) > SILENCE_S:
                self._connection.fail(
                    WorkerSilentError(f"Dioptre's worker has not answered for {SILENCE_S:.0f} s.")
                )
        with self._lock:
            if not self._events:
                return None
            event = self._events.popleft()
        if isinstance(event, DioptreError):
            raise event
        return event

    def events(self) -> Iterator[Progress | Result]:
        """Every event as it comes; the Result is the last. Raises what the job failed with."""
        while not (self.done and not self._events):
            if (event := self.poll(SLICE_S)) is not None:
                yield event

    def wait(self, on_progress: Callable[[Progress], None] | None = None) -> Result:
        """Wait for the result. When `on_progress` raises, the job is cancelled and the exception goes on."""
        try:
            for event in self.events():
                if isinstance(event, Result):
                    return event
                if on_progress is not None:
                    on_progress(event)
        except BaseException:
            self.cancel()
            raise
        raise WorkerLostError("The job ended without a result.")

    def cancel(self) -> None:
        """End the job with Cancelled, at once; the worker stops computing as soon as it can. From any thread."""
        if self.push(Cancelled()):
            with suppress(DioptreError):
                self._connection.send({"type": "cancel", "job": self.number})

    def push(self, event: Progress | Result | DioptreError) -> bool:
        """For the connection: an event has come. False when the job has ended before: nobody wants it any more."""
        with self._lock:
            if self.done:
                return False
            if not isinstance(event, Progress):
                self.done = True
            if self._events and isinstance(self._events[-1], Progress):
                self._events.pop()  # only the newest matters
            self._events.append(event)
            return True


class Worker:
    """The user's worker, as one client sees it. See this module's description."""

    def __init__(
        self,
        client: str,
        *,
        command: Sequence[str] | None = None,
        inline: bool = False,
    ) -> None:
        """client: program and version. command: starts the worker otherwise. inline: share no folder."""
        self._client = client
        self._command = command
        self._inline = inline
        self._connection: _Connection | None = None
        self._count = 0

    def connect(
        self,
        *,
        on_wait: Callable[[], None] | None = None,
        timeout_s: float = start.START_TIMEOUT_S,
        may_start: bool = True,
    ) -> None:
        """Make sure of a connection; starts the worker when needed (a second or two) and `may_start`.

        on_wait: called about 20 times a second meanwhile; may raise to give up.
        Raises WorkerMissingError, WorkerLostError or VersionError, in words.
        """
        if self._connection is not None and self._connection.usable():
            return
        self.close()
        find = functools.partial(start.find_or_start, command=self._command, on_wait=on_wait, may_start=may_start)
        self._connection = _connect(find, self._client, inline=self._inline, timeout_s=timeout_s, on_wait=on_wait)

    def fileno(self) -> int:
        """The connection's descriptor, to be watched for reading; it changes with a new connection.

        Raises WorkerLostError when there is no connection.
        """
        if self._connection is None or self._connection.socket.fileno() < 0:
            raise WorkerLostError("There is no connection to Dioptre's worker.")
        return self._connection.socket.fileno()

    @property
    def shares_folder(self) -> bool:
        """Whether pixels go through files that both see (fast), not inline."""
        return self._connection is not None and self._connection.shared

    def new_buffer(self, width: int, height: int, pixel_format: PixelFormat) -> Buffer:
        """Room for a picture; its content is undefined. Raises DiskFullError when there is none."""
        self.connect()
        assert self._connection is not None
        self._count += 1
        pixels = Pixels(f"c{self._count}.raw", width, height, pixel_format)
        return Buffer(self._connection.folder, pixels, create=True, on_delete=self._connection.drop)

    def submit(
        self,
        operation: str,
        options: Mapping[str, Any],
        inputs: Mapping[str, Buffer | Stored],
        *,
        colour_format: PixelFormat | None = None,
        depth_dtype: str = "f32",
        roles: Sequence[Role] | None = None,
        keep: Mapping[Role, str] | None = None,
        preview_px: int | None = None,
        supersede: str | None = None,
    ) -> Job:
        """Put a job into the worker's queue and return at once (inline transport sends the inputs first).

        operation, options: as in `operations`; only what differs from the defaults is needed.
        roles: which layers are wanted back, all when None. keep: layers that the worker keeps under a name, too.
        Input buffers must stay unchanged until the job has ended. Raises DioptreError when it cannot be sent.
        """
        self.connect()
        connection = self._connection
        assert connection is not None
        self._count += 1
        message = {
            "type": "submit",
            "job": self._count,
            "operation": operation,
            "options": dict(options),
            "inputs": {name: connection.reference(given) for name, given in inputs.items()},
            "colour_format": asdict(colour_format or PixelFormat()),
            "depth_dtype": depth_dtype,
            "roles": None if roles is None else [role.value for role in roles],
            "keep": {role.value: name for role, name in (keep or {}).items()},
            "preview_px": preview_px,
            "supersede": supersede,
        }
        return connection.submit(message)

    def store(self, name: str, as_input: str, buffer: Buffer) -> Stored:
        """Let the worker keep pixels until the connection ends.

        as_input: "picture", "disparity" or "selection". The buffer may be changed or deleted afterwards.
        """
        self.connect()
        connection = self._connection
        assert connection is not None
        pixels = connection.reference(buffer)
        connection.request({"type": "store", "name": name, "input": as_input, "pixels": pixels}, "stored")
        return Stored(name, connection)

    def stored(self, name: str) -> Stored:
        """What an earlier job kept under `name`."""
        return Stored(check_name(name), self._connection)

    def forget(self, stored: Stored) -> None:
        """Let the worker free what it keeps."""
        if self._connection is not None and stored.connection is self._connection:
            self._connection.send({"type": "forget", "name": stored.name})

    def shut_down(self, *, when_idle: bool = False) -> None:
        """Ask the worker to end, after all its jobs when `when_idle`; the next client starts another."""
        if self._connection is not None:
            with suppress(DioptreError):
                self._connection.send({"type": "shutdown", "when_idle": when_idle})
        self.close()

    def close(self) -> None:
        """Close the connection: cancels its jobs and deletes its files; open buffers can still be read."""
        if self._connection is not None:
            self._connection.fail(WorkerLostError("The connection to Dioptre's worker was closed."))
            self._connection = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Connection:
    """One socket, its exchange folder and its jobs."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.folder = Path()
        self.shared = False
        self.heard = time.monotonic()
        self._own_folder: Path | None = None
        self._received = bytearray()
        self._jobs: dict[int, Job] = {}
        self._replies: deque[dict[str, Any]] = deque()
        self._awaiting = False
        self._failure: DioptreError | None = None
        self._send_lock = threading.Lock()
        self._pump_lock = threading.Lock()

    # -- set-up --------------------------------------------------------------------------------------------------

    def handshake(self, client: str, rendezvous: start.Rendezvous, *, inline: bool) -> None:
        self._awaiting = True
        self.send({"type": "hello", "protocol": PROTOCOL, "token": rendezvous.token, "client": client})
        hello = self.reply("hello")
        folder = None if inline else _visible_folder(hello["folder"], hello["nonce_file"])
        share: dict[str, Any] = {"type": "share", "nonce": "", "answer_file": None, "answer": ""}
        if folder is not None:
            try:
                share["nonce"] = (folder / hello["nonce_file"]).read_text(encoding="ascii")
                share["answer"] = secrets.token_hex(16)
                (folder / "answer").write_text(share["answer"], encoding="ascii")
                share["answer_file"] = "answer"
            except (OSError, ValueError):
                folder = None
        self.send(share)
        self.shared = bool(self.reply("shared")["ok"])
        self._awaiting = False
        if self.shared and folder is not None:
            self.folder = folder
        else:
            self.shared = False
            self.folder = self._own_folder = Path(tempfile.mkdtemp(prefix="dioptre-"))

    # -- sending -------------------------------------------------------------------------------------------------

    def send(self, message: Mapping[str, Any]) -> None:
        try:
            line = encode(message)
        except (TypeError, ValueError) as error:
            raise WireError(f"This cannot be sent to the worker: {error}.") from error
        if self._failure is not None:
            raise self._failure
        try:
            with self._send_lock:
                self.socket.settimeout(REPLY_TIMEOUT_S)
                self.socket.sendall(line)
        except OSError as error:
            self.fail(WorkerLostError(f"Dioptre's worker has gone ({error})."))
            assert self._failure is not None
            raise self._failure from error

    def reference(self, given: Buffer | Stored) -> dict[str, Any]:
        """How a message names an input; in inline transport the bytes go first."""
        if isinstance(given, Stored):
            if given.connection is not self:
                raise WorkerLostError(f"The worker that kept {given.name!r} has ended.")
            return {"stored": given.name}
        if given.path.parent != self.folder:
            raise WorkerLostError("The worker that was to get these pixels has ended.")
        if not self.shared and not given.sent:
            self._upload(given)
        return given.pixels.to_dict()

    def _upload(self, buffer: Buffer) -> None:
        name = buffer.pixels.file
        self.send({"type": "put", "buffer": name, "nbytes": buffer.pixels.nbytes})
        with buffer.path.open("rb") as file:
            while data := file.read(CHUNK_BYTES):
                self.send({"type": "chunk", "buffer": name, "data": base64.b64encode(data).decode("ascii")})
        buffer.sent = True

    def drop(self, buffer: Buffer) -> None:
        """The worker's copy of an inline buffer goes with the client's."""
        if not self.shared and buffer.sent and self._failure is None:
            with suppress(DioptreError):
                self.send({"type": "drop", "buffer": buffer.pixels.file})

    def submit(self, message: dict[str, Any]) -> Job:
        job = Job(self, message["job"])
        self._jobs[job.number] = job
        try:
            self.send(message)
        except DioptreError:
            self._jobs.pop(job.number, None)
            raise
        return job

    def request(self, message: Mapping[str, Any], answer: str) -> dict[str, Any]:
        self._awaiting = True
        try:
            self.send(message)
            return self.reply(answer)
        finally:
            self._awaiting = False

    # -- receiving -----------------------------------------------------------------------------------------------

    def reply(self, kind: str) -> dict[str, Any]:
        """The next message that belongs to no job; it must be of `kind`. Raises the worker's error."""
        deadline = time.monotonic() + REPLY_TIMEOUT_S
        while not self._replies:
            if time.monotonic() > deadline:
                self.fail(WorkerSilentError(f"Dioptre's worker did not answer within {REPLY_TIMEOUT_S:.0f} s."))
            if self._failure is not None:
                raise self._failure
            self.pump(SLICE_S)
        message = self._replies.popleft()
        if message["type"] == "error":
            raise _worker_error(message)
        if message["type"] != kind:
            self.fail(WireError(f"The worker sent {message['type']!r} instead of {kind!r}."))
            raise WireError(f"The worker sent {message['type']!r} instead of {kind!r}.")
        return message

    def usable(self) -> bool:
        self.pump(0.0)
        return self._failure is None

    def pump(self, timeout_s: float) -> bool:
        """Receive what has come, waiting at most `timeout_s`, and give each job its own. True: something came."""
        with self._pump_lock:
            if self._failure is not None:
                return False
            try:
                if not _readable(self.socket, timeout_s):
                    return False
                data = self.socket.recv(MAX_MESSAGE_BYTES)
            except (OSError, ValueError):  # ValueError: closed meanwhile
                data = b""
            if not data:
                self.fail(WorkerLostError("Dioptre's worker ended unexpectedly."))
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
        if kind == "chunk":
            self._download(message)
            return
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
            if not job.push(ending):
                self._delete_files(job, ending)

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
        return Result(tuple(layers), message["values"], message["messages"], message["models"])

    def _delete_files(self, job: Job, ending: Result | DioptreError) -> None:
        """Of a job that was cancelled: its result, or what had come of it inline."""
        if isinstance(ending, Result):
            ending.delete()
        elif not self.shared:
            for part in self.folder.glob(f"w{job.number}-*.raw"):
                part.unlink(missing_ok=True)

    def _download(self, message: dict[str, Any]) -> None:
        if self.shared or not message["buffer"].startswith("w"):
            raise WireError("The worker sent pixels inline that were not asked for.")
        try:
            data = base64.b64decode(message["data"], validate=True)
            with (self.folder / message["buffer"]).open("ab") as file:
                file.write(data)
        except ValueError as error:
            raise WireError("The worker sent pixels that are not base64.") from error
        except OSError as error:
            raise WorkerLostError(f"The result could not be stored: {error.strerror}.") from error

    def fail(self, error: DioptreError) -> None:
        """End the connection and every job on it with `error`; the first one counts."""
        if self._failure is not None:
            return
        self._failure = error
        self.socket.close()
        for job in list(self._jobs.values()):
            job.push(error)
        self._jobs.clear()
        if self._own_folder is not None:
            shutil.rmtree(self._own_folder, ignore_errors=True)


def _connect(
    find: Callable[..., tuple[start.Rendezvous, socket.socket]],
    client: str,
    *,
    inline: bool,
    timeout_s: float,
    on_wait: Callable[[], None] | None,
) -> _Connection:
    began = time.monotonic()
    deadline = began + timeout_s
    replaced = False
    while True:
        left = max(0.0, deadline - time.monotonic())
        rendezvous, connected = find(timeout_s=left)
        connection = _Connection(connected)
        try:
            if rendezvous.protocol != PROTOCOL:
                raise _mismatch(rendezvous)
            connection.handshake(client, rendezvous, inline=inline)
        except VersionError as error:
            connection.fail(error)
            if rendezvous.protocol > PROTOCOL or replaced:
                raise
            replaced = True  # an old worker still runs after an update: it makes way for the new one
            _retire(rendezvous, deadline, on_wait)
        except WorkerSilentError:
            raise
        except WorkerLostError as error:  # it was ending (idle, shut down, crashed) when we came: look again
            connection.fail(error)
            if time.monotonic() > min(deadline, began + ENDING_S):
                raise
            time.sleep(start.POLL_S)
        except DioptreError as error:
            connection.fail(error)
            raise
        else:
            return connection


def _retire(rendezvous: start.Rendezvous, deadline: float, on_wait: Callable[[], None] | None) -> None:
    """Ask a worker of an older version, in the part of the protocol that never changes, to end when idle."""
    connected = rendezvous.connect()
    if connected is not None:
        connection = _Connection(connected)
        with suppress(DioptreError):
            hello = {"protocol": rendezvous.protocol, "token": rendezvous.token, "client": "update"}
            connection.send({"type": "hello", **hello})
            connection.send({"type": "shutdown", "when_idle": True})
        connection.fail(WorkerLostError("replaced"))
    while time.monotonic() < deadline:
        gone = rendezvous.connect()
        if gone is None:
            return
        gone.close()
        if on_wait is not None:
            on_wait()
        time.sleep(start.POLL_S)


def _mismatch(rendezvous: start.Rendezvous) -> VersionError:
    older = "worker" if rendezvous.protocol < PROTOCOL else "plug-in"
    return VersionError(
        f"This plug-in and the running Dioptre worker (version {rendezvous.version}) are of different versions: "
        f"the {older} is too old (protocol {PROTOCOL} here, {rendezvous.protocol} there).",
        hint="Run `python3 install.py` again and restart the editor.",
    )


def _worker_error(message: Mapping[str, Any]) -> DioptreError:
    kind = VersionError if message["code"] == "version" else DioptreError
    return kind(message["message"], hint=message["hint"], code=message["code"])


def _readable(connected: socket.socket, timeout_s: float) -> bool:
    """Whether something has come within `timeout_s`. `select` fails in a program with a thousand open files."""
    if not hasattr(select, "poll"):  # Windows, whose `select` has no such limit
        return bool(select.select([connected], [], [], timeout_s)[0])
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def _visible_folder(told: str, nonce_file: str) -> Path | None:
    """The worker's folder as this process sees it: under the told path, or where our own exchange folder is."""
    name = Path(told).name
    for folder in (Path(told), start.exchange_dir() / name):
        with suppress(OSError):
            if (folder / nonce_file).is_file():
                return folder
    return None
