"""Save sets of files completely or not at all.

Everything is first written to temporary files in the destination folder, so that the last step is a rename on the
same disk. When all files are complete and on the disk, they are renamed in the order in which they were opened: the
recipe, which lists the others with their sha256, is opened last. Without `force`, an existing file is never
replaced, not even one that appears during the work.

A killed process leaves its temporary files and possibly part of the set. The journal in the user's own data folder
records them: first the folder, then each temporary file, and finally, before any file is renamed, all of them as
they are to be placed. The next writer to that folder undoes a partial set and removes the files. Nothing in the
folder itself is trusted, because others can put files there, through an archive or a shared folder.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import stat
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedRandom
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from dioptre_link.files import is_private, lock
from dioptre_link.paths import data_dir

from . import problems

InputFiles = Path | Sequence[Path]
"""The file or files from which a result is computed."""

_BEGINNING_S = 600.0  # age from which an entry without a note is dropped; notes usually follow within microseconds
_KEPT_S = 90 * 24 * 3600.0  # age from which any entry is dropped; the disk with its folder is assumed to be gone
OPEN = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
"""Flags that open a file for reading and writing, but do not follow a link."""
CREATE = OPEN | os.O_CREAT | os.O_EXCL
"""Flags that create a new file."""
_FOLDER = getattr(os, "O_DIRECTORY", 0)
_BY_DESCRIPTOR = {os.open, os.stat, os.unlink, os.link, os.rename} <= os.supports_dir_fd
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOSYS}  # errors of systems that cannot sync folders
_RENAME_NOREPLACE, _RENAME_EXCL = 1, 4  # of Linux' renameat2 and macOS' renameatx_np
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
    created: list[Path] = []
    try:
        folder = _created(path, created)
        try:
            _clean(folder)
            staging = Staging(folder, force=force, permissions_of=permissions_of)
            try:
                yield staging
                staging.publish()
            finally:
                staging.discard()
        finally:
            folder.close()
        for each in created:
            with suppress(OSError), Folder(each.parent) as parent:
                parent.sync()
    except BaseException as error:
        for each in created:
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


def _created(path: Path, created: list[Path]) -> Folder:
    """Open a folder, after creating it with its parents; add those that were missing to `created`, innermost first.

    Raises:
        UnwritableFile: the folder cannot be created or opened.
    """
    try:
        missing = path
        while not missing.exists():
            created.append(missing)
            missing = missing.parent
        path.mkdir(parents=True, exist_ok=True)
        return Folder(path)
    except (OSError, ValueError) as error:
        raise problems.writing(error, path) from error


class Staging:
    """A set of files in one folder that are published together."""

    def __init__(self, folder: Folder, *, force: bool, permissions_of: InputFiles) -> None:
        self._folder = folder
        self._force = force
        self._allowed, self._group = _permissions(permissions_of)
        self._entry = _begin()
        self._members: list[_Member] = []
        self._streams: dict[str, BufferedRandom] = {}
        self._complete: dict[str, Future[tuple[int, str]]] = {}
        self._beside = ThreadPoolExecutor(1)
        self._entry.note({"folder": str(folder.path.absolute()), "device": folder.device, "inode": folder.inode})

    def open(self, name: str) -> BufferedRandom:
        """Create a file of the set for writing and reading, and leave it open.

        Args:
            name: the file's final name.

        Raises:
            FileExists: the name is taken and `force` is off. Raised before any work is done.
            UnwritableFile: a folder has this name, or the system does not support the name.
            ValueError: the name is already in the set.
        """
        if name in self._streams:
            raise ValueError(f"{name} is already in the set")
        check_free(self._folder.path / name, force=self._force)
        temporary = self._entry.temporary_name(len(self._members))
        descriptor = self._folder.create(temporary, mode=self._allowed)
        found = os.fstat(descriptor)
        self._members.append(_Member(name=name, temporary=temporary, stamp=Stamp(found.st_ino, 0, 0)))
        self._entry.note([self._members[-1].noted(len(self._members) - 1)])
        self._streams[name] = os.fdopen(descriptor, "w+b")
        if sys.platform != "win32" and self._group not in (None, found.st_gid):
            # The system assigned a different group, which must not get more permissions than all other users.
            mode = stat.S_IMODE(found.st_mode)
            os.fchmod(descriptor, mode & ~0o070 | (mode & 0o007) << 3)
        return self._streams[name]

    def complete(self, name: str) -> None:
        """Flush a finished file to disk and hash it in the background while others are written."""
        self._streams[name].flush()
        self._complete[name] = self._beside.submit(_synced, self._streams[name])

    def size_and_sha256(self, name: str) -> tuple[int, str]:
        """Wait for a file that was passed to `complete`, and return its size in bytes and its sha256."""
        return self._complete[name].result()

    def publish(self) -> None:
        """Rename all files to their final names; if one fails, restore the previous files and raise."""
        for member in self._members:
            self._finish(member)
        with _turn():
            self._move()

    def _move(self) -> None:
        for member in self._members:
            old = self._folder.stat(member.name) if self._force else None
            member.old = None if old is None else Stamp.of(old)
        self._entry.note([member.noted(number) for number, member in enumerate(self._members)])
        self._entry.sync()
        placed: set[str] = set()
        try:
            for member in self._members:
                if placed and member is self._members[-1]:
                    self._folder.sync()  # after a power failure the recipe must not exist without its files
                self._keep_old(member)
                self._place(member)
                placed.add(member.name)
            self._folder.sync()
        except BaseException:
            with suppress(OSError):
                _take_back(self._folder, self._members, placed=placed, whole_stays=False)
            raise

    def discard(self) -> None:
        """Remove the remaining temporary files; the journal keeps its entry until all are removed."""
        self._beside.shutdown()
        for stream in self._streams.values():
            with suppress(OSError):
                stream.close()
        if _remove(self._folder, self._members, begun=self._entry.temporary_name(len(self._members))):
            self._entry.drop()
        else:
            self._entry.close()

    def _finish(self, member: _Member) -> None:
        """Flush a file to disk, and note its stamp."""
        stream = self._streams[member.name]
        if member.name in self._complete:
            self._complete[member.name].result()
        else:
            stream.flush()
            sync(stream.fileno())
            stream.close()
        there = self._folder.stat(member.temporary)
        if there is None or there.st_ino != member.stamp.inode:
            raise FileNotFoundError(2, "It was removed while it was written", member.name)
        member.stamp = Stamp.of(there)

    def _keep_old(self, member: _Member) -> None:
        """Also give the file being replaced a temporary name, so that it can be restored later."""
        if member.old is None:
            return
        try:
            self._folder.link(member.name, member.kept)
        except OSError:  # the file system has no hard links
            self._folder.move(member.name, member.kept)
        there = self._folder.stat(member.kept)
        if there is not None:  # read again: another writer may have replaced the file
            member.old = Stamp.of(there)

    def _place(self, member: _Member) -> None:
        if self._force:
            self._folder.replace(member.temporary, member.name)
            return
        try:
            self._folder.move(member.temporary, member.name)
        except FileExistsError:
            raise already_exists(self._folder.path / member.name) from None


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


@dataclass(kw_only=True)
class _Member:
    """A file of a set.

    Attributes:
        name: its final name.
        temporary: its temporary name.
        stamp: its stamp; until it is finished, only the inode is right.
        old: stamp of the file that it replaces; None if it replaces none.
    """

    name: str
    temporary: str
    stamp: Stamp
    old: Stamp | None = None

    @property
    def kept(self) -> str:
        """The temporary name of the file that it replaces."""
        return f"{self.temporary}-old"

    def noted(self, number: int) -> dict[str, Any]:
        """Return what the journal notes of the file."""
        return {"name": self.name, "temporary": number, "stamp": self.stamp, "old": self.old}


class _Entry:
    """The notes of one writer: a file that only this user may write, locked while the writer runs.

    Its random name is part of the names of the writer's temporary files. Without a descriptor, nothing is noted.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def temporary_name(self, number: int) -> str:
        """Return the name of a temporary file of the writer."""
        return f".dioptre-{self._path.stem}-{number}"

    def note(self, what: dict[str, Any] | list[dict[str, Any]]) -> None:
        """Append a note. If that fails, for example on a full disk, a recovery does without the note."""
        with suppress(OSError):
            os.write(self._descriptor, json.dumps(what).encode() + b"\n")

    def notes(self) -> list[Any]:
        """Return the complete notes, without a truncated last one."""
        notes = []
        with suppress(ValueError):
            for line in self._path.read_bytes().split(b"\n")[:-1]:
                notes.append(json.loads(line))
        return notes

    def is_abandoned(self) -> bool:
        """Lock the entry and return whether its writer has died; drop it if it is too old or empty."""
        age_s = time.time() - os.fstat(self._descriptor).st_mtime
        empty = not self.notes()
        if (empty and age_s < _BEGINNING_S) or not lock(self._descriptor):
            return False
        if empty or age_s > _KEPT_S:
            self.drop()
            return False
        return True

    def sync(self) -> None:
        """Wait until the notes are on the disk."""
        with suppress(OSError, ValueError):  # ValueError: there is no descriptor
            os.fsync(self._descriptor)

    def drop(self) -> None:
        """Remove the entry. Call this only once none of its writer's temporary files remain."""
        if sys.platform == "win32":  # an open file cannot be removed
            self.close()
        with suppress(OSError):
            self._path.unlink()
        self.close()

    def close(self) -> None:
        """Release the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _journal() -> Path:
    return data_dir() / "writing"


@contextmanager
def _turn() -> Iterator[None]:
    """Let one process of this user at a time rename files, so that the sets of two writers never mix.

    Without a private journal, there is no lock, because other users could hold it for ever.
    """
    descriptor = -1
    with suppress(OSError):
        if is_private(_journal()):
            descriptor = os.open(_journal() / "lock", OPEN | os.O_CREAT, 0o600)
            lock(descriptor, wait=True)
    try:
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _begin() -> _Entry:
    """Create and lock an entry; one that notes nothing if the journal is not private or cannot be locked."""
    name, descriptor = f"{secrets.token_hex(16)}.jsonl", -1
    with suppress(OSError):
        _journal().mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_private(_journal()):
            descriptor = os.open(_journal() / name, CREATE, 0o600)
    entry = _Entry(_journal() / name, descriptor)
    if descriptor >= 0 and not lock(descriptor):
        entry.drop()
    return entry


def _clean(folder: Folder) -> None:
    """Clean up after this user's killed writers in `folder`: undo partial sets and remove temporary files."""
    try:
        paths = sorted(_journal().glob("*.jsonl")) if is_private(_journal()) else []
    except OSError:
        return
    for path in paths:
        with suppress(OSError, ValueError, TypeError, KeyError):
            entry = _Entry(path, os.open(path, OPEN))
            try:
                if entry.is_abandoned():
                    _recover(folder, entry)
            finally:
                entry.close()


