"""Workers of a Dask scheduler, on this machine or others.

They load a network once and keep it. The scheduler passes a picture to another worker if its worker is lost.
Results are returned as bytes, so workers need no shared disk and write no files.

Anyone who can reach a Dask scheduler can join it as a worker, and Dask unpickles the exceptions of workers.
Therefore, a scheduler must use TLS, whose certificates determine who joins, and results are never unpickled here.
"""

from __future__ import annotations

import json
import logging
import struct
import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError, Future
from functools import partial
from importlib import import_module
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from dioptre_link import strict_json
from dioptre_link.errors import DioptreError

from . import work
from .engine import WorkerLostError
from .work import Failed, Made, Outcome, Task

_LENGTH = struct.Struct(">Q")
_MAX_JSON = 1 << 24
CONNECT_S = 15.0  # time limit for connecting: a scheduler answers at once, but the network may be slow
_INSTALL = "Install it: python3 install.py python -m pip install --require-hashes -r locks/distributed.txt"
_DESERIALIZERS = ["dask", "msgpack", "error"]  # pickle is omitted for security
_AHEAD = 2  # number of pictures per worker thread: one in progress and one queued, so that no thread waits
# Number of retries after a worker raised an exception; the scheduler counts lost workers separately.
_RETRIES = 2


class BadOutcomeError(DioptreError):
    """A worker sent an invalid outcome."""

    code = "bad-outcome"

    def __init__(self) -> None:
        super().__init__(
            "A worker sent an invalid result.",
            hint="Check who can join the scheduler, and install the same version of Dioptre on every machine.",
        )


def packed(outcome: Outcome) -> bytes:
    """Encode an outcome as bytes."""
    if isinstance(outcome, Failed):
        return _joined({"failed": {"code": outcome.code, "message": outcome.message, "hint": outcome.hint}}, [])
    names = list(outcome.files)
    blobs = [*(outcome.files[name] for name in names), outcome.before, outcome.after]
    content = {
        "files": names,
        "models": dict(outcome.models),
        "values": dict(outcome.values),
        "messages": list(outcome.messages),
    }
    return _joined(content, blobs)


