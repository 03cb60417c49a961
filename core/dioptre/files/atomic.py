"""Files that are there whole or not at all.

Everything is first written into temporary files in the folder of the results (the same disk, so that the last step
is a rename). When all of it is complete and on the disk, the files get their names, in the order in which they were
opened: the recipe, which lists the others with their sha256, is opened last. Without `force` an existing file is
never replaced, not even one that appears while we work.

A process that is killed leaves its temporary files, and perhaps a part of the set. Its entry in the user's own
journal says so; the next writer into that folder takes the part back and removes the files. Nothing that lies in
the folder itself is believed.
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
"""One file or several from which a result is made."""


_DEVICES = frozenset(
    ("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", *(f"{name}{n}" for name in ("COM", "LPT") for n in range(10)))
)


@dataclass(frozen=True, kw_only=True)
class _File:
    name: str
    temporary: int
    stream: BufferedRandom


class Staging:
    """A set of files for one folder, to be published together."""

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
        """Open the file that will be called `name`, for writing and reading; leave it open.

        Raises FileExists at once where it already exists and `force` is off, so that no work is wasted.
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
            os.fchmod(descriptor, mode & ~0o070 | (mode & 0o007) << 3)  # the group is another one: as all others
        return stream

    def complete(self, name: str) -> None:
        """Bring a file to the disk and hash it while others are written; nothing is written into it any more."""
        stream = next(file.stream for file in self._files if file.name == name)
        stream.flush()
        self._complete[name] = self._beside.submit(_settled, stream)

    def size_and_sha256(self, name: str) -> tuple[int, str]:
        """Of a file that is complete."""
        return self._complete[name].result()

    def publish(self) -> None:
        """Give the files their names; when one cannot have it, put back what was there and raise."""
        moves = [self._finished(file) for file in self._files]
        self._note(moves=[move.to_note() for move in moves])
        if self._entry is not None:
            self._entry.sync()
        placed: set[str] = set()
        try:
            for index, move in enumerate(moves):
                if index and move is moves[-1]:
                    self._folder.sync()  # the recipe never lasts longer than what it speaks of
                moves[index] = self._kept(move)
                self._place(move)
                placed.add(move.name)
            self._folder.sync()
        except BaseException:
            with suppress(OSError):
                leftovers.take_back(self._folder, moves, token=self._token, placed=placed, whole_stays=False)
            raise

    def discard(self) -> None:
        """Remove the remaining temporary files; the journal keeps its entry until all are gone."""
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
        """Bring the file to the disk, and choose a temporary name for what it replaces."""
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
        """Keep what has the name under a temporary one too, for the case that the set cannot be completed."""
        if move.kept is None:
            return move
        kept = temporary_name(self._token, move.kept)
        try:
            self._folder.link(move.name, kept)
        except OSError:  # a file system without hard links
            self._folder.move(move.name, kept)
        there = self._folder.stat(kept)
        if there is None:
            return move
        self._replaced[move.kept] = there.st_ino  # of another writer's file, where one came between
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
    """Collect files for the folder `path` (created where missing) and publish them when the block ends well.

    permissions_of: files that some may not read; they may not read the set either. Raises UnwritableFile or
    FileExists. After any error nothing of the set is left, not even a folder that was created for it.
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
    """Write one file: yields a stream; the file gets its name when the block ends well. See `staged`.

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
    """Raise FileExists where `path` is taken and `force` is off, UnwritableFile where it is a folder."""
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
    """Raise UnwritableFile where the system cannot hold such a name."""
    try:
        encoded = os.fsencode(path.name)
    except ValueError as error:
        raise problems.writing(error, path) from error
    refused = not path.name or b"\0" in encoded or len(encoded) > 255
    if refused or (sys.platform == "win32" and not _windows_takes(path.name)):
        raise problems.writing(ValueError("name"), path)


def _windows_takes(name: str) -> bool:
    """Whether a file may be called so there: some characters are refused, and some names are devices'."""
    device = name.partition(".")[0].rstrip(" ").upper() in _DEVICES
    return not device and name[-1] not in ". " and not any(c in '<>:"|?*' or c < " " for c in name)


def _exists(path: Path) -> problems.FileExists:
    return problems.FileExists(
        "{file} already exists.",
        hint="Use --force to replace it, or choose another folder.",
        file=problems.shown(path),
    )


def _permissions(paths: InputFiles) -> tuple[int, int | None]:
    """The permissions that a result may have at most, and the group that they are for."""
    allowed, groups = 0o666, set()
    for path in (paths,) if isinstance(paths, Path) else paths:
        try:
            found = path.stat()
        except OSError:
            return 0o600, None  # it is gone: nobody knows who might read it
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