def _recover(folder: Folder, entry: _Entry) -> None:
    """Undo what the entry's dead writer left in `folder`, unless the entry concerns another folder."""
    where, *notes = entry.notes()  # read under the lock: the writer may have added notes before it ended
    same_path = where["folder"] == str(folder.path.absolute())  # a disk's number may change on remounting
    if where["inode"] != folder.inode or not (where["device"] == folder.device or same_path):
        return
    members = {}
    for note in chain.from_iterable(notes):  # the last note of each file counts
        number = int(note["temporary"])
        members[number] = _Member(
            name=str(note["name"]),
            temporary=entry.temporary_name(number),
            stamp=Stamp(*map(int, note["stamp"])),
            old=Stamp(*map(int, note["old"])) if note["old"] else None,
        )
    with _turn():
        _take_back(folder, list(members.values()))
    if _remove(folder, list(members.values()), begun=entry.temporary_name(len(members))):
        entry.drop()


def _take_back(
    folder: Folder, members: Sequence[_Member], *, placed: Collection[str] = (), whole_stays: bool = True
) -> None:
    """Undo a partially published set of files.

    A file is removed only if its inode, size and modification time are those of the file that the writer placed, or
    if its name is in `placed`.

    Args:
        folder: the folder of the set.
        members: all files of the set.
        placed: names of files that the caller itself has placed.
        whole_stays: whether to keep the set if all of its files are present.
    """
    found = {member.name: folder.stat(member.name) for member in members}
    ours = {
        member.name
        for member in members
        if (there := found[member.name]) is not None
        and ((_may_be_ours(there) and Stamp.of(there) == member.stamp) or member.name in placed)
    }
    whole = whole_stays and len(ours) == len(members)
    for member in members:
        kept = None if member.old is None else folder.stat(member.kept)
        if kept is None or Stamp.of(kept) != member.old:
            if member.name in ours and not whole:
                folder.unlink(member.name)
        elif whole or (found[member.name] is not None and member.name not in ours):
            folder.unlink(member.kept)
        else:
            folder.replace(member.kept, member.name)


