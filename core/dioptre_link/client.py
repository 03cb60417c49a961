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
since, the next `new_buffer` or `submit` starts another; buffers of the dead one raise as text.

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
options stay in pixels of the full picture. With `draft=True`, blurs look nearly alike and take a third of the time:
for a slider while it moves. A job with `supersede` replaces the one before it of the same name,
which ends with `Cancelled`. Stored pixels live as long as the connection.

*Networks* that are not installed are fetched by the worker: see `networks`, `Worker.networks` and
`Worker.fetch_network`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from . import start
from .buffers import Buffer
from .connection import Connection, connect
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
from .networks import Network
from .operation import Role
from .wire import PixelFormat, Pixels, check_name

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
        self._connection: Connection | None = None
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
        Raises WorkerMissingError, WorkerLostError or VersionError, as text.
        """
        if self._connection is not None and self._connection.usable():
            return
        self.close()
        find = functools.partial(start.find_or_start, command=self._command, on_wait=on_wait, may_start=may_start)
        self._connection = connect(find, self._client, inline=self._inline, timeout_s=timeout_s, on_wait=on_wait)

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
        draft: bool = False,
        supersede: str | None = None,
        opened_file: str | None = None,
    ) -> Job:
        """Put a job into the worker's queue and return at once (inline transport sends the inputs first).

        operation, options: as in `catalogue`; only what differs from the defaults is needed.
        roles: which layers are wanted back, all when None. keep: layers that the worker keeps under a name, too.
        opened_file: path of the file that the picture was opened from: the camera's depth in it is used where the
        operation has an option `depth_source`, and where the file still shows the picture.
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
            "draft": draft,
            "supersede": supersede,
        }
        if opened_file is not None:
            message["opened_file"] = opened_file
        return connection.submit(message)

    def networks(self) -> tuple[Network, ...]:
        """Every network, with what fetching it takes. Waits for the worker's answer, which takes milliseconds."""
        self.connect()
        assert self._connection is not None
        answer = self._connection.request({"type": "networks"}, "networks")
        return tuple(answer["networks"])

    def fetch_network(self, network_id: str) -> Job:
        """Let the worker download a network, check it and install it; returns at once.

        The job reports its progress as every job does, and ends in a Result without layers. A cancelled or failed
        job leaves nothing behind. Jobs that compute go on meanwhile. Only call it when the user asked for it: it
        is the one thing that opens an internet connection.
        """
        self.connect()
        assert self._connection is not None
        self._count += 1
        return self._connection.submit({"type": "fetch", "job": self._count, "network": network_id})

    def expect(self, operation: str) -> None:
        """Say which operation will be asked for, so that a worker that is still warming up begins with that."""
        self.connect()
        assert self._connection is not None
        self._connection.send({"type": "expect", "operation": operation})

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
