"""Read picture files: open them, decode them to arrays of numbers, and find out what they are."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from dioptre.contract import EmbeddedDepth

from .. import problems
from ..budget import Budget, budget_of
from ..formats import FORMATS, recognise
from ..formats.by_libvips import refusal
from ..formats.decoded import Decoded, OpenFile, require_finite
from ..metadata import containers
from ..picture import Format, Source
from ..vips import vips

_START = 1 << 16  # number of leading bytes from which the format is recognised
_TICK_NS = 2_000_000_000  # resolution of file times on FAT, the coarsest of all file systems
_PART_BYTES = 1 << 20
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def decode(path: Path, *, max_megapixels: float | None = None, depth: bool = False) -> Decoded:
    """Decode a picture file; if it contains several pictures, decode the first.

    Args:
        path: the file.
        max_megapixels: largest picture size; None for the user's setting.
        depth: also read the depth in the file; see `read_embedded_depth`.

    Raises:
        MissingFile: the file does not exist.
        UnreadableFile: the file cannot be read, or changes while it is being read.
        NotAPicture: the format is unknown or unsupported.
        DamagedPicture: the file is damaged or incomplete.
        PictureTooLarge: the picture exceeds a limit.
        NotEnoughMemory: too little memory is free.
    """
    with opened(path) as file, _unchanged(file, path) as sha256:
        begun = _begun(file, path, budget_of(file, path, max_megapixels=max_megapixels))
        decoded = _decode_open(begun)
        decoded.sha256 = sha256
        decoded.source = replace(decoded.source, credentials=containers.has_credentials(file))
        decoded.depth = _depth(begun) if depth else None
    require_finite(decoded, path)
    return decoded


def describe(path: Path) -> Source:
    """Read a picture file's properties without its pixels. Raises the errors of `decode`."""
    with opened(path) as file:
        return _decode_open(_begun(file, path, None)).source


def read_embedded_depth(path: str | os.PathLike[str]) -> EmbeddedDepth | None:
    """Read the depth in a HEIC or JPEG file.

    Returns:
        The depth; None if there is none, it is damaged, it has far more pixels than the photo, or reading it would
        exceed the file's budget.

    Raises:
        MissingFile: the file does not exist.
        UnreadableFile: the file cannot be read.
    """
    with opened(Path(path)) as file:
        return _depth(_begun(file, Path(path), None))


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a regular file for reading; FIFOs and devices are refused without waiting.

    Raises:
        MissingFile: the path does not exist or is not a regular file.
        UnreadableFile: the file cannot be read.
    """
    try:
        with os.fdopen(os.open(path, _OPEN), "rb") as file:
            kind = os.fstat(file.fileno()).st_mode
            if stat.S_ISDIR(kind):
                raise IsADirectoryError
            if not stat.S_ISREG(kind):
                raise problems.not_a_file(path)
            yield file
    except OSError as error:
        if isinstance(error, PermissionError) and path.is_dir():  # on Windows, opening a folder raises this
            raise problems.reading(IsADirectoryError(), path) from error
        raise problems.reading(error, path) from error
    except ValueError as error:  # the path has a NUL byte, or characters that the file system cannot encode
        if isinstance(error, UnicodeError) or "\0" in str(path):
            raise problems.reading(FileNotFoundError(), path) from error
        raise


@contextmanager
def _unchanged(file: BinaryIO, path: Path) -> Iterator[str]:
    """Yield the sha256 of an open file, and check at the end of the block that the file is unchanged.

    Raises:
        UnreadableFile: the file has changed.
    """
    before = _state(file)
    sha256 = _sha256(file)
    yield sha256
    recent = abs(time.time_ns() - before[1]) < _TICK_NS  # a later change may not alter the file's time
    # Different times need not mean different bytes: a backup or a new hard link also changes them.
    if (recent or _state(file) != before) and _sha256(file) != sha256:
        raise problems.changed(path)


def _state(file: BinaryIO) -> tuple[int, int, int]:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while part := file.read(_PART_BYTES):
        digest.update(part)
    file.seek(0)
    return digest.hexdigest()


def _decode_open(opened: OpenFile) -> Decoded:
    """Decode a file within a budget; without a budget, read only its properties."""
    kind, name = recognise(opened.start), problems.shown(opened.path)
    if not opened.start:
        raise problems.NotAPicture(
            "{name} is empty.", hint="Copy it again from the camera or its source.", name=name
        )
    if kind is None:
        raise problems.NotAPicture(
            "Dioptre cannot read {name} as a picture.",
            hint="Export it in one of these formats: {formats}.",
            name=name,
            formats=" and ".join(", ".join(each.value for each in Format).rsplit(", ", 1)),
        )
    try:
        return FORMATS[kind].read(opened)
    except vips().Error as error:
        raise refusal(error, opened.path, kind.value) from error


def _depth(opened: OpenFile) -> EmbeddedDepth | None:
    kind = recognise(opened.start)
    try:
        return None if kind is None else FORMATS[kind].read_depth(opened)
    except (problems.PictureTooLarge, problems.NotEnoughMemory):
        return None


def _begun(file: BinaryIO, path: Path, budget: Budget | None) -> OpenFile:
    start = file.read(_START)
    file.seek(0)
    return OpenFile(file=file, path=path, start=start, budget=budget)
