"""Create zips of the plug-ins, which install the compute core on their first start.

`dioptre-krita.zip` is for Krita's Tools ▸ Scripts ▸ Import Python Plugin from File…; `dioptre-gimp.zip` is unpacked
into GIMP's plug-in folder. In both, the folder `source` next to the plug-in is a checkout without plug-ins and
tests, from which `dioptre_link.editing.first_start` installs Dioptre.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from .console import Console, Failure
from .environment import core_hash, version

_PLUGIN, _LINK, _SOURCE, _ABOUT = "dioptre", "dioptre_link", "source", "about.json"
_CHECKOUT = (
    *("install.py", "installer", "core", "weights", "pyproject.toml", "hatch_build.py"),
    *("README.md", "LICENSE", "NOTICE"),
    *(f"locks/{name}.txt" for name in ("build", "runtime", "gpu", "openvino")),
)
_TIME = (1980, 1, 1, 0, 0, 0)  # A fixed time makes zips of equal contents identical.
_FILE, _PROGRAM = 0o100644, 0o100755


def make(checkout: Path, folder: Path, console: Console) -> None:
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
            for path, name in _entries(checkout, origin):
                _add(archive, name, path.read_bytes(), program=path.suffix == ".py" and name.count("/") == 1)
            about = {"version": version(checkout), "core": core_hash(checkout)}
            _add(archive, f"{_PLUGIN}/{_SOURCE}/{_ABOUT}", json.dumps(about).encode(), program=False)
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
