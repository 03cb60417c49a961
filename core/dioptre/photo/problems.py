"""Errors about files, with messages and hints for the user."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from dioptre_link.errors import DioptreError, UsageError
from dioptre_link.language import DANGLING, IN_USE, SYSTEM_REASONS, Message, system_reason
from dioptre_link.printable import printable


class MissingFile(DioptreError):  # noqa: N818  (named as the state it reports, like the other ones below)
    """The path does not exist or is not a file."""

    code = "missing-file"


class UnreadableFile(DioptreError):  # noqa: N818
    """The system does not allow the file to be read."""

    code = "unreadable-file"


class NotAPicture(DioptreError):  # noqa: N818
    """The file is not in a format that Dioptre reads."""

    code = "not-a-picture"


class DamagedPicture(DioptreError):  # noqa: N818
    """The picture file is truncated, corrupt, or contains values that are not numbers."""

    code = "damaged-picture"


class PictureTooLarge(DioptreError):  # noqa: N818
    """The file's header declares more pixels than the limit."""

    code = "picture-too-large"


class NotEnoughMemory(DioptreError):  # noqa: N818
    """The picture needs more memory than is free."""

    code = "out-of-memory"


class TooSlow(DioptreError):  # noqa: N818
    """Reading the file exceeded its time limit."""

    code = "too-slow"


class FileExists(DioptreError):  # noqa: N818
    """The output already exists and may not be overwritten."""

    code = "file-exists"


class DamagedResult(DioptreError):  # noqa: N818
    """A result is not in the state in which it was written: truncated, damaged or edited."""

    code = "damaged-result"


class UnwritableFile(DioptreError):  # noqa: N818
    """The output cannot be written: no permission, no space, or a name that the system does not accept."""

    code = "unwritable-file"


def reading(error: OSError, path: Path) -> DioptreError:
    """Return the error that explains why `path` cannot be read."""
    name, reason = shown(path), system_reason(error)
    if error.errno == errno.ELOOP or reason == DANGLING:
        return MissingFile(
            "{name} cannot be read: {reason}.",
            hint="Specify the file itself, or restore what the link leads to.",
            name=name,
            reason=reason,
        )
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return MissingFile("The file {name} does not exist.", hint="Check the spelling and the folder.", name=name)
    if isinstance(error, IsADirectoryError):
        return MissingFile(
            "{name} is a folder, not a picture.",
            hint="Specify a picture in it, or use 'batch' for a whole folder.",
            name=name,
        )
    if isinstance(error, PermissionError) and reason != IN_USE:
        return UnreadableFile(
            "You do not have permission to read {name}.",
            hint="Give yourself read access, or copy the file.",
            name=name,
        )
    return UnreadableFile(
        "{name} cannot be read: {reason}.", hint="Check the disk or the network.", name=name, reason=reason
    )


def not_a_file(path: Path) -> DioptreError:
    """Return the error for FIFOs, sockets and devices, which may block or never end."""
    return MissingFile(
        "{name} is not a regular file.", hint="Copy the picture to a regular file and use that.", name=shown(path)
    )


def too_many_pixels(path: Path, width: int, height: int, *, limit_megapixels: float) -> DioptreError:
    """Return the error for a picture that exceeds the user's limit."""
    return PictureTooLarge(
        "{name} has {width} × {height} pixels ({megapixels} megapixels); the limit is {limit}.",
        hint="Use a smaller copy, or raise the limit with DIOPTRE_MAX_MEGAPIXELS.",
        name=shown(path),
        width=width,
        height=height,
        megapixels=f"{width * height / 1e6:.0f}",
        limit=f"{limit_megapixels:.0f}",
    )


def implausible(path: Path, width: int, height: int) -> DioptreError:
    """Return the error for a picture that declares far more pixels than its file can contain."""
    return PictureTooLarge(
        "{name} claims {width} × {height} pixels, far more than a file of its size can contain.",
        hint="Copy it again from its source, or open it in an editor and export it again.",
        name=shown(path),
        width=width,
        height=height,
    )


def not_enough_memory(path: Path, needed_bytes: int, *, free_bytes: int) -> DioptreError:
    """Return the error for a picture that needs more memory than is free."""
    return NotEnoughMemory(
        "{name} needs about {needed} GB of memory; {free} GB are free.",
        hint="Close other programs, or use a smaller copy of the picture.",
        name=shown(path),
        needed=f"{needed_bytes / 1e9:.1f}",
        free=f"{free_bytes / 1e9:.1f}",
    )


def too_much_memory(path: Path) -> DioptreError:
    """Return the error for a file whose decoder uses more memory than it should need."""
    return NotEnoughMemory(
        "Reading {name} takes more memory than a picture of its size should need.",
        hint="Open it in an editor and export it again.",
        name=shown(path),
    )


def unsupported_compression(path: Path, compression: str) -> NotAPicture:
    """Return the error for a whole file with a compression that no installed decoder reads."""
    return NotAPicture(
        "Dioptre does not support the compression of {file}: {compression}.",
        hint="Open it in the program that wrote it, and export it as PNG or as a TIFF with LZW or Deflate.",
        file=shown(path),
        compression=compression,
    )


