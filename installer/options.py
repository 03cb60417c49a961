"""The options of `install.py` without a command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import extras
from .console import Misuse

FOLDERS = ("--gimp-dir", "--krita-dir")
EXTRAS = {f"--{no}{name}": (name, not no) for name in extras.NAMES for no in ("", "no-")}
STARTS = frozenset({"--repair", *FOLDERS, *EXTRAS})  # Options that can begin a command line without a command.


@dataclass(frozen=True, kw_only=True)
class Options:
    """Parsed options.

    Attributes:
        repair: Reinstall everything.
        folders: Folders given with --gimp-dir and --krita-dir, by option.
        extras: Extras to add (True) or remove (False).
    """

    repair: bool = False
    folders: dict[str, Path] = field(default_factory=dict)
    extras: dict[str, bool] = field(default_factory=dict)


def parse(arguments: Sequence[str]) -> Options:
    """Parse the arguments.

    Raises:
        Misuse: An option is unknown, repeated or incomplete.
    """
    repair, folders, wanted = False, dict[str, Path](), dict[str, bool]()
    rest = list(arguments)
    while rest:
        option = rest.pop(0)
        if option == "--repair":
            repair = True
        elif option in EXTRAS and EXTRAS[option][0] not in wanted:
            name, add = EXTRAS[option]
            wanted[name] = add
        elif option in FOLDERS and option not in folders:
            if not rest or rest[0].startswith("-"):
                raise Misuse(f"{option} needs a folder.")
            folders[option] = Path(rest.pop(0))
        else:
            raise Misuse(f"{' '.join(arguments)}: {option} cannot be used here.")
    return Options(repair=repair, folders=folders, extras=wanted)
