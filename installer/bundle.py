"""Distributable copies of this checkout: bundles for machines without a network, and zips of the plug-ins.

A bundle contains all packages that are installed, in one folder. `python3 BUNDLE/install.py` finds the `wheels`
folder next to itself and does not contact a package index. The packages are for one system and one Python version,
which `wheels/bundle.json` names. `dioptre-krita.zip` is for Krita's Tools ▸ Scripts ▸ Import Python Plugin from
File…; `dioptre-gimp.zip` is unpacked into GIMP's plug-in folder. In both, the folder `source` next to the plug-in
is a checkout without plug-ins and tests, from which `dioptre_link.editing.first_start` installs Dioptre.
"""

from __future__ import annotations

import hashlib
import json
import platform
import posixpath
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from .console import Console, Failure
from .environment import Folders, Installer, core_hash, read_marker, version

WHEELS = "wheels"
_ABOUT = "bundle.json"
_NAMES = (
    *(
        "install.py",
        "install.cmd",
        "install.command",
        "installer",
        "core",
        "plugin",
        "weights",
        "locks",
        "examples",
        "docs",
        "tests",
    ),
    *("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "NOTICE", "CHANGELOG.md", "CONTRIBUTING.md"),
)
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info", ".*_cache")
_PLUGIN, _LINK, _SOURCE = "dioptre", "dioptre_link", "source"
_CHECKOUT = (
    *("install.py", "installer", "core", "weights", "pyproject.toml", "hatch_build.py"),
    *("README.md", "LICENSE", "NOTICE"),
    *(f"locks/{name}.txt" for name in ("build", "runtime", "gpu", "openvino")),
)
_TIME = (1980, 1, 1, 0, 0, 0)  # A fixed time makes zips of equal contents identical.
_FILE, _PROGRAM = 0o100644, 0o100755


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
    folder = folder.absolute()
    if folder.exists():
        raise Failure(f"{folder} already exists.", hint="Choose a new folder for the bundle.")
    if (where.checkout / WHEELS).is_dir():
        raise Failure("This is already a bundle.", hint="Copy this folder instead.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name in ("build", "runtime"):
            console.step(f"Fetching packages ({name})")
            installer.download(name, beside / WHEELS)
        about = {"python": read_marker(where.environment)["python"], "system": system()}
        (beside / WHEELS / _ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        console.step("Copying Dioptre")
        for name in _NAMES:
            source = where.checkout / name
            if source.is_dir():
                shutil.copytree(source, beside / name, ignore=_LEFT_OUT)
            elif source.is_file():
                shutil.copy2(source, beside / name)
        beside.chmod(0o755)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def python_wanted(checkout: Path) -> tuple[int, int] | None:
    """Return the Python version that a bundle's packages need, or None if `checkout` is not a bundle.

    Raises:
        Failure: The bundle is incomplete or made for another system.
    """
    wheels = checkout / WHEELS
    if not wheels.is_dir():
        return None
    try:
        about = json.loads((wheels / _ABOUT).read_text(encoding="utf-8"))
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


def make_zips(checkout: Path, folder: Path, console: Console) -> None:
    """Write both zips into `folder`, replacing older ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for editor in ("krita", "gimp"):
        origin = checkout / "plugin" / editor
        if not origin.is_dir():
            raise Failure(f"{origin} is missing.", hint="Download or clone the whole of Dioptre again.")
        target = folder / f"{_PLUGIN}-{editor}.zip"
        part = target.with_name(f"{target.name}.part")
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(f"{_PLUGIN}/", _TIME), b"")  # Krita looks for exactly this entry.
            hashes = {}
            for path, name in _entries(checkout, origin):
                content = path.read_bytes()
                _add(archive, name, content, program=path.suffix == ".py" and name.count("/") == 1)
                hashes[posixpath.relpath(name, _PLUGIN)] = hashlib.sha256(content).hexdigest()
            about = json.dumps({"version": version(checkout), "core": core_hash(checkout)}).encode()
            _add(archive, f"{_PLUGIN}/{_SOURCE}/about.json", about, program=False)
            hashes[f"{_SOURCE}/about.json"] = hashlib.sha256(about).hexdigest()
            # As the installer writes it.
            _add(archive, f"{_PLUGIN}/{_LINK}/written.json", json.dumps(hashes).encode(), program=False)
        part.replace(target)
        console.say(f"{target}: {target.stat().st_size / 1e6:.0f} MB")


def _entries(checkout: Path, origin: Path) -> Iterator[tuple[Path, str]]:
    """Yield files of the checkout and their names in the zip."""
    yield from ((path, path.relative_to(origin).as_posix()) for path in _files(origin))
    link = checkout / "core" / _LINK
    yield from ((path, f"{_PLUGIN}/{_LINK}/{path.relative_to(link).as_posix()}") for path in _files(link))
    for name in _CHECKOUT:
        for path in _files(checkout / name):
            yield path, f"{_PLUGIN}/{_SOURCE}/{path.relative_to(checkout).as_posix()}"


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    for path in sorted(place.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _add(archive: zipfile.ZipFile, name: str, content: bytes, *, program: bool) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.external_attr = (_PROGRAM if program else _FILE) << 16
    # Weights are compressed already.
    entry.compress_type = zipfile.ZIP_STORED if "/weights/" in name else zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