def unsupported_bits(path: Path, bits: int) -> NotAPicture:
    """Return the error for a whole file whose channels have a number of bits that is not supported."""
    return NotAPicture(
        "{file} has {bits} bits per channel, which Dioptre does not support in this kind of file.",
        hint="Open it in an editor, and export it with 8 or 16 bits, or 32-bit floats.",
        file=shown(path),
        bits=bits,
    )


def unsupported_values(path: Path, kind: str) -> NotAPicture:
    """Return the error for values that are not unsigned integers or floats, such as "int"."""
    return NotAPicture(
        "{file} contains {format} values.",
        hint="Export it with 8, 16 or 32 bits per channel (float).",
        file=shown(path),
        format=kind,
    )


def unsupported_heif(path: Path, kind: str) -> NotAPicture:
    """Return the error for a whole HEIC or AVIF file without a still picture, or with one in an uncommon coding."""
    return NotAPicture(
        "{file} is a {format} with a sequence of frames or another coding, which Dioptre does not support.",
        hint="Open it in the program that wrote it, and export it as JPEG or PNG.",
        file=shown(path),
        format=kind,
    )


def unsupported_colours(path: Path) -> NotAPicture:
    """Return the error for a whole file with an uncommon colour model."""
    return NotAPicture(
        "{file} has a colour model that Dioptre does not support.",
        hint="Open it in an editor, and export it as grey, RGB or CMYK.",
        file=shown(path),
    )


def too_slow(path: Path) -> DioptreError:
    """Return the error for a file that exceeded its time limit."""
    return TooSlow(
        "Reading {name} took too long.",
        hint="Check the disk or the network, or open it in an editor and export it again.",
        name=shown(path),
    )


def decoder_ended(path: Path) -> DioptreError:
    """Return the error for a file whose decoder crashed."""
    return DamagedPicture(
        "{name} could not be decoded: the decoder crashed.",
        hint="Open it in an editor and export it again.",
        name=shown(path),
    )


_FULL = {
    errno.ENOSPC: Message("The disk is full"),
    errno.EDQUOT: Message("Your quota on the disk is used up"),
    errno.EFBIG: Message("The disk is full, or does not take so large a file"),
}


def writing(error: OSError | ValueError, path: Path) -> UnwritableFile:
    """Return the error that explains why `path` cannot be written; a ValueError means that its name is invalid."""
    if not isinstance(error, OSError):
        error = OSError(errno.EILSEQ, str(error))
    name, number, hint = shown(path), error.errno, Message("Choose another folder for the output.")
    named = error.filename2 is not None or error.filename in (str(path), path, *path.parents)
    if number in (errno.ENAMETOOLONG, errno.EILSEQ) or (number == errno.EINVAL and named):
        return UnwritableFile(  # EINVAL, for example, for a colon on a drive for Windows
            "The system does not accept the name {name}.", hint="Choose a shorter, simpler name.", name=name
        )
    if number in _FULL:
        return UnwritableFile(
            "{reason}: {name} was not written.",
            hint="Free some disk space and run the command again.",
            name=name,
            reason=_FULL[number],
        )
    reason = system_reason(error)
    if reason == IN_USE:
        hint = Message("Close it in the other program, or choose another name.")
    elif isinstance(error, PermissionError):
        reason = Message("its folder is read-only")
    elif number in (errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.ELOOP):
        reason, hint = _reason_of_path(path), Message("Check the output folder.")
    elif number == errno.EINVAL:
        reason = SYSTEM_REASONS["ENOTSUP"]
    return UnwritableFile("{name} cannot be written: {reason}.", hint=hint, name=name, reason=reason)


def _reason_of_path(path: Path) -> str:
    """Return the reason why a folder or file cannot be created here."""
    try:
        path.stat()
    except OSError as error:
        return system_reason(error)
    return SYSTEM_REASONS["ENOTDIR"]


def replacing(error: OSError, path: Path) -> UnwritableFile:
    """Return the error that explains why an existing file cannot be replaced."""
    if not isinstance(error, PermissionError | FileExistsError) or not os.path.lexists(path):
        return writing(error, path)
    return UnwritableFile(
        "{file} cannot be replaced on this drive: {reason}.",
        hint="Close it in other programs, remove it yourself, or choose another name or folder.",
        file=shown(path),
        reason=system_reason(error),
    )


def changed(path: Path) -> UnreadableFile:
    """Return the error for a file that changed after work on it began."""
    return UnreadableFile(
        "{file} changed while it was being processed.", hint="Run the command again.", file=shown(path)
    )


def shown(path: Path) -> str:
    """Return `path` as text that can be printed anywhere; bytes that are not text become "?"."""
    return printable(str(path).encode("utf-8", "replace").decode("utf-8").replace("\0", "?").replace("\n", "?"))


BY_CODE: dict[str, type[DioptreError]] = {
    kind.code: kind
    for kind in (
        MissingFile,
        UnreadableFile,
        NotAPicture,
        DamagedPicture,
        PictureTooLarge,
        NotEnoughMemory,
        TooSlow,
        UsageError,
    )
}
"""Errors that reading a file may raise, by their code."""
