"""The check of sizes finds files and functions that are too long, and does not count docstrings."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture
def sizes(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script(".ci/sizes.py")


def test_long_files_and_functions_are_found(sizes: ModuleType) -> None:
    body = "    x = 1\n"
    allowed = "def allowed():\n" + '    """One\n\n    two.\n    """\n' + body * 59
    assert list(sizes.findings(allowed)) == []
    too_long = "async def too_long():\n" + body * 60
    assert [line for line, _ in sizes.findings(allowed + too_long)] == [65]
    assert [line for line, _ in sizes.findings("x = 1\n" * 401)] == [1]
    assert list(sizes.findings("x = 1\n" * 400)) == []
