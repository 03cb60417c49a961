"""Clean up after a writer that was killed: its journal names the files, and their inodes identify them.

A writer first records its folder, then each temporary file with its number and inode, and finally, before any file
is renamed, all moves of the set.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from . import journal
from .folder import Folder, Stamp

PREFIX = ".dioptre-"


@dataclass(frozen=True, kw_only=True)
class Move:
    """The rename of one file of a set to its final name.

    Attributes:
        name: the final name.
        temporary: number in the file's temporary name.
        stamp: identity of the file.
        kept: number in the temporary name of the file that is replaced, if any.
        kept_stamp: identity of the replaced file.
    """

    name: str
    temporary: int
    stamp: Stamp
    kept: int | None = None
    kept_stamp: Stamp | None = None

    def to_note(self) -> dict[str, Any]:
        """Return the move as a dictionary that JSON can store."""
        return vars(self)

    @staticmethod
    def from_note(note: dict[str, Any]) -> Move:
        """Parse a move; raise ValueError, TypeError or KeyError if it is invalid."""
        kept_stamp = note["kept_stamp"]
        return Move(
            name=str(note["name"]),
            temporary=int(note["temporary"]),
            stamp=Stamp(*map(int, note["stamp"])),
            kept=None if note["kept"] is None else int(note["kept"]),
            kept_stamp=None if kept_stamp is None else Stamp(*map(int, kept_stamp)),
        )


def temporary_name(token: str, number: int) -> str:
    """Return the name of a writer's temporary file."""
    return f"{PREFIX}{token}-{number}"


def clean(folder: Folder) -> None:
    """Clean up after this user's killed writers in `folder`: undo partial sets and remove temporary files."""
    for entry, notes in journal.abandoned():
        try:
            if not _is_of(folder, notes[0]):
                continue
            inodes = {int(note["temporary"]): int(note["inode"]) for note in notes[1:] if "inode" in note}
            moves = [Move.from_note(move) for note in notes[1:] for move in note.get("moves", ())]
            kept = {m.kept: m.kept_stamp.inode for m in moves if m.kept is not None and m.kept_stamp is not None}
            take_back(folder, moves, token=entry.token)
            if remove(folder, inodes, kept=kept, token=entry.token):
                entry.drop()
        except (OSError, ValueError, TypeError, KeyError):
            continue


def take_back(
    folder: Folder,
    moves: Sequence[Move],
    *,
    token: str,
    placed: Collection[str] = (),
    whole_stays: bool = True,
) -> None:
    """Undo a partially published set of files.

    A file is removed only if its inode, size and modification time are those of the file that the writer placed, or
    if its name is in `placed`.

    Args:
        folder: the folder of the set.
        moves: all renames of the set.
        token: the writer's token.
        placed: names of files that the caller itself has placed.
        whole_stays: whether to keep the set if all of its files are present.
    """
    found = {move.name: folder.stat(move.name) for move in moves}
    ours = {
        move.name
        for move in moves
        if (there := found[move.name]) is not None
        and ((_may_be_ours(there) and Stamp.of(there) == move.stamp) or move.name in placed)
    }
    whole = whole_stays and len(ours) == len(moves)
    for move in moves:
        kept = None if move.kept is None else temporary_name(token, move.kept)
        there = None if kept is None else folder.stat(kept)
        if kept is None or there is None or Stamp.of(there) != move.kept_stamp:
            if move.name in ours and not whole:
                folder.unlink(move.name)
        elif whole or (found[move.name] is not None and move.name not in ours):
            folder.unlink(kept)
        else:
            folder.replace(kept, move.name)


def remove(folder: Folder, inodes: dict[int, int], *, kept: dict[int, int], token: str) -> bool:
    """Remove temporary files that still have the expected inodes.

    If the writer was killed just after creating another file, that file is empty; it is also removed.

    Args:
        folder: the folder of the files.
        inodes: inodes of the files that the writer created, by the numbers in their temporary names.
        kept: likewise, inodes of the replaced files that the writer kept temporarily. These may be links or belong
            to other users.
        token: the writer's token.

    Returns:
        Whether all of these files have been removed.
    """
    gone = True
    begun = temporary_name(token, len(inodes) + len(kept))
    with suppress(OSError):
        there = folder.stat(begun)
        if there is not None and there.st_size == 0 and _may_be_ours(there):
            folder.unlink(begun)
    for number, inode in {**inodes, **kept}.items():
        try:
            there = folder.stat(temporary_name(token, number))
            if there is not None and there.st_ino == inode and (number in kept or _may_be_ours(there)):
                folder.unlink(temporary_name(token, number))
        except OSError:
            gone = False
    return gone


def _may_be_ours(found: os.stat_result) -> bool:
    """Return whether this is a regular file of this user. Inodes alone are not enough, because they are reused."""
    owned = sys.platform == "win32" or found.st_uid == os.geteuid()
    return owned and stat.S_ISREG(found.st_mode)


def _is_of(folder: Folder, note: dict[str, Any]) -> bool:
    """Return whether the notes concern this folder. A disk may have a different device number after remounting."""
    if note.get("inode") != folder.inode:
        return False
    return note.get("device") == folder.device or note.get("folder") == str(folder.path.absolute())
