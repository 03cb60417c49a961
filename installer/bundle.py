"""Bundles of this checkout for machines without a network.

A bundle contains all packages that are installed, in one folder, and the Python for them with uv, which unpacks it.
`install.sh` and `install.cmd` in it find both and contact no package index. All are for one system and one Python
version, which `wheels/bundle.json` names.
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from . import trees
from .console import Console, Failure
from .environment import Folders, Installer, read_marker

WHEELS = "wheels"
_ABOUT = "bundle.json"
NAMES = (
    *("install.py", "install.cmd", "install.command", "install.sh", "installer", "core", "plugin", "weights"),
    *("locks", "packaging"),
    *("examples", "docs", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "NOTICE", "CHANGELOG.md"),
)
_TOO = ("tests", "CONTRIBUTING.md")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info", ".*_cache")


def make(where: Folders, console: Console, installer: Installer, folder: Path) -> None:
    """Create the bundle in `folder`, which must not exist yet and appears only once it is complete.

    The environment must be complete: its pip fetches the packages and checks each one against its SHA-256.

    Args:
        where: Folders of this installation.
        console: Reports progress.
        installer: Fetches the packages.
        folder: Folder to create.

    Raises:
        Failure: The folder exists, or this checkout is already a bundle.
    """
    if (where.checkout / WHEELS).is_dir():
        raise Failure("This is already a bundle.", hint="Copy this folder instead.")
    with trees.new_folder(folder.absolute()) as new:
        for name in ("build", "runtime"):
            console.step(f"Fetching packages ({name})")
            installer.download(name, new / WHEELS)
        about = {"python": read_marker(where.environment)["python"], "system": system()}
        (new / WHEELS / _ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        _carry_python(where, console, installer, new, str(about["python"]))
        console.step("Copying Dioptre")
        for name in (*NAMES, *_TOO):
            source = where.checkout / name
            if source.is_dir():
                shutil.copytree(source, new / name, ignore=_LEFT_OUT)
            elif source.is_file():
                shutil.copy2(source, new / name)


def _carry_python(where: Folders, console: Console, installer: Installer, folder: Path, python: str) -> None:
    """Add uv and its download of the Python that the packages are for; say so if that cannot be had."""
    console.step(f"Fetching Python {python}")
    uv = where.uv
    try:
        with tempfile.TemporaryDirectory() as wheels:
            installer.download("uv", Path(wheels))
            program = uv.unpack(next(Path(wheels).glob("uv-*.whl")), folder / uv.FOLDER)
        (folder / uv.FOLDER / uv.VERSION).write_text(f"{python}\n", encoding="ascii")
        installer.download_python(program, python, folder / uv.FOLDER / uv.DOWNLOADS)
    except Failure as failure:
        shutil.rmtree(folder / uv.FOLDER, ignore_errors=True)
        console.say(f"The bundle has no Python, because it could not be downloaded. Log: {failure.log}")
        console.say(f"Hint: Install CPython {python} on the machine that the bundle is for.")


def python_wanted(checkout: Path) -> tuple[int, int] | None:
    """Return the Python version that a bundle's packages need, or None if `checkout` is not a bundle.

    Raises:
        Failure: The bundle is incomplete or made for another system.
    """
    wheels = checkout / WHEELS
    if not wheels.is_dir():
        return None
    try:
        about = trees.read_json(wheels / _ABOUT)
        made_for, version = str(about["system"]), str(about["python"])
        major, minor = (int(part) for part in version.split(".")[:2])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(f"{wheels} is not complete.", hint="Copy the whole bundle again.") from error
    if made_for != system():
        raise Failure(
            f"This bundle is for {made_for}; this machine is {system()}.",
            hint="Create one on a machine like this one.",
        )
    return major, minor


def system() -> str:
    """Return the operating system and architecture, which determine the packages that fit."""
    return f"{sys.platform} {platform.machine().lower()}"
