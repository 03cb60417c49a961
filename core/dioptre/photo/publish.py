"""Save sets of files completely or not at all.

Everything is first written to temporary files beside the final names, so that the last step is a rename on the same
disk. When all files are complete and on the disk, they are renamed in the order in which they were opened: the
recipe, which lists the others with their sha256, is opened last. Without `force`, an existing file is never
replaced, not even one that appears during the work. With it, the existing file also gets a temporary name until the
whole set is there.

A killed process leaves its temporary files and possibly part of the set. The journal in the user's own data folder
has an entry for each writer, of two lines: the folder; and, before any file is renamed, the names and stamps of all
files. The next writer to that folder undoes a partial set and removes the temporary files. Nothing in the folder
itself is trusted, because others can put files there, through an archive or a shared folder.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import secrets
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import Any

from dioptre_link.files import is_private, lock, private_folder
from dioptre_link.paths import data_dir

from . import problems
from .folder import CREATE, OPEN, Folder, sync

InputFiles = Path | Sequence[Path]
"""The file or files from which a result is computed."""

_OLD = "-old"  # at the end of the temporary name of a file that is being replaced
_KEPT_S = 90 * 24 * 3600.0  # age from which an entry is dropped; the disk with its folder is assumed to be gone
_DEVICES = frozenset(
    ("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", *(f"{name}{n}" for name in ("COM", "LPT") for n in range(10)))
)


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
    missing: list[Path] = []
    try:
        missing += [each for each in (path, *path.parents) if not each.exists()]  # innermost first
        with closing(_made(path)) as folder:
            _clean(folder)
            staging = Staging(folder, force=force, permissions_of=permissions_of)
            try:
                yield staging
                staging.publish()
            finally:
                staging.discard()
        for each in missing:
            with suppress(OSError), closing(Folder(each.parent)) as parent:
                parent.sync()
    except BaseException as error:
        for each in missing:
            with suppress(OSError):
                each.rmdir()
        if isinstance(error, OSError):
            raise problems.writing(error, path / error.filename2 if error.filename2 else path) from error
        raise


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


def _made(path: Path) -> Folder:
    """Open a folder, after creating it with its parents; raise OSError if that is impossible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        return Folder(path)
    except ValueError as error:  # the name has a NUL byte
        raise problems.writing(error, path) from error


@dataclass(kw_only=True)
class _Member:
    """A file of a set.

    Attributes:
        name: its final name.
        temporary: its temporary name.
        stream: its content, open until it is finished.
        inode: its number on the disk.
        complete: what `size_and_sha256` returns, once the file is on the disk; None if nobody asked for it.
    """

    name: str
    temporary: str
    stream: BufferedRandom
    inode: int
    complete: Future[tuple[int, str]] | None = None