def _remove(folder: Folder, members: Sequence[_Member], *, begun: str) -> bool:
    """Remove the temporary files that still have the inodes of a set's files; return whether all of them are gone.

    Args:
        folder: the folder of the set.
        members: all files of the set.
        begun: temporary name of the next file. If the writer was killed just after creating it, it is empty, and is
            removed, too.
    """
    gone = True
    with suppress(OSError):
        there = folder.stat(begun)
        if there is not None and there.st_size == 0 and _may_be_ours(there):
            folder.unlink(begun)
    for member in members:
        try:
            there = folder.stat(member.temporary)
            if there is not None and there.st_ino == member.stamp.inode and _may_be_ours(there):
                folder.unlink(member.temporary)
            there = None if member.old is None else folder.stat(member.kept)
            if there is not None and member.old is not None and there.st_ino == member.old.inode:
                folder.unlink(member.kept)  # a replaced file may be a link or belong to another user
        except OSError:
            gone = False
    return gone


def _may_be_ours(found: os.stat_result) -> bool:
    """Return whether this is a regular file of this user. Inodes alone are not enough, because they are reused."""
    owned = sys.platform == "win32" or found.st_uid == os.geteuid()
    return owned and stat.S_ISREG(found.st_mode)


class Stamp(NamedTuple):
    """The properties that distinguish a file from all others and from changed versions of itself."""

    inode: int
    size: int
    modified_ns: int

    @staticmethod
    def of(found: os.stat_result) -> Stamp:
        """Create a stamp from the result of `os.stat`."""
        return Stamp(found.st_ino, found.st_size, found.st_mtime_ns)


