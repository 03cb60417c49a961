"""The editor's side of the connection to the worker.

    from .dioptre_link.client import Worker, Progress, Result
    from .dioptre_link.wire import PixelFormat

    worker = Worker("GIMP 3.0.4")                   # does not connect yet; one per editor is enough
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

The first call that needs the worker starts it (`worker.connect(on_wait=…)` does so in advance). If it has
ended since, the next `new_buffer` or `submit` starts another worker; using buffers of the old one raises
WorkerLostError.

*From a main loop*: `job.poll()` never waits. It returns a `Progress`, the `Result`, or None if nothing has arrived,
and raises the job's DioptreError (`Cancelled` after a cancellation). Watch `worker.fileno()` for data
(GLib.io_add_watch, QSocketNotifier) and, whenever data arrives, call `job.poll()` until it returns None; or poll
with a timer. *From a thread*: use `job.wait()` or `for event in job.events()`. A Worker must be used by one thread
at a time; only `job.cancel()` may be called from another. Closing the `Worker`, or ending the client's process,
cancels its jobs.

*Formats*: see `wire.PixelFormat`. Colours have sRGB primaries. `submit(colour_format=…)` sets the format of
returned colour layers (default: RGBA float32, sRGB-encoded; use 1 or 2 channels for a grey document), `depth_dtype`
the sample type of depth and confidence layers (always 1 channel). Inputs are "picture", "disparity" (1 channel, 1
is nearest, same size as the picture) and "selection" (1 channel). If the user painted on a depth layer with few
bits, pass its current pixels as "disparity", the pixels that it was created with as "disparity_shown" (in the same
format), and the exact values behind those as "disparity_exact": wherever the first two are equal, the exact values
are used. To let strokes on a depth layer end at edges of the picture, pass its pixels before as "disparity_before".

*Interactive previews*: send the picture once, keep the depth in the worker, then request many cheap blurs::

    picture = worker.store("photo", "picture", buffer)                # the buffer may be deleted afterwards
    worker.submit("depth", {}, {"picture": picture}, preview_px=1024, keep={Role.DEPTH: "depth"}).wait()
    job = worker.submit("lens_blur", {"f_number": 1.8, "focus": (x, y)},
                        {"picture": picture, "disparity": worker.stored("depth")},
                        preview_px=1024, supersede="preview", colour_format=PixelFormat("u8"))

`preview_px` runs the job on inputs reduced to this longest side (never enlarged); points and radii in the options
remain in pixels of the full picture. With `draft=True`, blurs are nearly the same but take a third of the time, for
a slider that is being moved. A job with `supersede` replaces the previous job with the same name, which then ends
with `Cancelled`. Stored pixels are kept until the connection ends.

*Networks* that are not installed can be downloaded by the worker: see `networks`, `Worker.networks` and
`Worker.fetch_network`.
"""

from __future__ import annotations

import functools
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import start
from .buffers import Buffer
from .connection import Connection
from .errors import DioptreError
from .jobs import (
    Job,
    Layer,
    Progress,
    Result,
    Stored,
    VersionError,
    WorkerLostError,
    WorkerSilentError,
)
from .metres import DepthMetres
from .networks import Network
from .operation import Role
from .wire import PROTOCOL, PixelFormat, Pixels, check_name

__all__ = [
    "Job",
    "Layer",
    "Network",
    "Progress",
    "Result",
    "Stored",
    "VersionError",
    "Worker",
    "WorkerLostError",
    "WorkerSilentError",
]

ENDING_S = 10.0  # how long to wait for a worker that is shutting down to release its port, socket and lock


