"""Clicks stay, and images made of a photo have a name, under a virtual display. See inside/clicks.sh."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Gimp

pytestmark = pytest.mark.editor


def test_clicks_stay_and_what_is_made_has_a_name(make_gimp: Callable[[], Gimp]) -> None:
    make_gimp().person("clicks.sh", start="dialog.py", named="clicks-", sandbox=("--screen", "1366x768"))