class Folder:
    """A folder that stays open until `close`. Names are single path components; methods raise OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = _opened(path) if _BY_DESCRIPTOR else None
        found = path.stat() if self._descriptor is None else os.fstat(self._descriptor)
        self.device, self.inode = found.st_dev, found.st_ino

    def create(self, name: str, *, mode: int = 0o666) -> int:
        """Create a new file for reading and writing; return its descriptor."""
        return os.open(self._at(name), CREATE, mode, dir_fd=self._descriptor)

    def stat(self, name: str) -> os.stat_result | None:
        """Return the status of `name` without following a link; None if it does not exist."""
        try:
            return os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def link(self, name: str, other: str) -> None:
        """Create `other` as a hard link to `name`; fails if `other` exists or the file system has no hard links."""
        if self._descriptor is None:
            os.link(self._at(name), self._at(other))
        else:
            at = self._descriptor
            os.link(self._at(name), self._at(other), src_dir_fd=at, dst_dir_fd=at, follow_symlinks=False)

    def replace(self, name: str, other: str) -> None:
        """Rename `name` to `other`, replacing an existing file."""
        os.replace(self._at(name), self._at(other), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def move(self, name: str, other: str) -> None:
        """Rename `name` to `other`; raise FileExistsError if `other` exists."""
        if sys.platform == "win32":
            (self.path / name).rename(self.path / other)
            return
        try:
            self.link(name, other)
        except FileExistsError:
            raise
        except OSError:
            self._move_without_links(name, other)
        else:
            self.unlink(name)

    def _move_without_links(self, name: str, other: str) -> None:
        """Rename a file without hard links, so that no other file is replaced.

        If the system cannot refuse to replace a file, an empty one reserves the name for a moment.
        """
        if _renamed_alone(self._descriptor, self._at(name), self._at(other)):
            return
        descriptor = self.create(other)
        try:
            ours = os.fstat(descriptor).st_ino
        finally:
            os.close(descriptor)
        try:
            self.replace(name, other)
        except BaseException:
            there = self.stat(other)
            if there is not None and there.st_ino == ours and there.st_size == 0:
                self.unlink(other)
            raise

    def unlink(self, name: str) -> None:
        """Remove a file, or a link but not its target."""
        os.unlink(self._at(name), dir_fd=self._descriptor)

    def sync(self) -> None:
        """Wait until the folder's entries are on the disk, if the system supports that."""
        if self._descriptor is None:
            return
        try:
            sync(self._descriptor)
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise

    def close(self) -> None:
        """Close the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _at(self, name: str) -> str:
        if Path(name).name != name:
            raise ValueError(f"{name!r} is more than one part of a path")
        return name if self._descriptor is not None else str(self.path / name)

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _renamed_alone(folder: int | None, name: str, other: str) -> bool:
    """Rename a file unless the new name is taken; return False if this system or disk has no such call.

    Raises:
        FileExistsError: the new name is taken.
    """
    import ctypes

    call, flag = ("renameatx_np", _RENAME_EXCL) if sys.platform == "darwin" else ("renameat2", _RENAME_NOREPLACE)
    rename = getattr(ctypes.CDLL(None, use_errno=True), call, None)
    if rename is None or folder is None:
        return False
    if rename(folder, os.fsencode(name), folder, os.fsencode(other), flag) == 0:
        return True
    if ctypes.get_errno() == errno.EEXIST:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name, None, other)
    return False


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | _FOLDER)
    except PermissionError:  # a drop box: users may add files to it, but cannot list it
        if not hasattr(os, "O_PATH"):
            raise
        return os.open(path, os.O_PATH | _FOLDER)


def sync(descriptor: int) -> None:
    """Wait until a file's bytes are on the disk. On macOS, fsync alone leaves them in the drive's cache."""
    if sys.platform == "darwin":
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


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