class Staging:
    """A set of files in one folder that are published together."""

    def __init__(self, folder: Folder, *, force: bool, permissions_of: InputFiles) -> None:
        self._folder = folder
        self._force = force
        self._allowed, self._group = _permissions(permissions_of)
        self._entry = _begin(folder)
        self._members: dict[str, _Member] = {}
        self._beside = ThreadPoolExecutor(1)
        self._mixed = False  # whether the folder may hold a part of the set

    def open(self, name: str) -> BufferedRandom:
        """Create a file of the set for writing and reading, and leave it open.

        Args:
            name: the file's final name.

        Raises:
            FileExists: the name is taken and `force` is off. Raised before any work is done.
            UnwritableFile: a folder has this name, or the system does not support the name.
            ValueError: the name is already in the set.
        """
        if name in self._members:
            raise ValueError(f"{name} is already in the set")
        check_free(self._folder.path / name, force=self._force)
        temporary = self._entry.temporary(len(self._members))
        descriptor = self._folder.create(temporary, mode=self._allowed)
        found = os.fstat(descriptor)
        stream = os.fdopen(descriptor, "w+b")
        self._members[name] = _Member(name=name, temporary=temporary, stream=stream, inode=found.st_ino)
        if sys.platform != "win32" and self._group not in (None, found.st_gid):
            # The system assigned a different group, which must not get more permissions than all other users.
            mode = stat.S_IMODE(found.st_mode)
            with suppress(OSError):  # the drive gives all of its files the same permissions
                os.fchmod(descriptor, mode & ~0o070 | (mode & 0o007) << 3)
        return stream

    def complete(self, name: str) -> None:
        """Flush a finished file to disk and hash it in the background while others are written."""
        member = self._members[name]
        member.stream.flush()
        member.complete = self._beside.submit(_synced, member.stream)

    def size_and_sha256(self, name: str) -> tuple[int, str]:
        """Wait for a file that was passed to `complete`, and return its size in bytes and its sha256."""
        complete = self._members[name].complete
        assert complete is not None
        return complete.result()

    def publish(self) -> None:
        """Rename all files to their final names; if one fails, restore the previous files and raise."""
        members = list(self._members.values())
        stamps = {member.name: self._finish(member) for member in members}
        placed: set[str] = set()
        with _turn():
            self._entry.note([{"name": name, "stamp": stamp} for name, stamp in stamps.items()])
            self._mixed = True
            try:
                for member in members:
                    if placed and member is members[-1]:
                        self._folder.sync()  # after a power failure the recipe must not exist without its files
                    self._place(member)
                    placed.add(member.name)
                self._folder.sync()
            except BaseException:
                with suppress(OSError):  # the next writer tries again
                    _take_back(self._folder, self._entry, stamps, placed | _placed(self._folder, stamps))
                    self._mixed = False
                raise
            self._mixed = False

    def discard(self) -> None:
        """Remove the remaining temporary files; the journal keeps its entry until all are removed."""
        self._beside.shutdown()
        for member in self._members.values():
            with suppress(OSError):
                member.stream.close()
        if not self._mixed:
            with suppress(OSError):
                _remove(self._folder, self._entry, len(self._members))
                self._entry.drop()
        self._entry.close()

    def _finish(self, member: _Member) -> list[int]:
        """Flush a file to disk, and return its stamp."""
        if member.complete is not None:
            member.complete.result()
        else:
            member.stream.flush()
            sync(member.stream.fileno())
            member.stream.close()
        there = self._folder.stat(member.temporary)
        if there is None or there.st_ino != member.inode:
            raise problems.writing(OSError(errno.EBUSY, "removed"), self._folder.path / member.name)
        return _stamp(there)

    def _place(self, member: _Member) -> None:
        """Give a file its final name. A file that it replaces also gets a temporary name first."""
        path, kept = self._folder.path / member.name, member.temporary + _OLD
        try:
            if not self._force:
                self._folder.move(member.temporary, member.name)
            elif self._folder.stat(member.name) is None:
                self._folder.replace(member.temporary, member.name)
            else:
                try:
                    self._folder.link(member.name, kept)
                except OSError:  # the file system has no hard links
                    self._folder.replace(member.name, kept)
                self._folder.replace(member.temporary, member.name)
        except OSError as error:
            if isinstance(error, FileExistsError) and not self._force:
                raise already_exists(path) from None
            raise problems.replacing(error, path) from error


def _synced(stream: BufferedRandom) -> tuple[int, str]:
    sync(stream.fileno())
    stream.seek(0)
    digest = hashlib.file_digest(stream, "sha256").hexdigest()
    size = stream.tell()
    stream.close()  # a system limits the number of open files
    return size, digest


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