class Worker:
    """A client's access to the user's worker. See the description of this module."""

    def __init__(
        self,
        client: str,
        *,
        command: Sequence[str] | None = None,
    ) -> None:
        """Set up a client without connecting yet.

        Args:
            client: name and version of the program.
            command: command that starts the worker. Default: the installed environment's.
        """
        self._client = client
        self._command = command
        self._connection: Connection | None = None
        self._count = 0

    def connect(
        self,
        *,
        on_wait: Callable[[], None] | None = None,
        timeout_s: float = start.START_TIMEOUT_S,
        may_start: bool = True,
    ) -> None:
        """Connect to the worker if there is no connection; start it if necessary, which takes a second or two.

        Args:
            on_wait: called about 20 times a second while waiting; may raise an exception to give up.
            timeout_s: how long to wait for the worker.
            may_start: start the worker if none is running.

        Raises:
            WorkerMissingError: no worker is running and none could be started.
            WorkerLostError: the worker ended or did not answer.
            VersionError: the worker speaks another version of the protocol.
            DioptreError: this process cannot write to the folder that it shares with the worker.
        """
        if self._connection is not None and self._connection.usable():
            return
        self.close()
        find = functools.partial(start.find_or_start, command=self._command, on_wait=on_wait, may_start=may_start)
        self._connection = _connect(find, self._client, timeout_s=timeout_s, on_wait=on_wait)

    def fileno(self) -> int:
        """Return the connection's file descriptor, so that callers can wait for incoming data.

        Each new connection has a different descriptor.

        Raises:
            WorkerLostError: there is no connection.
        """
        if self._connection is None or self._connection.socket.fileno() < 0:
            raise WorkerLostError("There is no connection to Dioptre's worker.")
        return self._connection.socket.fileno()

    def new_buffer(self, width: int, height: int, pixel_format: PixelFormat) -> Buffer:
        """Create a buffer for a picture, with undefined content.

        Raises:
            DiskFullError: there is not enough space on the disk.
        """
        self.connect()
        assert self._connection is not None
        self._count += 1
        pixels = Pixels(f"c{self._count}.raw", width, height, pixel_format)
        return Buffer(self._connection.folder, pixels, create=True)

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
        draft: bool = False,
        supersede: str | None = None,
        opened_file: str | None = None,
        depth_metres: DepthMetres | None = None,
    ) -> Job:
        """Add a job to the worker's queue and return at once.

        Args:
            operation: name of an operation in `catalogue`.
            options: its options; only those that differ from the defaults are required.
            inputs: buffers or stored pixels, by the name of the input; buffers must not change until the job has
                ended.
            colour_format: format of returned colour layers. Default: RGBA float32, sRGB-encoded.
            depth_dtype: sample type of returned depth and confidence layers.
            roles: roles of the layers to return. Default: all.
            keep: names under which the worker also stores layers of the result, by the layer's role.
            preview_px: longest side in pixels to which the inputs are reduced. Default: full size.
            draft: compute a faster approximation.
            supersede: name under which this job replaces the previous one.
            opened_file: path of the file that the picture was opened from. The camera's depth map in it is used if
                the operation has an option `depth_source` and the file still matches the picture.
            depth_metres: the metres of the input "disparity", if they are known.

        Raises:
            DioptreError: the job cannot be sent.
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
            "draft": draft,
            "supersede": supersede,
        }
        if opened_file is not None:
            message["opened_file"] = opened_file
        if depth_metres is not None:
            message["depth_metres"] = depth_metres.to_dict()
        return connection.submit(message)

    def networks(self) -> tuple[Network, ...]:
        """Return all networks with their download sizes; wait for the worker's answer, which takes milliseconds."""
        self.connect()
        assert self._connection is not None
        answer = self._connection.request({"type": "networks"}, "networks")
        return tuple(answer["networks"])

    def fetch_network(self, network_id: str) -> Job:
        """Let the worker download, check and install a network; return at once.

        The job reports progress like any other and ends with a Result without layers. If it is cancelled or fails,
        it leaves no files. Other jobs continue meanwhile. Call this only at the user's request: it is the only
        function that opens an internet connection.
        """
        self.connect()
        assert self._connection is not None
        self._count += 1
        return self._connection.submit({"type": "fetch", "job": self._count, "network": network_id})

    def export(
        self, file: Path, picture: Buffer, disparity: Buffer, *, depth_metres: DepthMetres | None = None
    ) -> Job:
        """Let the worker write a JPEG that contains its depth; return at once. An existing file is replaced.

        The job ends with a Result without layers.

        Args:
            file: the JPEG.
            picture: the picture.
            disparity: its depth, of the same size.
            depth_metres: the metres of the depth, if they are known.
        """
        self.connect()
        connection = self._connection
        assert connection is not None
        self._count += 1
        inputs = {"picture": connection.reference(picture), "disparity": connection.reference(disparity)}
        message = {"type": "export", "job": self._count, "file": str(file.absolute()), **inputs}
        if depth_metres is not None:
            message["depth_metres"] = depth_metres.to_dict()
        return connection.submit(message)

    def ready(self, setup: str, operations: Sequence[str]) -> bool:
        """Announce a `follow`, for which the worker imports what it needs.

        Args:
            setup: what determines the results of this process, as in the worker's `Host.setup`.
            operations: names of the operations.

        Returns:
            Whether the worker may compute for this process: it has the same set-up, and no editor waits for it.
        """
        self.connect()
        assert self._connection is not None
        asked = {"type": "ready", "setup": setup, "operations": list(operations)}
        return bool(self._connection.request(asked, "ready")["usable"])

    def follow(
        self, steps: Sequence[Mapping[str, Any]], inputs: Mapping[str, Buffer], further: Mapping[str, Any]
    ) -> Job:
        """Let the worker run a recipe as the command line does, and return at once.

        The result is equal to the bit to that of `dioptre.recipes.follow`, with layers in float32.

        Args:
            steps: the recipe's steps, as in its file.
            inputs: float32 buffers; also "embedded" and "confidence", the camera's own depth.
            further: other fields of the message `follow`.
        """
        self.connect()
        connection = self._connection
        assert connection is not None
        self._count += 1
        given = {name: connection.reference(buffer) for name, buffer in inputs.items()}
        job = {"type": "follow", "job": self._count, "steps": list(steps), "inputs": given}
        return connection.submit({**job, **further})

    def expect(self, operation: str) -> None:
        """Announce the next operation, so that a worker that is still warming up prepares that operation first."""
        self.connect()
        assert self._connection is not None
        self._connection.send({"type": "expect", "operation": operation})

    def store(self, name: str, as_input: str, buffer: Buffer) -> Stored:
        """Let the worker keep pixels until the connection ends.

        Args:
            name: name to store them under.
            as_input: "picture", "disparity" or "selection".
            buffer: the pixels; it may be changed or deleted afterwards.

        Returns:
            A reference that `submit` takes as an input.
        """
        self.connect()
        connection = self._connection
        assert connection is not None
        pixels = connection.reference(buffer)
        request = {"type": "store", "name": name, "input": as_input, "pixels": pixels}
        connection.request(request, "stored", loading=True)
        return Stored(name, connection)

    def stored(self, name: str) -> Stored:
        """Return a reference to the layer that an earlier job kept under `name`."""
        return Stored(check_name(name), self._connection)

    def forget(self, stored: Stored) -> None:
        """Let the worker free stored pixels."""
        if self._connection is not None and stored.connection is self._connection:
            self._connection.send({"type": "forget", "name": stored.name})

    def shut_down(self, *, when_idle: bool = False) -> None:
        """Ask the worker to end, after finishing its jobs if `when_idle`; the next client starts another."""
        if self._connection is not None:
            with suppress(DioptreError):
                self._connection.send({"type": "shutdown", "when_idle": when_idle})
        self.close()

    def close(self) -> None:
        """Close the connection, which cancels its jobs and deletes its files; open buffers remain readable."""
        if self._connection is not None:
            self._connection.fail(WorkerLostError("The connection to Dioptre's worker was closed."))
            self._connection = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _connect(
    find: Callable[..., tuple[start.Rendezvous, socket.socket]],
    client: str,
    *,
    timeout_s: float,
    on_wait: Callable[[], None] | None,
) -> Connection:
    """Connect to a running or newly started worker, and replace a worker of an older version.

    Args:
        find: returns a worker's rendezvous and a connected socket.
        client: name and version of the client.
        timeout_s: how long to wait in total.
        on_wait: called while waiting; may raise an exception to give up.

    Raises:
        VersionError: the versions of the protocol do not match.
        WorkerLostError: the worker ended or did not answer.
    """
    began = time.monotonic()
    deadline = began + timeout_s
    replaced = False
    while True:
        left = max(0.0, deadline - time.monotonic())
        rendezvous, connected = find(timeout_s=left)
        connection = Connection(connected)
        try:
            if rendezvous.protocol != PROTOCOL:
                raise _mismatch(rendezvous)
            connection.handshake(client, rendezvous)
        except VersionError as error:
            connection.fail(error)
            if rendezvous.protocol > PROTOCOL or replaced:
                raise
            replaced = True  # after an update, a worker of the old version may still be running
            _retire(rendezvous, deadline, on_wait)
        except WorkerSilentError:
            raise
        except WorkerLostError as error:  # the worker was just ending (idle, shut down or crashed), so try again
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
    """Ask an older version's worker to exit when idle; the messages are the same in every protocol version."""
    connected = rendezvous.connect()
    if connected is not None:
        connection = Connection(connected)
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
        "This plug-in and the running Dioptre worker (version {version}) do not match: the {older} is too old "
        "(protocol {here} here, {there} there).",
        hint="Run `python3 install.py` again and restart the editor.",
        version=rendezvous.version,
        older=older,
        here=PROTOCOL,
        there=rendezvous.protocol,
    )
