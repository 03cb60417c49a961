"""Read lists of photographs from text files with one name per line; lines that begin with # are comments."""

from __future__ import annotations

from pathlib import Path


def listed(path: Path) -> frozenset[str]:
    """Return the names in a list, without comments and empty lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def with_and_without_subject(lists: Path, folders: list[Path]) -> list[tuple[Path, bool]]:
    """Find the photographs named in either list.

    Args:
        lists: Folder with `with_subject.txt` and `without_subject.txt`.
        folders: Folders to search for the photographs, at any depth.

    Returns:
        The path of each photograph that exists, and whether it has a subject.
    """
    here = {path.name: path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()}
    both = {True: listed(lists / "with_subject.txt"), False: listed(lists / "without_subject.txt")}
    return [(here[name], has) for has, names in both.items() for name in sorted(names) if name in here]
