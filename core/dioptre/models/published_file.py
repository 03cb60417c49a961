"""A published file of weights, and the mirror that users may set instead of the publisher's site.

This module does not import NumPy or JAX, because the worker lists downloads before it loads those libraries.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dioptre_link.errors import UsageError
from dioptre_link.paths import data_dir
from dioptre_link.regular import read_regular

VARIABLE = "DIOPTRE_MODEL_MIRROR"
"""Environment variable that holds a mirror's address; it takes precedence over the setting."""

_MAX_SETTING = 4096  # size limit of the file that stores the mirror's address, in bytes


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A file to download.

    Attributes:
        site: scheme and host of the publisher.
        path: path of the file on the site, and below a mirror's address.
        sha256: SHA-256 of the file, in hexadecimal.
        nbytes: size in bytes.
        exact: whether the size is exact; else it is an estimate.
    """

    site: str
    path: str
    sha256: str
    nbytes: int
    exact: bool = True

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