class _Entry:
    """The notes of one writer: a file that only this user may write, locked while the writer runs.

    Its random name is part of the names of the writer's temporary files. Nothing is noted or locked if the journal
    is not private, because other users could forge notes and hold locks for ever, if it is full, or on a disk
    without locks.
    """

    def __init__(self, name: str, flags: int, *, wait: bool = True) -> None:
        """Open and lock a file of the journal; without `wait`, only if no running writer holds it."""
        self.path = _journal() / name
        self.descriptor = -1
        with suppress(OSError):
            if private_folder(self.path.parent):
                descriptor = os.open(self.path, flags, 0o600)
                if lock(descriptor, wait=wait):
                    self.descriptor = descriptor
                    return
                os.close(descriptor)
                if wait:
                    self.path.unlink()

    def temporary(self, number: int) -> str:
        """Return the name of a temporary file of the writer."""
        return f".dioptre-{self.path.stem}-{number}"

    def note(self, what: Any) -> None:
        """Append a line and wait until it is on the disk. If that fails, a recovery does without the note."""
        with suppress(OSError):
            os.write(self.descriptor, json.dumps(what).encode() + b"\n")
            os.fsync(self.descriptor)

    def drop(self) -> None:
        """Remove the entry. Call this only once none of its writer's temporary files remain."""
        if sys.platform == "win32":  # an open file cannot be removed
            self.close()
        with suppress(OSError):
            self.path.unlink()
        self.close()

    def close(self) -> None:
        """Release the lock."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _journal() -> Path:
    return data_dir() / "writing"


def _turn() -> closing[_Entry]:
    """Let one process of this user at a time rename files, so that the sets of two writers never mix."""
    return closing(_Entry("lock", OPEN | os.O_CREAT))


def _begin(folder: Folder) -> _Entry:
    entry = _Entry(f"{secrets.token_hex(16)}.jsonl", CREATE)
    entry.note({"folder": str(folder.path.absolute()), "device": folder.device, "inode": folder.inode})
    return entry


def _clean(folder: Folder) -> None:
    """Clean up after this user's killed writers in `folder`: undo partial sets and remove temporary files."""
    with suppress(OSError):
        for path in sorted(_journal().glob("*.jsonl")) if is_private(_journal()) else ():
            with (
                suppress(OSError, ValueError, TypeError, KeyError),
                closing(_Entry(path.name, OPEN, wait=False)) as entry,
            ):
                if entry.descriptor >= 0:
                    _recover(folder, entry)


def _recover(folder: Folder, entry: _Entry) -> None:
    """Undo what the entry's dead writer left in `folder`, unless the entry concerns another folder."""
    if time.time() - os.fstat(entry.descriptor).st_mtime > _KEPT_S:
        entry.drop()
        return
    *lines, _ = entry.path.read_bytes().split(b"\n")  # without a truncated last one
    where, *notes = map(json.loads, lines)
    same_path = where["folder"] == str(folder.path.absolute())  # a disk's number may change on remounting
    if where["inode"] != folder.inode or not (where["device"] == folder.device or same_path):
        return
    stamps = {str(note["name"]): note["stamp"] for note in (notes or [[]])[-1]}
    with _turn():
        placed = _placed(folder, stamps)
        if len(placed) < len(stamps):
            _take_back(folder, entry, stamps, placed)
    _remove(folder, entry, len(stamps))
    entry.drop()


def _placed(folder: Folder, stamps: Mapping[str, list[int]]) -> set[str]:
    """Return the names where the writer's files are, and unchanged, of those that it was to place."""
    found = {name: folder.stat(name) for name in stamps}
    return {name for name, there in found.items() if there and _is_ours(there) and _stamp(there) == stamps[name]}


def _take_back(folder: Folder, entry: _Entry, names: Iterable[str], placed: Set[str]) -> None:
    """Undo a partially published set: remove its files in `placed`, and restore the files that it replaced."""
    for number, name in enumerate(names):
        kept = entry.temporary(number) + _OLD
        if folder.stat(kept) is not None and (name in placed or folder.stat(name) is None):
            folder.replace(kept, name)
        elif name in placed:
            folder.unlink(name)


def _remove(folder: Folder, entry: _Entry, count: int) -> None:
    """Remove a writer's temporary files, at least `count`, and the files that it replaced.

    Others can put files of these names there once they have seen one. Only regular files of this user are removed,
    except a replaced file, which may be a link or belong to another user.
    """
    names = (entry.temporary(number) for number in itertools.count())
    every = itertools.takewhile(lambda known: known[0] < count or folder.stat(known[1]), enumerate(names))
    for _, name in reversed(list(every)):  # the first last: it says that there are more
        if (there := folder.stat(name)) is not None and _is_ours(there):
            folder.unlink(name)
        if folder.stat(name + _OLD) is not None:
            folder.unlink(name + _OLD)


def _is_ours(found: os.stat_result) -> bool:
    """Return whether this is a regular file of this user."""
    owned = sys.platform == "win32" or found.st_uid == os.geteuid()
    return owned and stat.S_ISREG(found.st_mode)


def _stamp(found: os.stat_result) -> list[int]:
    """Return what distinguishes a file from all others and from changed versions of itself."""
    return [found.st_ino, found.st_size, found.st_mtime_ns]


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
        raise already_exists(path)


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


def already_exists(path: Path) -> problems.FileExists:
    """Return the error for a file that may not be replaced."""
    return problems.FileExists(
        "{file} already exists.",
        hint="Use --force to replace it, or choose another folder.",
        file=problems.shown(path),
    )
