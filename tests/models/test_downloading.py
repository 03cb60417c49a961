"""Downloads from a publisher that disconnects, lies or sends other bytes give the complete file or none."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from dioptre.checkpoints.card import Card
from dioptre.models import downloading, published, registry
from dioptre.models.adding import add_by_name, add_weights
from dioptre.models.downloading import discard, download, downloads_folder
from dioptre_link.errors import Cancelled, DioptreError, UsageError

from .pretended import ENTRY, WHEEL
from .weights_server import CONTENT, PATH, Publisher, publishing


@pytest.fixture
def publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(downloading, "_PAUSE_S", 0.01)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", published.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    with publishing() as running:
        yield running


def quiet(_fraction: float, _phase: str) -> None:
    """Progress callback that does nothing."""


def arrived(publisher: Publisher) -> int:
    """Return the number of bytes kept of an unfinished download."""
    path = downloads_folder() / publisher.file().sha256 / "model.safetensors"
    return path.stat().st_size if path.exists() else 0


def test_a_file_arrives_with_progress(publisher: Publisher) -> None:
    told: list[tuple[float, str]] = []
    publisher.behaviour = ["holds"]
    threading.Timer(0.5, publisher.release.set).start()
    path = download(publisher.file(), progress=lambda *step: told.append(step))
    assert path.read_bytes() == CONTENT
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert any(str(phase).startswith("Downloading: ") and str(phase).endswith(" of 3 MB") for _, phase in told)
    discard(publisher.file())
    assert not downloads_folder().exists()


def test_a_broken_transfer_goes_on_where_it_ended(publisher: Publisher) -> None:
    publisher.behaviour = ["cuts off", "cuts off", "good"]
    assert download(publisher.file(), progress=quiet).read_bytes() == CONTENT
    assert publisher.asked == ["", "bytes=1536000-", "bytes=2304000-"]


def test_a_later_try_goes_on_after_a_cancel(publisher: Publisher) -> None:
    publisher.behaviour = ["holds"]

    def cancel(_fraction: float, _phase: str) -> None:
        if arrived(publisher) > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        download(publisher.file(), progress=cancel)
    kept = arrived(publisher)
    assert 0 < kept < len(CONTENT)
    publisher.release.set()
    publisher.behaviour = ["good"]
    assert download(publisher.file(), progress=quiet).read_bytes() == CONTENT
    assert publisher.asked == ["", f"bytes={kept}-"]


@pytest.mark.parametrize("behaviour", ["goes on elsewhere", "503", "knows no ranges"])
def test_a_wrong_answer_in_between_is_survived(publisher: Publisher, behaviour: str) -> None:
    publisher.behaviour = ["cuts off", behaviour, "good"]
    assert download(publisher.file(), progress=quiet).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("404", "404"),
        ("says less", "offers a different file of 1.5 MB"),
        ("says more", "offers a different file of 6.1 MB"),
        ("never ends", "sends more than the 3 MB"),
    ],
)
def test_what_cannot_be_the_file_is_refused(publisher: Publisher, behaviour: str, said: str) -> None:
    publisher.behaviour = [behaviour]
    with pytest.raises(DioptreError, match=said) as failed:
        download(publisher.file(), progress=quiet)
    assert failed.value.code == "no-connection"
    assert failed.value.hint
    publisher.release.set()
    publisher.behaviour = ["good"]
    assert download(publisher.file(), progress=quiet).read_bytes() == CONTENT


def test_other_bytes_are_deleted(publisher: Publisher) -> None:
    publisher.behaviour = ["sends other bytes"]
    with pytest.raises(DioptreError, match="not the expected file") as refused:
        download(publisher.file(), progress=quiet)
    assert refused.value.code == "foreign-weights"
    assert arrived(publisher) == 0


@pytest.mark.parametrize("kept", [len(CONTENT), len(CONTENT) + 1])
def test_a_complete_file_is_recognised(publisher: Publisher, kept: int) -> None:
    path = downloads_folder() / publisher.file().sha256 / "model.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes((CONTENT + b"\0")[:kept])
    assert download(publisher.file(), progress=quiet).read_bytes() == CONTENT


def test_nobody_answers(publisher: Publisher) -> None:
    file = publisher.file()
    file = published.PublishedFile(site="http://127.0.0.1:9", path=PATH, sha256=file.sha256, nbytes=file.nbytes)
    with pytest.raises(DioptreError, match="there is no connection"):
        download(file, progress=quiet)


def test_a_full_disk_is_said_before_anything_is_asked(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000))
    with pytest.raises(DioptreError, match="not enough space") as failed:
        download(publisher.file(), progress=quiet)
    assert failed.value.code == "disk-full"
    assert publisher.asked == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX resource limits")
def test_a_disk_that_refuses_the_bytes_ends_the_download(publisher: Publisher) -> None:
    """Another attempt cannot help, and the hint is about the disk, not about the connection."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) // 2, limits[1]))
    try:
        with pytest.raises(DioptreError, match="could not be saved") as failed:
            download(publisher.file(), progress=quiet)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert failed.value.code == "disk-full"
    assert len(publisher.asked) == 1
    assert download(publisher.file(), progress=quiet).read_bytes() == CONTENT
    discard(publisher.file())
    downloads_folder().parent.mkdir(parents=True, exist_ok=True)
    downloads_folder().write_text("a file in place of the folder", encoding="utf-8")
    with pytest.raises(DioptreError, match="could not be saved"):
        download(publisher.file(), progress=quiet)


