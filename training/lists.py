"""Lists of photographs in text files: one name a line, lines that begin with # say why."""

from __future__ import annotations

from pathlib import Path


def listed(path: Path) -> frozenset[str]:
    """The names in a list."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
