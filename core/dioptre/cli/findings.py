"""The checks of `doctor`. Each check yields findings and changes nothing."""

from __future__ import annotations

import csv
import os
import shutil
import stat
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from dioptre import runtime
from dioptre.editors import gimp_plugin, krita_plugin
from dioptre.editors.plugin_folder import Finding
from dioptre_link import paths
from dioptre_link.errors import DioptreError, UsageError
from dioptre_link.scratch import temporary_folder
from dioptre_link.start import Rendezvous, is_running, log_file, meeting_dir, rendezvous_file
from dioptre_link.wire import PROTOCOL

OK, WARNING, ERROR = "ok", "warning", "error"
_REINSTALL = "Run: python3 install.py --repair"
_SIDE_PX = 64
_NAMED = 3  # damaged files that a message names
GIB = 1 << 30
_DISK_WANTED_BYTES = 1 * GIB
# Folders that a program keeps in step with the internet, and takes from the disk when it is full.
_SYNCHRONISED = ("onedrive", "dropbox", "google drive", "googledrive", "mobile documents", "nextcloud")
_SYNCHRONISED_VARIABLES = ("OneDrive", "OneDriveConsumer", "OneDriveCommercial")


def devices() -> Iterator[Finding]:
    """List JAX's devices, and explain why no graphics card is used."""
    runtime.prepare_if_needed()
    import jax

    kinds = ((device.platform, device.device_kind) for device in jax.devices())
    names = ", ".join(platform if platform == kind else f"{platform} {kind}" for platform, kind in kinds)
    yield Finding("devices", OK, f"JAX {jax.__version__} on {names}")
    if jax.default_backend() == "cpu":
        yield _why_the_processor(os.environ.get("JAX_PLATFORMS", ""))


def _why_the_processor(platforms: str) -> Finding:
    code = "device-choice"
    if platforms:
        return Finding(code, OK, f"Dioptre uses the processor because JAX_PLATFORMS is set to {platforms}.")
    if sys.platform != "linux":
        return Finding(code, OK, "Dioptre uses the processor: JAX supports graphics cards only on Linux.")
    if not runtime.has_card_packages():
        return Finding(
            code,
            OK,
            "Dioptre uses the processor: JAX's packages for NVIDIA graphics cards are not installed.",
            "To add them: python3 install.py --gpu" if runtime.has_card_driver() else "",
        )
    return Finding(
        "device-unused",
        WARNING,
        (
            "Dioptre uses the processor, although JAX's packages for NVIDIA graphics cards "
            "are installed: JAX found no card that it can use."
        ),
        "Install NVIDIA's driver, version 525 or later, and restart. To remove the packages: "
        "python3 install.py --no-gpu",
    )


def precision() -> Iterator[Finding]:
    """Report the precision of the depth network's matrix products, and why it was chosen."""
    from dioptre.models.precision import choice

    try:
        yield Finding("precision", OK, choice().message)
    except UsageError as error:
        yield Finding("precision", ERROR, error.message, error.hint)


def secrets() -> Iterator[Finding]:
    """Check whether other users could read the worker's token or the pictures in its exchange folder."""
    if sys.platform == "win32":
        return
    for path in (rendezvous_file(), meeting_dir() / "exchange"):
        if _others_may(path):
            yield Finding(
                "worker-secret-open",
                ERROR,
                f"Other users of this machine can read {path}.",
                f"Run: chmod go= '{path}', then: dioptre worker --stop",
            )


def _others_may(path: Path) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return bool(stat.S_IMODE(found.st_mode) & 0o077) or found.st_uid != os.getuid()


def job() -> Iterator[Finding]:
    """Check that a tiny picture can be read, processed by a network in JAX, and written."""
    from dioptre import runtime

    runtime.prepare_if_needed()
    import numpy as np

    from dioptre import photo as files
    from dioptre.recipes.on_file import follow_on_file
    from dioptre_link.catalogue import white_balance
    from dioptre_link.operation import Role
    from dioptre_link.recipe import Recipe, Step

    started = time.monotonic()
    ramp = np.linspace(0.0, 1.0, _SIDE_PX, dtype=np.float32)
    photo = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], np.float32(0.5)), axis=-1)
    try:
        with temporary_folder() as scratch:
            before, after = scratch / "before.png", scratch / "after.png"
            files.save(photo, before)
            made = follow_on_file(Recipe(steps=(Step(operation=white_balance.OPERATION.name),)), before)
            layer = next(layer for layer in made.result.layers if layer.role is Role.RESULT)
            files.save(layer.pixels, after, like=made.picture)
            result = files.load(after).pixels
    except DioptreError as error:
        yield Finding("job-failed", ERROR, f"A small test job failed: {error.message}", error.hint or _REINSTALL)
        return
    took = time.monotonic() - started
    if result.shape[:2] != (_SIDE_PX, _SIDE_PX) or not np.isfinite(result).all() or float(result.std()) < 0.05:
        yield Finding("job-wrong", ERROR, "A small test job returned an invalid picture.", _REINSTALL)
    else:
        yield Finding("job", OK, f"A small test job, including reading and writing files, took {took:.1f} s.")


def examine() -> Iterator[Finding]:
    """Run all checks, the fast ones first; a check that raises an exception does not stop the others.

    Checks that load packages are left out if a package is damaged, because a damaged library can end the process.
    """
    damaged = False
    for check in CHECKS:
        if damaged and check in _LOADING:
            continue
        try:
            for finding in check():
                damaged |= finding.code.startswith("packages-") and finding.level == ERROR
                yield finding
        except Exception as error:  # noqa: BLE001  (a check that fails is itself a finding)
            yield Finding(
                f"{check.__name__}-failed",
                ERROR,
                f"The check “{check.__name__}” failed: {type(error).__name__}: {error}",
                _REINSTALL,
            )


