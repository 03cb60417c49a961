"""A file of weights as its publisher offers it, and the mirror that a user may set in the publisher's place.

Imports neither NumPy nor JAX: the worker lists what can be fetched before they are there.
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
"""Environment variable: the address of a mirror; it comes before the setting."""

_MAX_SETTING = 4096  # bytes


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """One file to download.

    site: scheme and host of the publisher. path: of the file there; the same below a mirror's address.
    sha256: in hexadecimal. nbytes: its size. exact: whether that size is known; else it is an estimate.
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
        """How to get it by hand."""
        return f"{self.site}{self.path}"

    @property
    def address(self) -> str:
        """Where it is downloaded from: the mirror, where one is set, else the publisher."""
        return (mirror() or self.site) + self.path


def mirror() -> str:
    """The address of the user's mirror, without a slash at its end; "" where none is set.

    Raises UsageError for an address that is none.
    """
    chosen = os.environ.get(VARIABLE, "").strip()
    if not chosen:
        try:
            chosen = read_regular(_setting(), most=_MAX_SETTING).decode("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            chosen = ""
    return checked_mirror(chosen) if chosen else ""


def set_mirror(address: str) -> None:
    """Keep the address of a mirror; "" goes back to the publishers. Raises UsageError for an invalid one."""
    if not address:
        _setting().unlink(missing_ok=True)
        return
    checked = checked_mirror(address)
    _setting().parent.mkdir(parents=True, exist_ok=True)
    _setting().write_text(checked + "\n", encoding="utf-8")


def checked_mirror(address: str) -> str:
    """The address without a slash at its end. Raises UsageError unless it is one of the web's."""
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
            hint="Give one such as https://example.org/weights.",
            address=address[:200],
        )
    return address.rstrip("/")


def _setting() -> Path:
    return data_dir() / "model-mirror"