def test_a_proxy_is_used(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", publisher.site)
    monkeypatch.delenv("no_proxy", raising=False)
    file = publisher.file()
    far = published.PublishedFile(
        site="http://publisher.invalid", path=PATH, sha256=file.sha256, nbytes=file.nbytes
    )
    assert download(far, progress=quiet).read_bytes() == CONTENT
    assert publisher.paths == [f"http://publisher.invalid{PATH}"]


def test_redirects_are_followed(publisher: Publisher) -> None:
    publisher.behaviour = ["redirects", "good"]
    assert download(publisher.file(), progress=quiet).read_bytes() == CONTENT


def test_no_redirect_leaves_encryption() -> None:
    request = SimpleNamespace(full_url="https://publisher.invalid/file", get_method=lambda: "GET", headers={})
    with pytest.raises(downloading._Broken, match="unencrypted"):
        downloading._Redirects().redirect_request(request, None, 302, "Found", {}, "http://publisher.invalid/file")


def test_a_mirror_takes_the_publishers_place(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    file = publisher.file()
    far = published.PublishedFile(
        site="http://publisher.invalid", path=PATH, sha256=file.sha256, nbytes=file.nbytes
    )
    published.set_mirror(f"{publisher.site}/weights/")
    assert published.mirror() == f"{publisher.site}/weights"
    assert download(far, progress=quiet).read_bytes() == CONTENT
    assert publisher.paths == [f"/weights{PATH}"]
    monkeypatch.setenv(published.VARIABLE, "http://mirror.invalid")
    assert published.mirror() == "http://mirror.invalid"
    monkeypatch.delenv(published.VARIABLE)
    published.set_mirror("")
    assert published.mirror() == ""


@pytest.mark.parametrize("address", ["file:///etc", "example.org", "http://", "https://a b", "https://x/?q=1"])
def test_what_is_no_mirror_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="not the address of a mirror"):
        published.checked_mirror(address)


def test_what_was_downloaded_is_installed_and_deleted(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.content = WHEEL
    entry = replace(ENTRY, package=publisher.file())
    monkeypatch.setitem(registry.ENTRIES, entry.id, entry)  # type: ignore[arg-type]
    publisher.behaviour = ["cuts off", "404"]
    with pytest.raises(DioptreError, match="404"):
        add_by_name(entry)
    assert not registry.is_installed(entry)
    publisher.behaviour = ["good"]
    told: list[float] = []
    folder = add_by_name(entry, progress=lambda fraction, _: told.append(fraction))
    assert publisher.asked[-1] == f"bytes={len(WHEEL) // 2}-"
    assert told == sorted(told)
    assert Card.read(folder).licence == "MIT"
    assert [path.name for path in folder.parent.iterdir()] == ["pretended"]
    # The licence of a file that differs from the published one is unknown.
    own = tmp_path / "own.whl"
    own.write_bytes(WHEEL)
    entry = replace(entry, package=replace(publisher.file(), sha256="0" * 64))
    assert Card.read(add_weights(entry, own, force=True)).licence == "LicenseRef-as-published"
