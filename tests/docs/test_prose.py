"""The prose check finds a phrase to avoid in pages, comments, docstrings and messages, but not in code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def prose(load_script: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load_script(".ci/prose.py")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("page.md", "Fine.\n\nIt is made anew.\n", [3]),
        ("page.md", "Fine.\n\n```sh\nanew\n```\n`anew`\n", []),
        ("page.md", "## What is kept\n\nWhat is small is blurred.\n", [3]),
        ("code.py", "x = 1  # made anew\n", [1]),
        ("code.py", 'def f():\n    """Good.\n\n    Made anew.\n    """\n', [4]),
        ("code.py", 'x = "anew"\n', []),
        ("catalogue.json", '[\n{"text": "Good."},\n{"text": "Made anew."}\n]\n', [3]),
    ],
)
def test_phrases_are_found_where_they_are_prose(
    prose: ModuleType, tmp_path: Path, name: str, text: str, lines: list[int]
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    found = prose.check(path, prose.phrases())
    assert [each.split(":")[1] for each in found] == [str(line) for line in lines]
