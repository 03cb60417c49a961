"""A batch on a Dask scheduler with three worker processes: results, loading of networks, and loss of a worker."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dioptre.batch import many
from dioptre.batch.batch import run_batch
from dioptre.batch.here import LocalExecutor
from dioptre.batch.many import DaskExecutor, SchedulerError
from dioptre.batch.plan import Item
from dioptre.cli.main import run as command_line
from dioptre_link.errors import DioptreError
from dioptre_link.recipe import Recipe, Step

from . import pretended

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

TIMEOUT_S = 120
BALANCE = Recipe(steps=(Step(operation="white_balance"),))  # This operation uses the smallest network.
ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"DASK_DISTRIBUTED__WORKER__DAEMON": "False", "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "critical"}


class Watcher:
    """Progress listener that calls `after_first` when the first picture is finished."""

    def __init__(self, after_first: Callable[[], None] = lambda: None) -> None:
        self.messages: list[str] = []
        self._after_first = after_first

    def made(self, item: Item, written: list[Path], messages: tuple[str, ...]) -> None:
        if not self.messages:
            self._after_first()
        self.messages += messages

    def failed(self, item: Item, error: DioptreError) -> None:
        self.messages.append(error.message)

    def progress(self, fraction: float, phase: str) -> None:
        pass


@contextmanager
def process(*arguments: str, folder: Path, inside: Sequence[str] = ()) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, **SETTINGS, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*inside, sys.executable, "-m", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as started:
        try:
            yield started
        finally:
            started.kill()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler in a separate process, and its three worker processes."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    address = f"tls://127.0.0.1:{port}"
    folder = tmp_path_factory.mktemp("dask")
    with ExitStack() as stack:
        stack.enter_context(certified(folder))
        stack.enter_context(
            process(
                "distributed.cli.dask_scheduler", "--host", address, "--no-dashboard", "--no-jupyter", folder=folder
            )
        )
        wait_for(port)
        workers = [
            stack.enter_context(
                process(
                    "distributed.cli.dask_worker",
                    address,
                    *("--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60"),
                    folder=folder,
                )
            )
            for _ in range(3)
        ]
        wait_until(lambda: threads(address) == 3)
        yield address, workers


@contextmanager
def certified(folder: Path) -> Iterator[None]:
    """Let Dask in this process, and in those it starts, use a new certificate, which is its own authority."""
    import dask
    import distributed  # noqa: F401  (its defaults must be there before they are changed)

    key, certificate = folder / "key.pem", folder / "certificate.pem"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=dioptre-test"]
    subprocess.run([*new, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    files = {"ca-file": certificate}
    for side in ("client", "scheduler", "worker"):
        files |= {f"{side}.cert": certificate, f"{side}.key": key}
    settings = {f"distributed.comm.tls.{name}": str(file) for name, file in files.items()}
    with pytest.MonkeyPatch.context() as patch, dask.config.set(settings):
        for name, file in settings.items():
            patch.setenv("DASK_" + name.upper().replace(".", "__").replace("-", "_"), file)
        yield


def wait_for(port: int, *, host: str = "127.0.0.1") -> None:
    def answers() -> bool:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            return False
        return True

    wait_until(answers)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def threads(address: str) -> int:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        return sum(client.nthreads().values())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(9):
        colours = random.integers(0, 256, (8, 12, 3)).astype(np.uint8)
        Image.fromarray(colours).resize((96, 64)).save(folder / f"p{index}.png")
    return folder


def run(photos: Path, out: Path, executor: Any, watcher: Watcher | None = None, recipe: Recipe = BALANCE) -> Any:
    return run_batch(photos, out, recipe, executor=lambda _: executor, watcher=watcher or Watcher())


def pixels(folder: Path) -> dict[str, bytes]:
    return {path.name: np.asarray(Image.open(path)).tobytes() for path in sorted(folder.glob("*.png"))}


def test_the_same_pictures_as_here_and_networks_loaded_once(
    scheduler: tuple[str, list[Any]], photos: Path, tmp_path: Path
) -> None:
    from distributed import Client

    from dioptre.models import loading

    address, _ = scheduler
    summary = run(photos, tmp_path / "many", DaskExecutor(address))
    assert (summary.made, summary.failures) == (9, {})
    with Client(address, set_as_default=False) as client:
        loaded = client.run(lambda: loading._load.cache_info().misses)
    assert len(loaded) == 3
    assert set(loaded.values()) <= {0, 1}
    assert 1 in loaded.values()
    here = run(photos, tmp_path / "here", LocalExecutor(processes=2, budget_bytes=1 << 40))
    assert (here.made, here.failures) == (9, {})
    assert pixels(tmp_path / "many") == pixels(tmp_path / "here")
    assert (tmp_path / "many" / "contact-sheet.html").read_bytes().count(b"<figure>") == 9
    # `command_line` uses all cores, so its results may be rounded differently.
    for path in sorted(photos.iterdir())[:2]:
        assert command_line(["white-balance", str(path), "-o", str(tmp_path / path.name)]) == 0
        alone = np.asarray(Image.open(tmp_path / path.name)).astype(int)
        together = np.asarray(Image.open(tmp_path / "here" / f"{path.stem}-white-balance.png")).astype(int)
        assert np.abs(alone - together).max() <= 1


def test_a_killed_worker_is_survived(
    scheduler: tuple[str, list[subprocess.Popen[bytes]]], photos: Path, tmp_path: Path
) -> None:
    address, workers = scheduler
    watcher = Watcher(after_first=lambda: os.kill(workers[0].pid, signal.SIGKILL))
    summary = run(photos, tmp_path / "out", DaskExecutor(address, do=pretended.make), watcher)
    assert (summary.made, summary.failures) == (9, {})
    wait_until(lambda: threads(address) == 2)


def test_no_scheduler_is_said_at_once(tmp_path: Path) -> None:
    with certified(tmp_path), pytest.raises(SchedulerError, match="No scheduler answers"):
        DaskExecutor("tls://127.0.0.1:9", timeout_s=0.5)


@pytest.mark.parametrize(
    "address", ["tcp://10.0.0.5:8786", "10.0.0.5:8786", "ws://host:1", "tcp://127.0.0.1:1", "localhost:8786", "x"]
)
def test_a_scheduler_that_anybody_can_join_is_refused(address: str) -> None:
    """It is refused before the batch connects, because a rogue worker's exception would run code here."""
    with pytest.raises(many.UntrustedSchedulerError, match="does not use TLS") as caught:
        DaskExecutor(address)
    assert "tls://" in caught.value.hint


def test_pickles_are_not_read(tmp_path: Path) -> None:
    from distributed.protocol.serialize import deserialize, serialize

    marker = tmp_path / "ran"
    header, frames = serialize(pretended.Touches(marker), serializers=["pickle"])
    with pytest.raises(TypeError):
        deserialize(header, frames, deserializers=many._DESERIALIZERS)
    assert not marker.exists()
    deserialize(header, frames)
    assert marker.exists(), "the pickle does what it is for"


def test_a_worker_that_answers_with_a_pickle_is_refused(
    scheduler: tuple[str, list[subprocess.Popen[bytes]]],
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    marker = tmp_path / "ran"
    monkeypatch.setattr(many, "_packed_by", pretended.answer_with_a_pickle)
    do: Any = partial(pretended.touches, marker)
    executor = DaskExecutor(scheduler[0], do=do)
    summary = run(photos, tmp_path / "out", executor)
    assert {error.code for error in summary.failures.values()} == {"bad-outcome"}
    assert len(summary.failures) == 9
    assert not marker.exists()
    assert capfd.readouterr().err == ""
