"""What can be wrong with a file, as errors that a user can read."""

from __future__ import annotations

import errno
from pathlib import Path

from dioptre_link.errors import DioptreError


class MissingFile(DioptreError):  # noqa: N818  (named as the state it reports, like the other ones below)
    """There is nothing to read at this place, or it is not a file."""

    code = "missing-file"


class UnreadableFile(DioptreError):  # noqa: N818
    """The system does not let us read it."""

    code = "unreadable-file"


class NotAPicture(DioptreError):  # noqa: N818
    """The file is not in a format that Dioptre reads."""

    code = "not-a-picture"


class DamagedPicture(DioptreError):  # noqa: N818
    """The file is a picture, but cut off, corrupt, or holds values that are not numbers."""

    code = "damaged-picture"


class PictureTooLarge(DioptreError):  # noqa: N818
    """The file's header announces more pixels than the limit."""

    code = "picture-too-large"


class FileExists(DioptreError):  # noqa: N818
    """The output is there already and may not be overwritten."""

    code = "file-exists"


class UnwritableFile(DioptreError):  # noqa: N818
    """The output cannot be written: no permission, no space, a name that the system does not take."""

    code = "unwritable-file"


def reading(error: OSError, path: Path) -> DioptreError:
    """Say in words why `path` cannot be read."""
    name = shown(path)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return MissingFile(f"There is no file {name}.", hint="Check the spelling and the folder.")
    if isinstance(error, IsADirectoryError):
        return MissingFile(
            f"{name} is a folder, not a picture.",
            hint="Name a picture inside it, or use 'batch', which takes a folder.",
        )
    if isinstance(error, PermissionError):
        return UnreadableFile(f"{name} may not be read.", hint="Ask for read permission, or copy the file.")
    return UnreadableFile(
        f"{name} cannot be read: {error.strerror or error}.", hint="Check the disk or the network."
    )


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_BAD_NAME = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}


def writing(error: OSError | ValueError, path: Path) -> DioptreError:
    """Say in words why `path` cannot be written. UnicodeEncodeError and NUL bytes arrive as ValueError."""
    name = shown(path)
    number = error.errno if isinstance(error, OSError) else errno.EILSEQ
    if number in _FULL:
        return UnwritableFile(
            f"The disk is full: {name} was not written.", hint="Free some space and run it again."
        )
    if number in _REFUSED:
        return UnwritableFile(
            f"{name} may not be written: its folder is read-only.", hint="Choose another folder for the output."
        )
    if number in _BAD_NAME:
        return UnwritableFile(f"The system does not take the name {name}.", hint="Choose a shorter, plainer name.")
    if isinstance(error, FileNotFoundError | NotADirectoryError | FileExistsError):
        return UnwritableFile(
            f"{name} cannot be written: something on its path is not a folder.", hint="Check the output folder."
        )
    return UnwritableFile(f"{name} cannot be written: {error}.", hint="Choose another folder for the output.")


def shown(path: Path) -> str:
    """Return the name of `path` as it can be printed everywhere; bytes that are not text become ?."""
    return str(path).encode("utf-8", "replace").decode("utf-8").replace("\0", "?").replace("\n", "?")
