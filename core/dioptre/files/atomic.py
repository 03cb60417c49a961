"""Files that are there whole or not at all.

Everything is first written into a hidden folder beside its destination (the same disk, so that the last step is
a rename) and moved when all of it is complete. Without `force` an existing file is never replaced, not even one
that appears while we work: a hard link, which fails where a name is taken, does the move where the disk has
them.

A process that is killed leaves its hidden folder. The next one that writes beside it finds that nobody holds the
folder's lock, takes back a set that was published in part, and removes it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from . import leftovers, problems


class Staging:
    """A set of files for one folder, to be published together."""

    def __init__(self, folder: Path, hidden: Path, *, force: bool) -> None:
        self._folder = folder
        self._hidden = hidden
        self._force = force
        self._names: list[str] = []
        self._new = hidden / leftovers.NEW
        self._new.mkdir()

    def path(self, name: str) -> Path:
        """Return where to write the file that will be called `name`.

        Raises FileExists at once where it is there already and `force` is off, so that no work is wasted.
        """
        destination = self._folder / name
        if name in self._names:
            raise ValueError(f"{name} is already in the set")
        check_free(destination, force=self._force)
        self._names.append(name)
        return self._new / name

    def publish(self) -> list[Path]:
        """Move the files to their names; when one cannot be, put back what was there and raise."""
        placed: list[str] = []
        kept = self._hidden / leftovers.REPLACED
        kept.mkdir()
        leftovers.announce(self._hidden, self._names)
        try:
            for name in self._names:
                destination = self._folder / name
                if self._force and destination.exists():
                    _keep(destination, kept / name)
                self._place(self._new / name, destination)
                placed.append(name)
        except BaseException:
            for name in self._names:
                if name in placed:
                    with suppress(OSError):
                        (self._folder / name).unlink()
                if (kept / name).exists():
                    with suppress(OSError):
                        (kept / name).replace(self._folder / name)
            raise
        return [self._folder / name for name in self._names]

    def _place(self, source: Path, destination: Path) -> None:
        if self._force:
            _replace(source, destination, by=self._hidden / "by")
            return
        try:
            os.link(source, destination)
        except FileExistsError:
            raise _exists(destination) from None
        except OSError:  # a file system without hard links; Windows' own rename refuses a taken name
            check_free(destination, force=False)
            source.rename(destination)


@contextmanager
def staged(folder: Path, *, force: bool) -> Iterator[Staging]:
    """Collect files for `folder` (made where missing) and publish them together when the block ends well.

    Raises UnwritableFile or FileExists, in words. After any error nothing of it is left, not even the folder
    where it was made here.
    """
    made = _make_folder(folder)
    leftovers.clean(folder)
    try:
        hidden = Path(tempfile.mkdtemp(prefix=leftovers.PREFIX, dir=folder))
    except (OSError, ValueError) as error:
        _remove_folders(made)
        raise problems.writing(error, folder) from error
    try:
        with leftovers.held(hidden):
            try:
                staging = Staging(folder, hidden, force=force)
                yield staging
                staging.publish()
            finally:
                leftovers.discard(hidden)
    except OSError as error:
        leftovers.discard(hidden)
        _remove_folders(made)
        raise problems.writing(error, Path(error.filename2 or folder)) from error
    except BaseException:
        _remove_folders(made)
        raise


@contextmanager
def replacing(path: Path, *, force: bool) -> Iterator[Path]:
    """Write one file: yields where to write it; it gets its name when the block ends well.

    >>> with replacing(Path("out.txt"), force=False) as beside:  # doctest: +SKIP
    ...     beside.write_text("whole or not at all", encoding="utf-8")
    """
    check_name(path)
    with staged(path.parent, force=force) as staging:
        yield staging.path(path.name)


def check_free(path: Path, *, force: bool) -> None:
    """Raise FileExists where `path` is taken and `force` is off, UnwritableFile where it is a folder."""
    check_name(path)
    try:
        if path.is_dir():
            raise problems.UnwritableFile(
                f"{problems.shown(path)} is a folder.", hint="Name a file, or another output folder."
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
    forbidden = '<>:"|?*' if sys.platform == "win32" else ""
    if not path.name or b"\0" in encoded or len(encoded) > 255 or any(c in path.name for c in forbidden):
        raise problems.writing(ValueError("name"), path)


def _exists(path: Path) -> problems.FileExists:
    return problems.FileExists(
        f"{problems.shown(path)} is there already.", hint="Give --force to replace it, or choose another folder."
    )


def _replace(source: Path, destination: Path, *, by: Path) -> None:
    """Put `source` in the place of `destination`, and keep it under its own name too, where the disk has links."""
    try:
        os.link(source, by)
    except OSError:
        source.replace(destination)
    else:
        by.replace(destination)


def _keep(path: Path, where: Path) -> None:
    """Keep what `path` held, for the case that the set cannot be completed."""
    try:
        os.link(path, where)
    except OSError:
        shutil.copy2(path, where)


def _make_folder(folder: Path) -> list[Path]:
    """Make `folder` with its parents; return those that were made, innermost first."""
    made: list[Path] = []
    try:
        missing = folder
        while not missing.exists():
            made.append(missing)
            missing = missing.parent
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        _remove_folders(made)
        raise problems.writing(error, folder) from error
    return made


def _remove_folders(made: list[Path]) -> None:
    for folder in made:
        with suppress(OSError):
            folder.rmdir()
