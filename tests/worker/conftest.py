"""A server inside the test's own process, with a fake operation, for faster and more reliable tests."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dioptre.contract import Layer, Result
from dioptre.worker.server import Server
from dioptre_link import start as starting
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.client import Worker
from dioptre_link.operation import Input, Memory, Operation, Role
from dioptre_link.start import Rendezvous, meeting_dir, private_dir

JOIN_S = 30.0

FAKE = Operation(
    name="fake",
    title="Fake",
    help="For tests.",
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY, Input.SELECTION),
    outputs=(Role.RESULT,),
    memory=Memory(fixed_mib=0, bytes_per_pixel=60),
)


def echo(name, options, inputs, progress) -> Result:
    """Return the picture unchanged."""
    progress(0.5, "Computing")
    return Result(layers=(Layer(name="Fake", role=Role.RESULT, pixels=inputs.picture),))


@dataclass
class Serving:
    """A running server and its address."""

    server: Server
    rendezvous: Rendezvous
    faults: list[dict] = field(default_factory=list)
    """Uncaught exceptions reported by the event loop."""


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a path short enough for Unix sockets, which are limited to about a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="d", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def serve(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Serving]]:
    """Return a function that starts servers. At the end, they are stopped and checked for uncaught exceptions."""
    monkeypatch.setitem(OPERATIONS, "fake", FAKE)
    started: list[tuple[Serving, asyncio.AbstractEventLoop, threading.Thread]] = []

    def start(run=echo, *, idle_s: float = 600.0, warm_up=(), on_port: bool = False) -> Serving:
        ready = threading.Event()
        monkeypatch.setenv("DIOPTRE_HOME", str(short_folder / f"home{len(started)}"))
        if on_port:  # as where the system has no Unix sockets
            monkeypatch.setattr("dioptre.worker.server._SOCKET_PATH_BYTES", 0)
        meeting = private_dir(meeting_dir())
        found: list[Serving] = []

        async def serving() -> None:
            server = Server(run=run, version="test", meeting=meeting, idle_s=idle_s, warm_up=warm_up)
            loop = asyncio.get_running_loop()

            def on_ready(rendezvous: Rendezvous) -> None:
                found.append(Serving(server, rendezvous))
                loop.set_exception_handler(lambda _, context: found[0].faults.append(context))
                started.append((found[0], loop, threading.current_thread()))
                ready.set()

            await server.serve(on_ready)

        thread = threading.Thread(target=lambda: asyncio.run(serving()), daemon=True)
        thread.start()
        assert ready.wait(JOIN_S)
        return found[0]

    yield start
    for serving, loop, thread in started:
        loop.call_soon_threadsafe(lambda server=serving.server: server.shut_down(when_idle=False))
        thread.join(JOIN_S)
        assert not thread.is_alive()
        serving.server.engine.join(JOIN_S)
        assert serving.faults == []


@pytest.fixture
def worker(serve: Callable[..., Serving], monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A client of a server in this process."""
    rendezvous = serve().rendezvous
    monkeypatch.setattr(starting, "find_or_start", lambda **_: (rendezvous, rendezvous.connect()))
    with Worker("test") as connected:
        yield connected
