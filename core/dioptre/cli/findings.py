"""The checks of `doctor`. Each check yields findings and changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from dioptre.editors import gimp_plugin, krita_plugin
from dioptre_link import paths
from dioptre_link.errors import DioptreError
from dioptre_link.start import Rendezvous, is_running, log_file
from dioptre_link.wire import PROTOCOL

from . import devices, trials
from .finding import ERROR, OK, WARNING, Finding

GIB = 1 << 30
_MEMORY_WANTED_BYTES = 4 * GIB  # recommended free memory: a portrait of 12 megapixels needs up to 3 GiB
_DISK_WANTED_BYTES = 1 * GIB
_REINSTALL = "Run: python3 install.py --repair"


def examine() -> Iterator[Finding]:
    """Run all checks, the fast ones first; a check that raises an exception does not stop the others."""
    for check in CHECKS:
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001  (a check that fails is itself a finding)
            yield Finding(
                code=f"{check.__name__}-failed",
                level=ERROR,
                message=f"The check “{check.__name__}” failed: {type(error).__name__}: {error}",
                fix=_REINSTALL,
            )


def python() -> Iterator[Finding]:
    """Check the version of the running Python."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= (3, 11) and sys.maxsize > 2**32:
        yield Finding(code="python", level=OK, message=f"Python {version}, {sys.executable}")
    else:
        yield Finding(
            code="python-version",
            level=ERROR,
            message=f"Python {version} is too old or 32-bit.",
            fix="Install 64-bit CPython 3.11 or later, then: python3 install.py --repair",
        )


def environment() -> Iterator[Finding]:
    """Check that the installer's environment is in use and complete."""
    folder = paths.environment_dir()
    if Path(sys.prefix).resolve() != folder.resolve():
        yield Finding(
            code="environment-foreign",
            level=WARNING,
            message=f"Dioptre runs from {sys.prefix}, not from the installed environment {folder}.",
            fix="If you are developing Dioptre, ignore this. Otherwise, run: python3 install.py",
        )
        return
    try:
        marker = json.loads((folder / "installed.json").read_text(encoding="utf-8"))
        complete = bool(marker.get("core"))
    except (OSError, ValueError, AttributeError):
        complete = False
    if complete:
        yield Finding(code="environment", level=OK, message=f"Complete: {folder}")
    else:
        yield Finding(
            code="environment-incomplete",
            level=ERROR,
            message=f"The installation in {folder} was interrupted.",
            fix="Run: python3 install.py",
        )


def packages() -> Iterator[Finding]:
    """Compare the installed packages with the lock file that the environment was created from."""
    locked = Path(sys.prefix) / "locked.txt"
    if not locked.is_file():
        return
    wrong, count = [], 0
    for line in locked.read_text(encoding="utf-8").splitlines():
        if not line[:1].isalnum():
            continue
        requirement, _, marker = line.rstrip(" \\").partition(";")
        name, _, version = requirement.strip().partition("==")
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            if not marker:
                wrong.append(f"{name} is missing")
            continue
        count += 1
        if installed != version and not marker:
            wrong.append(f"{name} is {installed}, not {version}")
    if wrong:
        yield Finding(
            code="packages-changed",
            level=ERROR,
            message=f"Installed packages differ from the locked versions: {'; '.join(wrong)}.",
            fix=_REINSTALL,
        )
    else:
        yield Finding(code="packages", level=OK, message=f"{count} packages, all at their locked versions")


def folders() -> Iterator[Finding]:
    """Check that the user's folders exist or can be created, are writable, and have free space."""
    for name, folder in (("data", paths.data_dir()), ("cache", paths.cache_dir()), ("log", paths.log_dir())):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            yield Finding(
                code=f"{name}-folder-read-only",
                level=ERROR,
                message=f"Dioptre cannot write to the {name} folder {folder}.",
                fix=f"Give yourself write access to {there}, or set DIOPTRE_HOME to another folder.",
            )
            continue
        free = shutil.disk_usage(there).free
        if free < _DISK_WANTED_BYTES:
            yield Finding(
                code=f"{name}-disk-full",
                level=WARNING,
                message=f"Only {free / GIB:.1f} GiB are free in the {name} folder {folder}.",
                fix="Free some space, or set DIOPTRE_HOME to a folder on a larger disk.",
            )
        else:
            yield Finding(code=f"{name}-folder", level=OK, message=f"{folder}, {free / GIB:.0f} GiB free")


def memory() -> Iterator[Finding]:
    """Check the free memory."""
    import psutil

    free = int(psutil.virtual_memory().available)
    message = f"{free / GIB:.1f} GiB of memory free"
    if free < _MEMORY_WANTED_BYTES:
        yield Finding(
            code="memory-low",
            level=WARNING,
            message=f"{message}; a large photo needs {_MEMORY_WANTED_BYTES // GIB}.",
            fix="Close other programs, or work on smaller pictures.",
        )
    else:
        yield Finding(code="memory", level=OK, message=message)


def weights() -> Iterator[Finding]:
    """Check the weights of every network against their cards."""
    from dioptre.checkpoints.locate import installed, verify
    from dioptre.models.registry import ENTRIES

    there = installed()
    for entry in ENTRIES.values():
        missing = [name for name in entry.checkpoints if name not in there]
        if missing and not entry.convert:
            yield Finding(
                code="weights-missing",
                level=ERROR,
                message=f"The weights of {entry.title} ({entry.id}) are missing: {', '.join(missing)}.",
                fix="Run: python3 install.py",
            )
    intact = 0
    for name, folder in there.items():
        try:
            verify(folder)
        except DioptreError as error:
            yield Finding(code="weights-damaged", level=ERROR, message=f"{name}: {error.message}", fix=_REINSTALL)
        else:
            intact += 1
    yield Finding(code="weights", level=OK, message=f"{intact} checkpoints intact")


def gimp() -> Iterator[Finding]:
    """Check the plug-in in GIMP's folders."""
    for found in gimp_plugin.findings():
        yield Finding(**found._asdict())


def krita() -> Iterator[Finding]:
    """Check the plug-in in Krita's folders."""
    for found in krita_plugin.findings():
        yield Finding(**found._asdict())


def worker() -> Iterator[Finding]:
    """Check that a running worker belongs to this installation."""
    rendezvous = Rendezvous.read() if is_running() else None
    if rendezvous is None:
        yield Finding(code="worker", level=OK, message="Not running. It starts with the first job from an editor.")
        return
    running = f"version {rendezvous.version}, protocol {rendezvous.protocol}, process {rendezvous.pid}"
    if (rendezvous.version, rendezvous.protocol) == (metadata.version("dioptre"), PROTOCOL):
        yield Finding(code="worker", level=OK, message=f"Running: {running}; log: {log_file()}")
    else:
        yield Finding(
            code="worker-other-version",
            level=WARNING,
            message=f"The worker of another installation is running: {running}.",
            fix="Run: dioptre worker --stop",
        )


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    python,
    environment,
    packages,
    folders,
    memory,
    weights,
    devices.devices,
    devices.networks,
    worker,
    trials.secrets,
    gimp,
    krita,
    trials.sandboxes,
    trials.job,
)