def environment() -> Iterator[Finding]:
    """Check that the installer's environment is in use."""
    folder = paths.environment_dir()
    if Path(sys.prefix).resolve() != folder.resolve():
        yield Finding(
            "environment-foreign",
            WARNING,
            f"Dioptre runs from {sys.prefix}, not from the installed environment {folder}.",
            "If you are developing Dioptre, ignore this. Otherwise, run: python3 install.py",
        )
    else:
        yield Finding("environment", OK, str(folder))


def packages() -> Iterator[Finding]:
    """Compare the installed packages with the lock file, if any, and the sizes of their files with their lists."""
    locked = Path(sys.prefix) / "locked.txt"
    wrong, count = [], 0
    for line in locked.read_text(encoding="utf-8").splitlines() if locked.is_file() else ():
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
            "packages-changed",
            ERROR,
            f"Installed packages differ from the locked versions: {'; '.join(wrong)}.",
            _REINSTALL,
        )
    elif count:
        yield Finding("packages", OK, f"{count} packages, all at their locked versions")
    if damaged := [name for name, file, size in _listed_files() if _size(file) != size]:
        named = ", ".join(damaged[:_NAMED])
        yield Finding(
            "packages-damaged",
            ERROR,
            f"{len(damaged)} files of packages are missing or altered, among them: {named}.",
            "If a virus scanner has put them into quarantine, allow Dioptre's data folder in its settings. Then: "
            "python3 install.py --repair",
        )


def _listed_files() -> Iterator[tuple[str, Path, int]]:
    """Yield the name, path and size of each file that the packages' lists name.

    Programs, which lie beside the packages' folder, are left out, because pipx changes their first line.
    """
    for package in metadata.distributions(path=[sysconfig.get_path("purelib")]):
        for row in csv.reader((package.read_text("RECORD") or "").splitlines()):
            listed = len(row) == 3 and row[2].isdecimal() and row[1].startswith("sha256=")
            if listed and not row[0].startswith(".."):
                path = Path(str(package.locate_file(row[0])))
                yield f"{package.name} ({row[0]})", path, int(row[2])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def folders() -> Iterator[Finding]:
    """Check that the user's folders are writable, have free space, and are not synchronised with the internet."""
    roots = [os.environ[name] for name in _SYNCHRONISED_VARIABLES if os.environ.get(name)]
    for name, folder in (("data", paths.data_dir()), ("cache", paths.cache_dir()), ("log", paths.log_dir())):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            yield Finding(
                f"{name}-folder-read-only",
                ERROR,
                f"Dioptre cannot write to the {name} folder {folder}.",
                f"Give yourself write access to {there}, or set DIOPTRE_HOME to another folder.",
            )
            continue
        named = any(part.lower().startswith(_SYNCHRONISED) for part in folder.parts)
        if named or any(folder.is_relative_to(root) for root in roots):
            yield Finding(
                "synchronised-folder",
                WARNING,
                f"The {name} folder {folder} is synchronised with the internet, which can remove its files.",
                "Set DIOPTRE_HOME to a folder outside OneDrive and the like, then: python3 install.py",
            )
        free = shutil.disk_usage(there).free
        if free < _DISK_WANTED_BYTES:
            yield Finding(
                f"{name}-disk-full",
                WARNING,
                f"Only {free / GIB:.1f} GiB are free in the {name} folder {folder}.",
                "Free some space, or set DIOPTRE_HOME to a folder on a larger disk.",
            )
        else:
            yield Finding(f"{name}-folder", OK, f"{folder}, {free / GIB:.0f} GiB free")


def weights() -> Iterator[Finding]:
    """Check the weights of every network against their cards."""
    from dioptre.checkpoints.locate import installed, verify
    from dioptre.models.registry import ENTRIES

    there = installed()
    for entry in ENTRIES.values():
        missing = [name for name in entry.checkpoints if name not in there]
        if missing and not entry.convert:
            yield Finding(
                "weights-missing",
                ERROR,
                f"The weights of {entry.title} ({entry.id}) are missing: {', '.join(missing)}.",
                "Run: python3 install.py",
            )
    intact = 0
    for name, folder in there.items():
        try:
            verify(folder)
        except DioptreError as error:
            yield Finding("weights-damaged", ERROR, f"{name}: {error.message}", _REINSTALL)
        else:
            intact += 1
    yield Finding("weights", OK, f"{intact} checkpoints intact")


def gimp() -> Iterator[Finding]:
    """Check the plug-in in GIMP's folders."""
    return gimp_plugin.findings()


def krita() -> Iterator[Finding]:
    """Check the plug-in in Krita's folders."""
    return krita_plugin.findings()


def worker() -> Iterator[Finding]:
    """Check that a running worker belongs to this installation."""
    rendezvous = Rendezvous.read() if is_running() else None
    if rendezvous is None:
        yield Finding("worker", OK, "Not running. It starts with the first job from an editor.")
        return
    running = f"version {rendezvous.version}, protocol {rendezvous.protocol}, process {rendezvous.pid}"
    if (rendezvous.version, rendezvous.protocol) == (metadata.version("dioptre"), PROTOCOL):
        yield Finding("worker", OK, f"Running: {running}; log: {log_file()}")
    else:
        yield Finding(
            "worker-other-version",
            WARNING,
            f"The worker of another installation is running: {running}.",
            "Run: dioptre worker --stop",
        )


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    environment,
    packages,
    folders,
    weights,
    devices,
    precision,
    worker,
    secrets,
    gimp,
    krita,
    job,
)
_LOADING = (weights, devices, precision, job)  # checks that load packages with libraries
