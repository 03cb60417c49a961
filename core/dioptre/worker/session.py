"""The connection of one client: its messages, jobs, exchange folder and stored pixels.

Everything in this module runs on the server's event loop, except `_work` and `_compute`, which run on the engine's
thread.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from dioptre.models.loading import NetworkMissingError
from dioptre.models.registry import is_installed, networks
from dioptre.recipes.memory import OutOfMemoryError
from dioptre.runtime import is_out_of_memory
from dioptre_link.chain import described
from dioptre_link.errors import Cancelled, DioptreError, UsageError, unexpected
from dioptre_link.language import Message
from dioptre_link.operation import Input
from dioptre_link.start import log_file
from dioptre_link.wire import DTYPES, Pixels, WireError, decode, encode

from .engine import FULL, PREVIEW, Engine, Task
from .exchange import Folder
from .request import BEFORE, UNPAINTED, Kept, Request
from .warm_up import get_ready, load_libraries

if TYPE_CHECKING:
    from dioptre.contract import Progress  # these modules import NumPy, which a new worker loads later

    from .execution import Run

MAX_STRIKES = 32  # number of invalid messages before the client is disconnected; genuine clients send none
MAX_JOBS = 64  # maximum number of waiting and running jobs per client; an editor has only a few
MAX_KEPT = 32
REPLY_TIMEOUT_S = 30.0  # time limit for a client to receive data; editors may be busy for seconds
PROGRESS_EVERY_S = 0.05  # shortest interval between a job's progress messages; faster ones would go unnoticed
# Above this many unsent bytes, the client is assumed not to be reading, and progress messages are skipped.
UNSENT_BYTES = 1 << 18
_WRITING = 0.05  # fraction of a job's progress reserved for writing the layers of its result
_OF_COMMANDS = ("share", "ready", "follow", "cancel", "shutdown")  # messages of command lines
_INPUTS = {"picture", "disparity", "selection", "layer", "embedded", "confidence"}  # of a command line's job
_BUSY = DioptreError("Dioptre's worker is busy.", code="busy")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job, for the event loop: the encoded last message, the files, and the layers to keep."""

    line: bytes
    files: tuple[str, ...] = ()
    kept: Mapping[str, Kept] | None = None


@dataclass(eq=False)
class Job:
    """A job, from the client's request to the worker's last message.

    Attributes:
        number: number that the client gave the job.
        subject: description for the log.
        compute: returns the outcome or raises an exception.
        task: the engine's task.
        supersedes: name under which newer jobs replace this one; None if they do not.
        ended: whether the last message was sent.
        fraction: progress, 0 to 1.
        phase: current phase for the user.
        reported: time of the last progress report.
        to_report: whether a progress report is already scheduled on the event loop.
        makes_way: whether its client computes it instead as soon as an editor needs the worker.
    """

    number: int
    subject: object
    compute: Callable[[Job], Outcome]
    task: Task = field(default_factory=lambda: Task(lambda: None))
    supersedes: str | None = None
    ended: bool = False
    fraction: float = 0.0
    phase: str = "Waiting for other work to end"
    reported: float = 0.0
    to_report: bool = False
    makes_way: bool = False


@runtime_checkable
class Host(Protocol):
    """A server of client sessions.

    Attributes:
        exchange: folder with a subfolder for the pixels of each session.
        engine: computes tasks one at a time.
        hello: the worker's answer to a client's hello.
        run: function that runs an operation.
        setup: digest of what determines results, as in `runtime.setup`.
    """

    exchange: Path
    engine: Engine
    hello: Mapping[str, Any]
    run: Run
    setup: str

    def touch(self) -> None:
        """Record activity, which restarts the idle timeout."""
        ...

    def in_background(self, work: Callable[[], None]) -> None:
        """Run work that is not a computation on a thread of its own."""
        ...

    def delivered(self) -> None:
        """Record that a client was sent a result, whose files it is about to open."""
        ...

    def shut_down(self, *, when_idle: bool) -> None:
        """Stop now, or as soon as no client has a job."""
        ...

    def editor_comes(self, editor: Session) -> None:
        """Warm up for an editor, and end the jobs of command lines."""
        ...

    def serves_editor(self) -> bool:
        """Return whether a dialog is open in an editor, or a job is running."""
        ...


