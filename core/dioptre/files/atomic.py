"""Write sets of files completely or not at all.

Everything is first written to temporary files in the destination folder, so that the last step is a rename on the
same disk. When all files are complete and on the disk, they are renamed in the order in which they were opened: the
recipe, which lists the others with their sha256, is opened last. Without `force`, an existing file is never
replaced, not even one that appears during the work.

A killed process leaves its temporary files and possibly part of the set. Its entry in the user's own journal
records them; the next writer to that folder undoes the partial set and removes the files. Nothing in the folder
itself is trusted.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from io import BufferedRandom
from pathlib import Path

from . import journal, leftovers, problems
from .folder import Folder, Stamp, sync
from .leftovers import Move, temporary_name

InputFiles = Path | Sequence[Path]
"""The file or files from which a result is computed."""


_DEVICES = frozenset(
    ("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", *(f"{name}{n}" for name in ("COM", "LPT") for n in range(10)))
)


@dataclass(frozen=True, kw_only=True)
class _File:
    name: str
    temporary: int
    stream: BufferedRandom


class Staging:
    """A set of files in one folder that are published together."""

    def __init__(self, folder: Folder, *, force: bool, permissions_of: InputFiles) -> None:
        self._folder = folder
        self._force = force
        self._allowed, self._group = _permissions(permissions_of)
        self._entry = journal.begin()
        self._token = journal.new_token() if self._entry is None else self._entry.token
        self._files: list[_File] = []
        self._inodes: dict[int, int] = {}
        self._replaced: dict[int, int] = {}
        self._complete: dict[str, Future[tuple[int, str]]] = {}
        self._beside = ThreadPoolExecutor(1)
        self._note(folder=str(folder.path.absolute()), device=folder.device, inode=folder.inode)

    def open(self, name: str) -> BufferedRandom:
        """Create a file of the set for writing and reading, and leave it open.

        Args:
            name: the file's final name.

        Raises:
            FileExists: the name is taken and `force` is off. Raised before any work is done.
            UnwritableFile: a folder has this name, or the system does not support the name.
            ValueError: the name is already in the set.
        """
        if any(file.name == name for file in self._files):
            raise ValueError(f"{name} is already in the set")
        check_free(self._folder.path / name, force=self._force)
        number = len(self._inodes)
        descriptor = self._folder.create(temporary_name(self._token, number), mode=self._allowed)
        self._inodes[number] = os.fstat(descriptor).st_ino
        self._note(temporary=number, inode=self._inodes[number])
        stream = os.fdopen(descriptor, "w+b")
        self._files.append(_File(name=name, temporary=number, stream=stream))
        if sys.platform != "win32" and self._group not in (None, os.fstat(descriptor).st_gid):
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            # The system assigned a different group, which must not get more permissions than all other users.
            os.fchmod(descriptor, mode & ~0o070 | (mode & 0o007) << 3)
        return stream

    def complete(self, name: str) -> None:
        """Flush a finished file to disk and hash it in the background while others are written."""
        stream = next(file.stream for file in self._files if file.name == name)
        stream.flush()
        self._complete[name] = self._beside.submit(_settled, stream)

    def size_and_sha256(self, name: str) -> tuple[int, str]:
        """Wait for a file that was passed to `complete`, and return its size in bytes and its sha256."""
        return self._complete[name].result()

    def publish(self) -> None:
        """Rename all files to their final names; if one fails, restore the previous files and raise."""
        moves = [self._finished(file) for file in self._files]
        self._note(moves=[move.to_note() for move in moves])
        if self._entry is not None:
            self._entry.sync()
        placed: set[str] = set()
        try:
            for index, move in enumerate(moves):
                if index and move is moves[-1]:
                    self._folder.sync()  # after a power failure the recipe must not exist without its files
                moves[index] = self._kept(move)
                self._place(move)
                placed.add(move.name)
            self._folder.sync()
        except BaseException:
            with suppress(OSError):
                leftovers.take_back(self._folder, moves, token=self._token, placed=placed, whole_stays=False)
            raise

    def discard(self) -> None:
        """Remove the remaining temporary files; the journal keeps its entry until all are removed."""
        self._beside.shutdown()
        for file in self._files:
            with suppress(OSError):
                file.stream.close()
        gone = leftovers.remove(self._folder, self._inodes, kept=self._replaced, token=self._token)
        if self._entry is None:
            return
        if gone:
            self._entry.drop()
        else:
            self._entry.close()

    def _finished(self, file: _File) -> Move:
        """Flush the file to disk, and choose a temporary name for the file that it replaces."""
        if file.name in self._complete:
            self._complete[file.name].result()
        else:
            file.stream.flush()
            sync(file.stream.fileno())
        file.stream.close()
        there = self._folder.stat(temporary_name(self._token, file.temporary))
        if there is None or there.st_ino != self._inodes[file.temporary]:
            raise FileNotFoundError(2, "It was removed while it was written", file.name)
        old = self._folder.stat(file.name) if self._force else None
        if old is None:
            return Move(name=file.name, temporary=file.temporary, stamp=Stamp.of(there))
        kept = len(self._inodes) + len(self._replaced)
        self._replaced[kept] = old.st_ino
        return Move(
            name=file.name,
            temporary=file.temporary,
            stamp=Stamp.of(there),
            kept=kept,
            kept_stamp=Stamp.of(old),
        )

    def _kept(self, move: Move) -> Move:
        """Also give the file being replaced a temporary name, so that it can be restored later."""
        if move.kept is None:
            return move
        kept = temporary_name(self._token, move.kept)
        try:
            self._folder.link(move.name, kept)
        except OSError:  # the file system has no hard links
            self._folder.move(move.name, kept)
        there = self._folder.stat(kept)
        if there is None:
            return move
        self._replaced[move.kept] = there.st_ino  # read again: another writer may have replaced the file
        return replace(move, kept_stamp=Stamp.of(there))

    def _place(self, move: Move) -> None:
        temporary = temporary_name(self._token, move.temporary)
        if self._force:
            self._folder.replace(temporary, move.name)
            return
        try:
            self._folder.move(temporary, move.name)
        except FileExistsError:
            raise _exists(self._folder.path / move.name) from None

    def _note(self, **what: object) -> None:
        if self._entry is not None:
            self._entry.note(**what)


@contextmanager
def staged(path: Path, *, force: bool, permissions_of: InputFiles = ()) -> Iterator[Staging]:
    """Collect files for a folder and publish them when the block ends without an exception.

    After an error, no file of the set remains, nor any folder that was created for it.

    Args:
        path: the folder; created if missing.
        force: replace existing files.
        permissions_of: input files; only users who can read all of them can read the set.

    Raises:
        UnwritableFile: the folder cannot be created or written to.
        FileExists: a file already exists and `force` is off.
    """
    created = _create_folder(path)
    try:
        folder = Folder(path)
    except (OSError, ValueError) as error:
        _remove_folders(created)
        raise problems.writing(error, path) from error
    try:
        leftovers.clean(folder)
        staging = Staging(folder, force=force, permissions_of=permissions_of)
        try:
            yield staging
            staging.publish()
        finally:
            staging.discard()
        _sync_parents(created)
    except OSError as error:
        _remove_folders(created)
        raise problems.writing(error, path / error.filename2 if error.filename2 else path) from error
    except BaseException:
        _remove_folders(created)
        raise
    finally:
        folder.close()


@contextmanager
def replacing(path: Path, *, force: bool, permissions_of: InputFiles = ()) -> Iterator[BufferedRandom]:
    """Yield a stream for one file, which is published when the block ends without an exception.

    Args:
        path: the file.
        force: replace an existing file.
        permissions_of: as in `staged`.

    Raises:
        UnwritableFile: the file cannot be written.
        FileExists: the file exists and `force` is off.

    >>> with replacing(Path("out.txt"), force=False) as stream:  # doctest: +SKIP
    ...     stream.write(b"whole or not at all")
    """
    check_name(path)
    with staged(path.parent, force=force, permissions_of=permissions_of) as staging:
        yield staging.open(path.name)


def _settled(stream: BufferedRandom) -> tuple[int, str]:
    sync(stream.fileno())
    stream.seek(0)
    digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return stream.tell(), digest


def check_free(path: Path, *, force: bool) -> None:
    """Raise FileExists if `path` exists and `force` is off, or UnwritableFile if it is a folder."""
    check_name(path)
    try:
        if path.is_dir():
            raise problems.UnwritableFile(
                "{file} is a folder.", hint="Specify a file or another output folder.", file=problems.shown(path)
            )
        taken = os.path.lexists(path)
    except OSError as error:
        raise problems.writing(error, path) from error
    if taken and not force:
        raise _exists(path)


def check_name(path: Path) -> None:
    """Raise UnwritableFile if the system does not support such a name."""
    try:
        encoded = os.fsencode(path.name)
    except ValueError as error:
        raise problems.writing(error, path) from error
    refused = not path.name or b"\0" in encoded or len(encoded) > 255
    if refused or (sys.platform == "win32" and not _windows_takes(path.name)):
        raise problems.writing(ValueError("name"), path)


def _windows_takes(name: str) -> bool:
    """Return whether Windows allows a file name; it forbids some characters and the names of devices."""
    device = name.partition(".")[0].rstrip(" ").upper() in _DEVICES
    return not device and name[-1] not in ". " and not any(c in '<>:"|?*' or c < " " for c in name)


def _exists(path: Path) -> problems.FileExists:
    return problems.FileExists(
        "{file} already exists.",
        hint="Use --force to replace it, or choose another folder.",
        file=problems.shown(path),
    )


def _permissions(paths: InputFiles) -> tuple[int, int | None]:
    """Return the widest permissions that a result may have, and the group to which they apply."""
    allowed, groups = 0o666, set()
    for path in (paths,) if isinstance(paths, Path) else paths:
        try:
            found = path.stat()
        except OSError:
            return 0o600, None  # the input is gone, so the permissions are unknown
        allowed &= stat.S_IMODE(found.st_mode) | 0o600
        groups.add(found.st_gid)
    return (allowed if len(groups) < 2 else allowed & ~0o060), next(iter(groups), None)


def _sync_parents(created: list[Path]) -> None:
    for path in created:
        with suppress(OSError):
            parent = Folder(path.parent)
            try:
                parent.sync()
            finally:
                parent.close()


def _create_folder(folder: Path) -> list[Path]:
    """Create `folder` with its parents; return those that were missing, innermost first."""
    created: list[Path] = []
    try:
        missing = folder
        while not missing.exists():
            created.append(missing)
            missing = missing.parent
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        _remove_folders(created)
        raise problems.writing(error, folder) from error
    return created


def _remove_folders(created: list[Path]) -> None:
    for folder in created:
        with suppress(OSError):
            folder.rmdir()
