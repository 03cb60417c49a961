"""The results follow strokes on a depth layer, with a real pointer. See inside/painting.sh."""

from __future__ import annotations

import pytest

from .conftest import Gimp, check_names

pytestmark = pytest.mark.editor


@pytest.fixture(scope="module")
def painted(gimp: Gimp) -> dict[str, str]:
    """Results of checks after the strokes."""
    gimp.person("painting.sh", start="dialog.py", named="painting-")
    return gimp.checks("painting.py")


@pytest.mark.parametrize("check", check_names("painting.py"))
def test_after_the_strokes(painted: dict[str, str], check: str) -> None:
    assert painted[check] == ""
