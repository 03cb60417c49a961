"""The files of a release: an archive for each system, the plug-ins' zips, the wheel and their SHA-256 sums.

An archive holds the checkout without its tests, and uv, which brings a Python where there is none.
`dioptre-krita.zip` is for Krita's Tools ▸ Scripts ▸ Import Python Plugin from File… and from Web…;
`dioptre-gimp.zip` is unpacked into GIMP's plug-in folder. In both, the folder `source` next to the plug-in is a
checkout without plug-ins and tests, with uv's wheels; `dioptre_link.editing.first_start` installs from it.
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import trees
from .bundle import NAMES
from .console import Console, Failure
from .environment import Folders, Installer, core_hash, version

_VERSION = b"3.13\n"  # The CPython that uv brings where a computer has none.
SUMS = "SHA256SUMS"
_PLUGIN, _LINK, _SOURCE = "dioptre", "dioptre_link", "source"
_CHECKOUT = (
    *("install.py", "installer", "core", "weights", "pyproject.toml", "hatch_build.py"),
    *("README.md", "LICENSE", "NOTICE"),
    *(f"locks/{name}.txt" for name in ("build", "runtime", "exr", "gpu", "mp4")),
)
_TIME = (1980, 1, 1, 0, 0, 0)  # A fixed time makes zips of equal contents identical.
_FILE, _PROGRAM = 0o100644, 0o100755
_PROGRAMS = ("uv", "install.sh", "install.command", "install.py")


def make(where: Folders, console: Console, installer: Installer, folder: Path) -> None:
    """Create the release in `folder`, which must not exist yet and appears only once it is complete.

    Args:
        where: Folders of this installation.
        console: Reports progress.
        installer: Fetches uv's wheels and builds Dioptre's.
        folder: Folder to create.

    Raises:
        Failure: The folder exists, or uv's wheels cannot be had.
    """
    name = f"{_PLUGIN}-{version(where.checkout)}"
    uv = where.uv
    with tempfile.TemporaryDirectory() as scratch, trees.new_folder(folder) as new:
        wheels: dict[str, Path] = {}
        for system, tag in uv.PLATFORMS.items():
            console.step(f"Fetching uv for {system}")
            installer.download("uv", Path(scratch) / system, platform=tag)
            wheels[system] = next((Path(scratch) / system).glob("uv-*.whl"))
        for system, wheel in wheels.items():
            console.step(f"Packing the archive for {system}")
            unpacked = uv.unpack(wheel, Path(scratch) / system / "unpacked").parent
            files = [
                (path, path.relative_to(where.checkout)) for each in NAMES for path in _files(where.checkout / each)
            ]
            files += [(path, Path(uv.FOLDER, path.name)) for path in _files(unpacked)]
            contents = [(f"{name}/{inside.as_posix()}", path.read_bytes()) for path, inside in files]
            contents.append((f"{name}/{uv.FOLDER}/{uv.VERSION}", _VERSION))
            write, ending = (_write_tar, "tar.gz") if system == "linux" else (_write_zip, "zip")
            write(new / f"{name}-{system}.{ending}", contents)
        make_zips(where.checkout, new, console, [*wheels.values()])
        console.step("Building the wheel")
        installer.build_wheel(new)
        paths = sorted(new.iterdir())
        sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths)
        (new / SUMS).write_text(sums, encoding="ascii", newline="\n")
    for path in paths:
        console.say(f"{folder / path.name}: {(folder / path.name).stat().st_size / 1e6:.0f} MB")


def _write_zip(target: Path, contents: Iterable[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents:
            _add(archive, name, content, program=posixpath.basename(name) in _PROGRAMS)


def _write_tar(target: Path, contents: Iterable[tuple[str, bytes]]) -> None:
    with tarfile.open(target, "w:gz", compresslevel=6) as archive:
        for name, content in contents:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = (_PROGRAM if posixpath.basename(name) in _PROGRAMS else _FILE) & 0o777
            archive.addfile(entry, io.BytesIO(content))


def make_zips(checkout: Path, folder: Path, console: Console, wheels: Iterable[Path] = ()) -> None:
    """Write the plug-ins' zips into `folder`, replacing older ones.

    Args:
        checkout: The checkout.
        folder: Folder of the zips.
        console: Reports progress.
        wheels: uv's wheels; without them, the plug-in can install Dioptre only where there is a Python.

    Raises:
        Failure: The checkout is incomplete.
    """
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
            inside = f"{_PLUGIN}/{_SOURCE}/uv"
            for path, name in [
                *_entries(checkout, origin),
                *((wheel, f"{inside}/{wheel.name}") for wheel in wheels),
            ]:
                content = path.read_bytes()
                _add(archive, name, content, program=path.suffix == ".py" and name.count("/") == 1)
                hashes[posixpath.relpath(name, _PLUGIN)] = hashlib.sha256(content).hexdigest()
            about = json.dumps({"version": version(checkout), "core": core_hash(checkout)}).encode()
            for name, content in ((f"{_SOURCE}/about.json", about), (f"{_SOURCE}/uv/version", _VERSION)):
                _add(archive, f"{_PLUGIN}/{name}", content, program=False)
                hashes[name] = hashlib.sha256(content).hexdigest()
            # As the installer writes it.
            _add(archive, f"{_PLUGIN}/{_LINK}/written.json", json.dumps(hashes).encode(), program=False)
        part.replace(target)


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
    compressed = "/weights/" in name or name.endswith(".whl")
    entry.compress_type = zipfile.ZIP_STORED if compressed else zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
