"""Downloading a network through the worker: the list of networks, progress, cancellation and errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dioptre.checkpoints.locate import added_folder
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.client import Worker
from dioptre_link.errors import Cancelled, DioptreError
from dioptre_link.networks import missing_network

from ..models import package_index
from ..models.package_index import Index
from ..models.pretended import ENTRY

WAIT_S = 60.0


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    with package_index.used_alone(tmp_path / "home", monkeypatch) as running:
        yield running


def state(worker: Worker, name: str) -> tuple[bool, bool]:
    network = next(one for one in worker.networks() if one.id == name)
    return network.installed, network.can_be_fetched


def test_a_network_is_listed_fetched_and_listed_again(index: Index, worker: Worker) -> None:
    assert state(worker, ENTRY.id) == (False, True)
    told = []
    result = worker.fetch_network(ENTRY.id).wait(on_progress=told.append)
    assert result.layers == ()
    assert result.values == {"network": ENTRY.id}
    assert {progress.phase for progress in told} >= {"Connecting"}
    assert state(worker, ENTRY.id) == (True, False)
    assert worker.fetch_network(ENTRY.id).wait().values == {"network": ENTRY.id}  # Already installed.
    assert index.downloads == 1


def test_a_cancel_leaves_nothing(index: Index, worker: Worker) -> None:
    index.behaviour = "holds"
    job = worker.fetch_network(ENTRY.id)
    assert index.begun.wait(WAIT_S)
    job.cancel()
    with pytest.raises(Cancelled):
        job.wait()
    index.release.set()
    index.behaviour = "good"
    worker.fetch_network(ENTRY.id).wait()  # This waits until the cancelled download has ended.
    assert [path.name for path in added_folder().iterdir()] == [ENTRY.id]


@pytest.mark.parametrize(("behaviour", "code"), [("refuses", "no-connection"), ("other bytes", "foreign-weights")])
def test_what_went_wrong_reaches_the_editor(index: Index, worker: Worker, behaviour: str, code: str) -> None:
    index.behaviour = behaviour
    with pytest.raises(DioptreError) as failed:
        worker.fetch_network(ENTRY.id).wait()
    assert failed.value.code == code
    assert failed.value.hint
    assert "models add" not in failed.value.hint
    assert state(worker, ENTRY.id) == (False, True)


def test_a_network_that_is_not_published_is_refused(worker: Worker) -> None:
    with pytest.raises(DioptreError, match="No weights can be downloaded for “modnet”") as refused:
        worker.fetch_network("modnet").wait()
    assert refused.value.code == "usage"
    with pytest.raises(DioptreError, match="“nothing”"):
        worker.fetch_network("nothing").wait()


def test_the_network_that_a_choice_needs(index: Index, worker: Worker) -> None:
    described = OPERATIONS["super_resolution"]
    networks = worker.networks()
    assert missing_network(networks, described, {"model": "default", "scale": 2.0}) is None
    missing = missing_network(networks, described, {"model": "realesrgan-x4plus", "scale": 2.0})
    assert missing is not None
    assert (missing.id, missing.download_mb) == ("realesrgan-x4plus", 43)
