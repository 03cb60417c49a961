"""The lists of photographs beside this file: one name a line, lines that begin with # say why."""

from __future__ import annotations

from pathlib import Path


def listed(name: str) -> frozenset[str]:
    """The names in a list."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