def unpacked(data: bytes) -> Outcome:
    """Decode an outcome; raise BadOutcomeError if the bytes are invalid or name a file outside the folder."""
    try:
        return _unpacked(memoryview(data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error) as error:
        raise BadOutcomeError from error


def _unpacked(data: memoryview) -> Outcome:
    (length,) = _LENGTH.unpack_from(data)
    if length > _MAX_JSON:
        raise ValueError("too long")
    at = _LENGTH.size + length
    content = strict_json.parsed(bytes(data[_LENGTH.size : at]))
    if "failed" in content:
        fields = content["failed"]
        return Failed(code=_text(fields["code"]), message=_text(fields["message"]), hint=_text(fields["hint"]))
    blobs = []
    for size in content["sizes"]:
        if type(size) is not int or not 0 <= size <= len(data) - at:
            raise ValueError("cut off")
        blobs.append(bytes(data[at : at + size]))
        at += size
    *files, before, after = blobs
    names = [_plain(name) for name in content["files"]]
    return Made(
        files=dict(zip(names, files, strict=True)),
        before=before,
        after=after,
        models={_text(name): _text(checksum) for name, checksum in content["models"].items()},
        values=dict(content["values"]),
        messages=tuple(_text(message) for message in content["messages"]),
    )


def _joined(content: Mapping[str, Any], blobs: list[bytes]) -> bytes:
    head = json.dumps({**content, "sizes": [len(blob) for blob in blobs]}).encode()
    return b"".join([_LENGTH.pack(len(head)), head, *blobs])


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _plain(name: Any) -> str:
    """Return a file name; raise ValueError if it contains a folder, which only the batch may choose."""
    text = _text(name)
    plain = text == PurePosixPath(text).name == PureWindowsPath(text).name
    if not plain or not text or text.startswith(".") or "\0" in text:
        raise ValueError("a file elsewhere")
    return text


class SchedulerError(DioptreError):
    """There is no scheduler, or the connection to it was lost."""

    code = "no-scheduler"


class UntrustedSchedulerError(DioptreError):
    """Anyone who can reach the scheduler could join it."""

    code = "scheduler-without-tls"


class DaskExecutor:
    """The workers of the scheduler at `address`, such as tls://10.0.0.5:8786.

    The argument `do` executes a task in a worker; tests replace it.
    """

    def __init__(
        self, address: str, *, timeout_s: float = CONNECT_S, do: Callable[[Task], Outcome] | None = None
    ) -> None:
        try:
            # The package `distributed` has no type information for the functions used here.
            distributed: Any = import_module("distributed")
        except ImportError as error:
            raise DioptreError(
                "Support for several machines is not installed.",
                hint=_INSTALL,
                code="extra-missing",
            ) from error
        _silence()
        require_trusted(address)
        try:
            with warnings.catch_warnings():
                # This hides Dask's warnings about different package versions; `make` checks Dioptre's version.
                warnings.simplefilter("ignore")
                self._client = distributed.Client(
                    address,
                    timeout=timeout_s,
                    set_as_default=False,
                    direct_to_workers=False,
                    deserializers=_DESERIALIZERS,
                )
        except TypeError as error:  # Dask found no certificates
            raise UntrustedSchedulerError(
                "Dask has no certificates for {address}.",
                hint="Name them in the variables DASK_DISTRIBUTED__COMM__TLS__… (docs/batch.md).",
                address=address,
            ) from error
        except (OSError, ValueError) as error:
            raise SchedulerError(
                "No scheduler answers at {address}.",
                hint="Start one (docs/batch.md) and pass its address, such as tls://192.168.1.5:8786.",
                address=address,
            ) from error
        self._pending: set[Any] = set()
        self._do = do or make_on_worker

    def has_room(self, task: Task, running: Iterable[Task]) -> bool:
        """Return whether the workers, including new ones, have room for another picture."""
        threads: int = sum(self._client.nthreads().values())
        return len(list(running)) < _AHEAD * max(1, threads)

    def submit(self, task: Task) -> Future[Outcome]:
        answer: Future[Outcome] = Future()
        answer.set_running_or_notify_cancel()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Dask would warn that the task is large
            inner = self._client.submit(_packed_by, self._do, task, pure=False, retries=_RETRIES)
        self._pending.add(inner)
        inner.add_done_callback(partial(self._pass_on, answer))
        return answer

    def _pass_on(self, answer: Future[Outcome], inner: Any) -> None:
        """Pass on the outcome. Dask's own executor is not used, because it hangs if a result cannot be read."""
        self._pending.discard(inner)
        try:
            data = _bytes_of(inner)
            answer.set_result(unpacked(bytes(data)))
        except BadOutcomeError as error:
            answer.set_result(Failed.by(error))
        except (CancelledError, OSError):  # the scheduler has ended, or no longer knows this client
            answer.set_exception(
                SchedulerError(
                    "The connection to the scheduler was lost.",
                    hint="Restart it, then run the batch again with --resume.",
                )
            )
        except Exception as error:  # noqa: BLE001  (KilledWorker, or any error of a broken installation)
            lost = WorkerLostError(
                f"No worker could finish this picture ({type(error).__name__}).",
                hint="Check the workers' logs: they may be out of memory, or Dioptre may not be installed there.",
            )
            lost.__cause__ = error
            answer.set_exception(lost)

    def close(self) -> None:
        """Cancel waiting tasks and disconnect; the scheduler and its workers keep running."""
        self._client.cancel(list(self._pending))
        self._client.close(timeout=5)


def _bytes_of(inner: Any) -> Any:
    """Return a finished task's bytes; raise BadOutcomeError for any other result, or the task's exception."""
    try:
        data = inner.result()
    except (TypeError, ValueError) as error:
        if inner.status == "finished":  # the result arrived, but as a pickle, which is not deserialised
            raise BadOutcomeError from error
        raise
    if not isinstance(data, bytes | bytearray | memoryview):
        raise BadOutcomeError
    return data


def _silence() -> None:
    """Silence Dask's loggers, which set their own levels; everything relevant is reported here."""
    for name in ("distributed", "tornado", *logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def require_trusted(address: str) -> None:
    """Raise UntrustedSchedulerError for an address without TLS, on this machine too, which has other users."""
    if not address.startswith("tls://"):
        raise UntrustedSchedulerError(
            "The scheduler at {address} does not use TLS: anyone who can reach it could join it and run code here.",
            hint="Set up TLS for Dask and use a tls:// address (docs/batch.md). On one machine, none is needed: "
            "without --scheduler, a batch uses all cores.",
            address=address,
        )


def _packed_by(do: Callable[[Task], Outcome], task: Task) -> bytes:
    """Run a task in a worker and return the packed outcome."""
    return packed(do(task))


def make_on_worker(task: Task) -> Outcome:
    """Run `work.make` with as many XLA threads as this worker has."""
    distributed: Any = import_module("distributed")
    work.prepare(threads=distributed.get_worker().state.nthreads)
    return work.make(task)