class Session:
    """An authenticated client."""

    def __init__(
        self, server: Host, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, client: str
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._client = client[:80]
        self._loop = asyncio.get_running_loop()
        self._folder = Folder(server.exchange)
        self._settled = False  # whether the client has said if it sees the folder
        self._nonce = secrets.token_hex(16)
        self._jobs: dict[int, Job] = {}
        self._newest: dict[str, Job] = {}
        self._kept: dict[str, Kept] = {}
        self._strikes = 0
        self._closed = False

    @property
    def folder(self) -> Path:
        """This connection's subfolder of the exchange folder."""
        return self._folder.path

    @property
    def keeps_something(self) -> bool:
        return bool(self._kept)

    @property
    def has_jobs(self) -> bool:
        return bool(self._jobs)

    async def run(self) -> None:
        """Serve the client until either side disconnects."""
        with self._folder.create("nonce", len(self._nonce)) as file:
            file.write(self._nonce.encode("ascii"))
        self._send({"type": "hello", **self._server.hello, "folder": str(self._folder.path), "nonce_file": "nonce"})
        while self._strikes < MAX_STRIKES and not self._closed:
            line = await self._reader.readuntil(b"\n")
            self._server.touch()
            try:
                await self._take(decode(line[:-1], sender="client"))
            except DioptreError as error:
                self._strikes += 1
                self._send({"type": "error", **error.to_dict()})
            await asyncio.wait_for(self._writer.drain(), REPLY_TIMEOUT_S)

    def close(self) -> None:
        """Cancel the client's jobs and delete everything stored for it."""
        if self._closed:
            return
        self._closed = True
        for job in list(self._jobs.values()):
            self._end(job)
        self._kept.clear()
        self._server.engine.hold(self, needed=False)
        self._folder.close()
        self._writer.close()
        _log.info("%s has gone", self._client)

    def make_way(self) -> None:
        """End the jobs that the client computes itself if an editor needs the worker."""
        for job in [job for job in self._jobs.values() if job.makes_way]:
            self._end(job, encode({"type": "error", "job": job.number, **_BUSY.to_dict()}))

    def heartbeat(self) -> None:
        """Repeat the progress of every job, so that the client knows that the worker is alive."""
        for job in self._jobs.values():
            self._report(job)

    # -- messages ------------------------------------------------------------------------------------------------

    async def _take(self, message: Mapping[str, Any]) -> None:
        kind = message["type"]
        if kind != "shutdown" and (kind == "hello" or (kind == "share") == self._settled):
            raise WireError("Invalid message: unexpected {kind}.", kind=repr(kind))
        if kind not in _OF_COMMANDS:
            self._server.editor_comes(self)
        taking = self._handlers[kind](message)
        if taking is not None:
            await taking

    @cached_property
    def _handlers(self) -> Mapping[str, Callable[[Mapping[str, Any]], Awaitable[None] | None]]:
        """What to do with each kind of message."""
        return {
            "shutdown": self._shut_down,
            "share": self._share,
            "submit": self._submit,
            "networks": self._list_networks,
            "fetch": self._fetch,
            "export": self._export,
            "cancel": self._cancel,
            "expect": lambda message: self._server.engine.expect(message["operation"]),
            "store": self._store,
            "forget": self._forget,
            "ready": self._ready,
            "follow": self._follow,
        }

    def _shut_down(self, message: Mapping[str, Any]) -> None:
        _log.info("%s asks to shut down%s", self._client, " when idle" if message["when_idle"] else "")
        self._server.shut_down(when_idle=message["when_idle"])

    async def _list_networks(self, _: Mapping[str, Any]) -> None:
        self._send({"type": "networks", "networks": await asyncio.to_thread(_listed)})

    def _cancel(self, message: Mapping[str, Any]) -> None:
        if (job := self._jobs.get(message["job"])) is not None:
            self._end(job, _cancelled(job))

    def _forget(self, message: Mapping[str, Any]) -> None:
        self._kept.pop(message["name"], None)
        self._server.engine.hold(self, needed=self.keeps_something)

    def _share(self, message: Mapping[str, Any]) -> None:
        self._settled, shared = True, False
        name, answer = message["answer_file"], message["answer"]
        if name is not None and answer and secrets.compare_digest(message["nonce"].encode(), self._nonce.encode()):
            with suppress(DioptreError), self._folder.read(name) as file:
                shared = file.read(256) == answer.encode()
            self._folder.delete(name)
        self._folder.delete("nonce")
        _log.info("%s is connected%s", self._client, "" if shared else ", but does not see the folder")
        self._send({"type": "shared", "ok": shared})

    async def _store(self, message: Mapping[str, Any]) -> None:
        if len(self._kept) >= MAX_KEPT:
            raise UsageError("The worker cannot keep more than {max_kept} pictures.", max_kept=MAX_KEPT)
        kept = await asyncio.to_thread(_load, self._folder, message["input"], message["pixels"])
        self._kept[message["name"]] = kept
        self._server.engine.hold(self, needed=True)  # a preview may follow, which must not wait for the warm-up
        self._send({"type": "stored", "name": message["name"]})

    # -- jobs ----------------------------------------------------------------------------------------------------

    def _check_number(self, number: int) -> None:
        if number in self._jobs:
            raise WireError("Invalid message: job {number} already exists.", number=number)
        if len(self._jobs) >= MAX_JOBS:
            raise DioptreError(
                "{max_jobs} jobs are already waiting.",
                hint="Wait for some of them to finish.",
                code="busy",
                max_jobs=MAX_JOBS,
            )

    def _fetch(self, message: Mapping[str, Any]) -> None:
        """Download a network."""
        network = message["network"]

        def compute(progress: Progress) -> Mapping[str, Any]:
            _fetch(network, progress)
            return {"values": {"network": network}}

        self._without_engine(message["job"], f"Download of {network[:80]!r}", compute)

    def _export(self, message: Mapping[str, Any]) -> None:
        """Write a JPEG that contains its depth."""
        file = Path(message["file"])
        inputs = {name: message[name.value] for name in (Input.PICTURE, Input.DISPARITY)}

        def compute(progress: Progress) -> Mapping[str, Any]:
            progress(0.0, "Preparing")
            load_libraries()
            from . import execution

            return {"messages": execution.export(self._folder, file, inputs, message["depth_metres"], progress)}

        self._without_engine(message["job"], "Export with depth", compute)

    def _without_engine(self, number: int, subject: str, compute: Callable[[Progress], Mapping[str, Any]]) -> None:
        """Start a job without layers on a separate thread, so that the engine can continue computing."""
        self._check_number(number)

        def result(job: Job) -> Outcome:
            fields = {
                "layers": [],
                "values": {},
                "messages": [],
                "models": {},
                **compute(partial(self._progress, job)),
            }
            return Outcome(encode({"type": "result", "job": job.number, **fields}))

        job = self._jobs[number] = Job(number, subject, result)
        self._server.in_background(lambda: self._work(job))

    def _ready(self, message: Mapping[str, Any]) -> None:
        """Answer whether a command line may send its job; if so, import what it needs while it reads its files."""
        usable = message["setup"] == self._server.setup and not self._server.serves_editor()
        self._send({"type": "ready", "usable": usable})
        if usable:
            self._server.engine.hold(self, needed=True)
            self._server.in_background(lambda: get_ready(message["operations"]))

    def _follow(self, message: Mapping[str, Any]) -> None:
        """Run a recipe for a command line, unless something else is waiting: it would rather compute itself."""
        number = message["job"]
        self._check_number(number)
        if not {"picture"} <= message["inputs"].keys() <= _INPUTS:
            raise WireError("Invalid message: {what}.", what="other inputs than a command has")
        if self._server.serves_editor():
            self._send({"type": "error", "job": number, **_BUSY.to_dict()})
            return

        def compute(job: Job) -> Outcome:
            progress = partial(self._progress, job)
            progress(0.0, "Loading")
            load_libraries()
            from . import following

            files, told = following.followed(self._folder, message, f"w{number}", progress)
            return Outcome(encode({"type": "result", "job": number, **told}), files)

        sizes = [f"{each.width} x {each.height}" for each in message["inputs"].values()]
        job = Job(number, f"{len(message['steps'])} steps on {' and '.join(sizes)} pixels", compute, makes_way=True)
        job.task = Task(lambda: self._work(job))
        self._jobs[number] = job
        self._server.engine.put(job.task)

    def _submit(self, message: Mapping[str, Any]) -> None:
        try:
            self._check_number(message["job"])
            request = self._request(message)
        except DioptreError as error:
            if message["job"] in self._jobs:
                raise  # a duplicate number must not end the running job
            self._send({"type": "error", "job": message["job"], **error.to_dict()})
            return
        job = Job(
            message["job"],
            request,
            lambda job: self._compute(job, request),
            supersedes=message["supersede"],
        )
        job.task = Task(lambda: self._work(job), FULL if request.preview_px is None else PREVIEW)
        if job.supersedes is not None:
            if (older := self._newest.get(job.supersedes)) is not None:
                self._end(older, _cancelled(older, "Replaced by a newer request."))
            self._newest[job.supersedes] = job
        self._jobs[job.number] = job
        self._server.engine.put(job.task)

    def _request(self, message: Mapping[str, Any]) -> Request:
        wanted = described(message["operation"], message["options"])
        options = wanted.check(message["options"])
        inputs: dict[Input, Pixels | Kept] = {}
        unpainted: dict[str, Pixels] = {}
        for name, given in message["inputs"].items():
            if isinstance(given, Pixels):
                self._folder.open_pixels(given).close()
            elif given not in self._kept:
                raise DioptreError(
                    "The worker has no picture named {given}.", code="input-missing", given=repr(given)
                )
            if name in (*UNPAINTED, BEFORE) and isinstance(given, Pixels):
                unpainted[name] = given
            else:
                inputs[_input(name)] = given if isinstance(given, Pixels) else self._kept[given]
        if Input.PICTURE not in inputs:
            raise UsageError("{title} needs a picture.", title=Message(wanted.title))
        if message["depth_dtype"] not in DTYPES:
            raise WireError(
                "Invalid message: unknown dtype {depth_dtype}.", depth_dtype=repr(message["depth_dtype"][:40])
            )
        return Request(
            operation=wanted.name,
            options=options,
            inputs=inputs,
            unpainted=unpainted,
            folder=self._folder,
            colour_format=message["colour_format"],
            depth_dtype=message["depth_dtype"],
            roles=None if message["roles"] is None else frozenset(message["roles"]),
            keep=message["keep"],
            preview_px=message["preview_px"],
            draft=message["draft"],
            opened_file=message["opened_file"] or "",
            depth_metres=message["depth_metres"],
        )

    def _work(self, job: Job) -> None:
        """Compute a job outside the event loop's thread, and always pass an outcome to the loop."""
        began = time.monotonic()
        try:
            outcome = job.compute(job)
            _log.info("%s for %s: %.2f s", job.subject, self._client, time.monotonic() - began)
        except Exception as error:  # every error of a job is handled here  # noqa: BLE001
            if isinstance(error, Cancelled):
                _log.info("%s for %s: cancelled", job.subject, self._client)
            elif isinstance(error, DioptreError):
                _log.warning("%s for %s: %s", job.subject, self._client, error)
            else:
                _log.error("%s for %s failed", job.subject, self._client, exc_info=error)
            said = error if job.makes_way and isinstance(error, DioptreError) else _in_words(error)
            outcome = Outcome(encode({"type": "error", "job": job.number, **said.to_dict()}))
        with suppress(RuntimeError):  # the event loop is closed: the worker is ending
            self._loop.call_soon_threadsafe(self._finish, job, outcome)

    def _progress(self, job: Job, fraction: float, phase: str) -> None:
        """Record a job's progress, called on the job's thread; raise Cancelled if the job was cancelled."""
        if job.task.cancelled.is_set():
            raise Cancelled
        if phase != job.phase:
            job.reported = 0.0
        job.fraction, job.phase = fraction, phase
        # At most one report is queued on the event loop, so that a slow loop does not fall further and further
        # behind.
        if (now := time.monotonic()) - job.reported >= PROGRESS_EVERY_S and not job.to_report:
            job.reported, job.to_report = now, True
            self._loop.call_soon_threadsafe(self._report, job)

    def _compute(self, job: Job, request: Request) -> Outcome:
        progress = partial(self._progress, job)
        progress(0.0, "Preparing")  # libraries and networks take a while to load the first time
        load_libraries()
        # These modules import NumPy and JAX, so they are imported after `load_libraries`.
        from dioptre.contract import part_of

        from . import execution

        computing = part_of(progress, 0.0, 1 - _WRITING)
        result = execution.execute(request, self._server.run, computing)
        written = execution.write(request, result, f"w{job.number}", progress)
        files = tuple(layer.pixels.file for layer in written)
        message = {
            "type": "result",
            "job": job.number,
            "layers": [layer.to_dict() for layer in written],
            "values": execution.values_of(request, result),
            "messages": list(result.messages),
            "models": dict(result.models),
        }
        try:
            return Outcome(encode(message), files, execution.kept(request, result))
        except BaseException:
            self._delete(files)
            raise

    def _finish(self, job: Job, outcome: Outcome) -> None:
        if job.ended:
            self._delete(outcome.files)
            return
        self._kept.update(outcome.kept or {})
        self._server.delivered()
        self._end(job, outcome.line)

    def _end(self, job: Job, line: bytes = b"") -> None:
        """End `job` and send its last message."""
        if job.ended:
            return
        job.ended = True
        job.task.cancelled.set()
        del self._jobs[job.number]
        if job.supersedes is not None and self._newest.get(job.supersedes) is job:
            del self._newest[job.supersedes]
        self._server.touch()
        self._write(line)

    def _report(self, job: Job) -> None:
        job.to_report = False
        if not job.ended and self._writer.transport.get_write_buffer_size() < UNSENT_BYTES:
            fraction = min(1.0, max(0.0, float(job.fraction)))
            self._send({"type": "progress", "job": job.number, "fraction": fraction, "phase": job.phase})

    def _send(self, message: Mapping[str, Any]) -> None:
        self._write(encode(message))

    def _write(self, line: bytes) -> None:
        if line and not self._closed and not self._writer.is_closing():
            self._writer.write(line)

    def _delete(self, files: tuple[str, ...]) -> None:
        for name in files:
            self._folder.delete(name)


def _input(name: str) -> Input:
    try:
        return Input(name)
    except ValueError:
        raise UsageError("There is no input named {name}.", name=repr(name[:40])) from None


def _load(folder: Folder, as_input: str, pixels: Pixels) -> Kept:
    load_libraries()
    from .execution import load

    return load(folder, _input(as_input), pixels)


def _listed() -> list[dict[str, Any]]:
    """Return all networks in the format of the message `networks`; works before NumPy is loaded."""
    return [asdict(network) for network in networks()]


def _fetch(network_id: str, progress: Callable[[float, str], None]) -> None:
    """Download, check and install a network; do nothing if it is installed already.

    Raises:
        UsageError: the network cannot be downloaded.
        FetchError: the download failed.
        Cancelled: `progress` raised it.
    """
    progress(0.0, "Connecting")
    load_libraries()
    from dioptre.models.adding import add_by_name, fetchable

    entry = fetchable(network_id)
    if not is_installed(entry):
        add_by_name(entry, progress=progress)


def _in_words(error: Exception) -> DioptreError:
    """Convert an exception to an error for the user."""
    if isinstance(error, NetworkMissingError) and error.can_be_fetched:  # editors show a button for the download
        return DioptreError(
            error.message, hint="Choose “Download” below the network's name.", code="network-missing"
        )
    if isinstance(error, DioptreError):
        return error
    if is_out_of_memory(error):
        return OutOfMemoryError("There was not enough memory for this job.")
    first_line = next(iter(str(error).splitlines()), "")[:200]
    return unexpected(error, first_line, log=log_file())


def _cancelled(job: Job, reason: str = "") -> bytes:
    """Encode the last message of a job that was cancelled or replaced."""
    return encode({"type": "cancelled", "job": job.number, "reason": reason})
