"""Lists of photographs in text files: one name a line, lines that begin with # say why."""

from __future__ import annotations

from pathlib import Path


def listed(path: Path) -> frozenset[str]:
    """The names in a list."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def with_and_without_subject(lists: Path, folders: list[Path]) -> list[tuple[Path, bool]]:
    """The photographs below the folders that either list names, and whether they have a subject."""
    here = {path.name: path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()}
    both = {True: listed(lists / "with_subject.txt"), False: listed(lists / "without_subject.txt")}
    return [(here[name], has) for has, names in both.items() for name in sorted(names) if name in here]
