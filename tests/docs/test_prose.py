"""The prose check finds a phrase to avoid in pages, comments, docstrings and messages, but not in code."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def prose(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("prose", checkout / ".ci" / "prose.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "prose", module)  # The dataclass decorator looks up the module in sys.modules.
    spec.loader.exec_module(module)
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
